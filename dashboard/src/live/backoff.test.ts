import { expect, it } from "vitest";
import { waitMs } from "./backoff";

it.each([
  [1, 250, 500],
  [2, 500, 1000],
  [4, 2000, 4000],
  [7, 15_000, 30_000],
  [1000, 15_000, 30_000],
])("waits after %d failures between %d and %d ms", (tries, least, most) => {
  expect(waitMs(tries, 0)).toBe(least);
  expect(waitMs(tries, 1)).toBe(most);
  const drawn = Array.from({ length: 50 }, () => waitMs(tries));
  expect(Math.min(...drawn)).toBeGreaterThanOrEqual(least);
  expect(Math.max(...drawn)).toBeLessThan(most);
  expect(new Set(drawn).size).toBeGreaterThan(40);
});
