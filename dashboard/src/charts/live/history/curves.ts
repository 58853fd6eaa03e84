import type { HistoryLane, Mark, Quantity } from "../../../api/types";
import type { History } from "./merge";

/** A value after an episode; null: there is none that a chart could show. */
export type Point = [episode: number, value: number | null];

/** A lane's line. */
export interface Curve {
  lane: string;
  points: Point[];
}

/** Where the values of a lane are, one a group. */
export type Source = (lane: HistoryLane) => Quantity[] | undefined;

export const meanOf =
  (metric: string): Source =>
  (lane) =>
    lane.values[metric];

export const sumOf =
  (metric: string): Source =>
  (lane) =>
    lane.cumulative[metric];

/** Number of the last episode of each group. */
export function lastEpisodes(lane: HistoryLane): number[] {
  return lane.episode.map((first, i) => first + Math.max(lane.count[i] ?? 1, 1) - 1);
}

/** A line for each lane that has a value at all, in the order of the lanes; values times `scale`. */
export function curvesOf(history: History, source: Source, scale = 1): Curve[] {
  return Object.entries(history.lanes).flatMap(([lane, groups]) => {
    const values = source(groups) ?? [];
    if (!values.some((value) => value !== null)) return [];
    const episodes = lastEpisodes(groups);
    const points = episodes.map((episode, i): Point => [episode, drawable(values[i], scale)]);
    return [{ lane, points }];
  });
}

function drawable(value: Quantity | undefined, scale: number): number | null {
  return typeof value === "number" && Number.isFinite(value) ? value * scale : null;
}

/** Whether lines are so far apart that the lower ones are flat unless the axis is logarithmic. */
export function isWide(curves: readonly Curve[]): boolean {
  const lasts = curves.map((curve) => Math.abs(lastValue(curve) ?? 0)).filter((value) => value > 0);
  return lasts.length > 1 && Math.max(...lasts) > 30 * median(lasts);
}

export function lastValue(curve: Curve): number | null {
  for (let i = curve.points.length - 1; i >= 0; i -= 1) {
    const value = curve.points[i]?.[1] ?? null;
    if (value !== null) return value;
  }
  return null;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

/** What is less than this part of the greatest value is nothing but rounding, as a rule: an axis
 * down to it would show little else. */
export const LEAST_PART = 1e-6;

/** For a logarithmic axis: what is not above zero, or next to it, has no place on it. */
export function aboveZero(curves: readonly Curve[]): { curves: Curve[]; left: number } {
  let left = 0;
  const most = curves.reduce(
    (soFar, { points }) => points.reduce((more, [, value]) => Math.max(more, value ?? 0), soFar),
    0,
  );
  const kept = curves.map(({ lane, points }) => ({
    lane,
    points: points.map(([episode, value]): Point => {
      if (value === null || value > LEAST_PART * most) return [episode, value];
      left += 1;
      return [episode, null];
    }),
  }));
  return { curves: kept, left };
}

/** A stretch of episodes in which the problem stays the same. */
export interface Phase {
  label: string;
  first: number;
  /** Number of the first episode after it; of the last phase, after what there is. */
  end: number;
}

/** The phases of a drift; without a drift none. */
export function phasesOf(history: History): Phase[] {
  const lanes = Object.values(history.lanes);
  const ends = lanes.map((lane) => (lane.episode.at(-1) ?? 0) + (lane.count.at(-1) ?? 0));
  const end = Math.max(0, ...ends);
  const drifts = history.marks
    .filter((mark) => mark.kind === "drift" && mark.episode < end)
    .sort((a, b) => a.episode - b.episode);
  if (drifts.length === 0) return [];
  const starts = drifts.map(({ episode, label }) => ({ first: episode, label }));
  if (starts[0] && starts[0].first > 0) {
    starts.unshift({ first: 0, label: lanes[0]?.phase[0] || "before" });
  }
  return starts.map((start, i) => ({ ...start, end: starts[i + 1]?.first ?? end }));
}

/** When each lane went on with another model, by lane, in the order of the lanes. */
export function retrainings(history: History): Map<string, Mark[]> {
  const found = new Map<string, Mark[]>();
  for (const lane of Object.keys(history.lanes)) {
    const marks = history.marks.filter((mark) => mark.kind === "model" && mark.scheduler === lane);
    if (marks.length > 0) found.set(lane, marks);
  }
  return found;
}
