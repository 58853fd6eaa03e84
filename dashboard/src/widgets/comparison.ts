// The rows of the comparison: from the live state, or from the store if the run is not live.
import type { ComparisonAnswer, LaneState, MeanValue, Measure, Quantity } from "../api/types";
import { toNumber } from "../format";
import type { Sorting } from "./SortHeader";

export type Span = "now" | "window" | "all";

export interface ComparisonRow {
  scheduler: string;
  /** Place among the lanes of the run. */
  place: number;
  episodes: number;
  values: Record<string, Quantity>;
  /** By metric: less the reference, with the half-width of its 95 % interval. */
  differences: Record<string, MeanValue>;
}

/** Rows of the live state, in the order of the lanes. */
export function liveRows(
  lanes: Record<string, LaneState>,
  schedulers: readonly string[],
  span: Span,
): ComparisonRow[] {
  return Object.values(lanes).map((lane) => ({
    scheduler: lane.scheduler,
    place: schedulers.indexOf(lane.scheduler),
    episodes: span === "now" ? 1 : span === "window" ? lane.window_episodes : lane.episodes,
    values: lane[span],
    differences: {},
  }));
}

/** Rows of what the store answers, in the order of the lanes. */
export function storedRows(
  answer: ComparisonAnswer,
  schedulers: readonly string[],
): ComparisonRow[] {
  return answer.lanes
    .map(({ scheduler, episodes, means, differences }) => ({
      scheduler,
      place: schedulers.indexOf(scheduler),
      episodes,
      values: Object.fromEntries(Object.entries(means).map(([key, { mean }]) => [key, mean])),
      differences,
    }))
    .sort((a, b) => a.place - b.place);
}

/** Whether a metric is a column of the rows: a value, or what a difference to a reference is of.
 *
 * A sum "so far" is one over all episodes alone. What is of all tasks over many episodes has no
 * difference episode by episode: the mean of those of the episodes may have another sign.
 */
export function isColumn(
  { key, over_episodes }: Measure,
  rows: readonly ComparisonRow[],
  span: Span,
  isDifference: boolean,
): boolean {
  if (over_episodes === "sum" && span !== "all") return false;
  if (isDifference && over_episodes === "tasks" && span !== "now") return false;
  return rows.some(({ values, differences }) => {
    const value = isDifference ? differences[key]?.mean : values[key];
    return (value ?? null) !== null;
  });
}

/** Rows by a metric, or by "scheduler"; what has no value stands last either way. */
export function sortRows(
  rows: readonly ComparisonRow[],
  sorting: Sorting<string>,
): ComparisonRow[] {
  const sign = sorting.order === "asc" ? 1 : -1;
  return rows.toSorted((a, b) => {
    if (sorting.key === "scheduler") return sign * (a.place - b.place);
    const [x, y] = [toNumber(a.values[sorting.key]), toNumber(b.values[sorting.key])];
    if (x === null || y === null) return Number(x === null) - Number(y === null);
    return x === y ? a.place - b.place : sign * (x < y ? -1 : 1);
  });
}

/** The best value of a metric; null: fewer than two rows have one, or all are as good. */
export function bestValue(rows: readonly ComparisonRow[], measure: Measure): number | null {
  const values = rows
    .map((row) => toNumber(row.values[measure.key]))
    .filter((value) => value !== null);
  const [least, most] = [Math.min(...values), Math.max(...values)];
  if (values.length < 2 || least === most) return null;
  return measure.lower_is_better ? least : most;
}
