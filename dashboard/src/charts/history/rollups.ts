// How a run went, from pages of groups of episodes.
import type { HistoryAnswer, HistoryLane, Mark, Quantity } from "../../api/types";

/** Groups a chart has at most by itself: more than pixels on a phone, quick to draw and to ask for. */
export const AUTO_GROUPS = 400;

/** Steps of 1, 2 and 5: the least that leaves at most `groups` of them. */
export function autoGranularity(episodes: number, groups = AUTO_GROUPS): number {
  for (let power = 1; ; power *= 10) {
    for (const step of [1, 2, 5]) if (episodes <= groups * step * power) return step * power;
  }
}

/** Granularities that one may choose for so many episodes: none leaves fewer than two groups. */
export function granularities(episodes: number): number[] {
  const found = [1];
  for (let power = 1; ; power *= 10) {
    for (const step of [2, 5, 10]) {
      if (step * power * 2 > episodes) return found;
      found.push(step * power);
    }
  }
}

export interface History {
  granularity: number;
  lanes: Record<string, HistoryLane>;
  marks: Mark[];
}

const lists = (before: Record<string, Quantity[]>, after: Record<string, Quantity[]>) =>
  Object.fromEntries(
    [...new Set([...Object.keys(before), ...Object.keys(after)])].map((key) => [
      key,
      [...(before[key] ?? []), ...(after[key] ?? [])],
    ]),
  );

/** Join pages in their order to one. */
export function joinPages(pages: readonly HistoryAnswer[]): History {
  const lanes: Record<string, HistoryLane> = {};
  for (const page of pages) {
    for (const [name, lane] of Object.entries(page.lanes)) {
      const before = lanes[name];
      lanes[name] = before
        ? {
            episode: [...before.episode, ...lane.episode],
            count: [...before.count, ...lane.count],
            phase: [...before.phase, ...lane.phase],
            bound: [...before.bound, ...lane.bound],
            values: lists(before.values, lane.values),
            cumulative: lists(before.cumulative, lane.cumulative),
          }
        : lane;
    }
  }
  const marks = new Map(
    pages.flatMap((page) => page.marks).map((mark) => [JSON.stringify(mark), mark]),
  );
  return { granularity: pages[0]?.granularity ?? 1, lanes, marks: [...marks.values()] };
}

/** What of a lane is looked at: means over each group, or sums from the run's beginning. */
export interface Choice {
  metric: string;
  isCumulative: boolean;
}

export function valuesOf(lane: HistoryLane, { metric, isCumulative }: Choice): Quantity[] {
  return (isCumulative ? lane.cumulative[metric] : lane.values[metric]) ?? [];
}

/** Metrics that some lane has values of. */
export function measured(lanes: Record<string, HistoryLane>, isCumulative: boolean): Set<string> {
  const found = new Set<string>();
  for (const lane of Object.values(lanes)) {
    const values = isCumulative ? lane.cumulative : lane.values;
    for (const [key, list] of Object.entries(values)) {
      if (list.some((value) => value !== null)) found.add(key);
    }
  }
  return found;
}

/** Points to draw: (episode, value); a mean is in the middle of its group, a sum at its end.
 *
 * What there is not, or is infinite, leaves a gap.
 */
export function points(
  lane: HistoryLane,
  choice: Choice,
  scale: number,
): [x: number, y: number | null][] {
  const values = valuesOf(lane, choice);
  return lane.episode.map((first, group) => {
    const length = (lane.count[group] ?? 1) - 1;
    const value = values[group];
    const y = typeof value === "number" ? value * scale : null;
    return [first + (choice.isCumulative ? length : length / 2), y];
  });
}

/** How many values are infinite, which no chart can show. */
export function infinite(lanes: Record<string, HistoryLane>, choice: Choice): number {
  return Object.values(lanes)
    .flatMap((lane) => valuesOf(lane, choice))
    .filter((value) => value === "inf" || value === "-inf").length;
}

/** Whether values differ so much that only a logarithmic axis shows all. */
export function spreadsWide(values: readonly (number | null)[]): boolean {
  const drawn = values.filter((value): value is number => value !== null);
  const least = drawn.reduce((low, value) => Math.min(low, value), Number.POSITIVE_INFINITY);
  const most = drawn.reduce((high, value) => Math.max(high, value), 0);
  return least > 0 && most > 30 * least;
}

/** A group of episodes over all lanes. */
export interface GroupRow {
  first: number;
  count: number;
  phase: string;
  bound: Quantity;
  /** By scheduler. */
  values: Record<string, Quantity>;
}

/** The groups as rows of a table, the oldest first; a lane that lacks one has no value there. */
export function groupRows(lanes: Record<string, HistoryLane>, choice: Choice): GroupRow[] {
  const rows = new Map<number, GroupRow>();
  for (const [name, lane] of Object.entries(lanes)) {
    const values = valuesOf(lane, choice);
    lane.episode.forEach((first, group) => {
      const row = rows.get(first) ?? {
        first,
        count: lane.count[group] ?? 0,
        phase: lane.phase[group] ?? "",
        bound: lane.bound[group] ?? null,
        values: {},
      };
      row.values[name] = values[group] ?? null;
      rows.set(first, row);
    });
  }
  return [...rows.values()].sort((a, b) => a.first - b.first);
}
