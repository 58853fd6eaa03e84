export const FIRST_WAIT_MS = 500;
export const MAX_WAIT_MS = 30_000;

/** How long to wait before the next try [ms]: doubles up to half a minute, with half of it drawn.
 *
 * @param tries How many have failed in a row, at least 1.
 * @param draw A number in [0, 1), so that many pages do not come back at once.
 */
export function waitMs(tries: number, draw: number = Math.random()): number {
  const full = Math.min(MAX_WAIT_MS, FIRST_WAIT_MS * 2 ** Math.min(tries - 1, 30));
  return full / 2 + (full / 2) * draw;
}
