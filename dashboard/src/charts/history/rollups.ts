// What of a run's history is looked at: groups of episodes, a metric, schedulers.
import type { HistoryLane, Quantity } from "../../api/types";
import { toNumber } from "../../format";
import type { Sorting } from "../../widgets/SortHeader";
import { meanOf, type Source, sumOf } from "../live/history/curves";
import { chooseGranularity } from "../live/history/granularity";

/** Groups that the server gives at once. */
export const MAX_GROUPS = 1_000;

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

/** Episodes from number `first` to before `end`. */
export interface Stretch {
  first: number;
  end: number;
}

export interface Asked extends Stretch {
  granularity: number;
  /** Groups that there are in the stretch and that were not asked for, as they are too many. */
  left: number;
}

/** What to ask for to show a stretch (null: all) of a run of so many episodes.
 *
 * Of too many groups the last ones; they begin at multiples of the granularity, as the server's do.
 *
 * @param wanted - Episodes of a group; null: as many as a chart has points for.
 */
export function ask(episodes: number, stretch: Stretch | null, wanted: number | null): Asked {
  const first = Math.min(stretch?.first ?? 0, episodes);
  const end = Math.min(stretch?.end ?? episodes, episodes);
  const granularity = wanted ?? chooseGranularity(end - first);
  const [from, to] = [Math.floor(first / granularity), Math.ceil(end / granularity)];
  const shown = Math.max(from, to - MAX_GROUPS);
  return { first: shown * granularity, end, granularity, left: shown - from };
}

/** The part of a stretch that is seen, from percents of it; at least two episodes, whole ones. */
export function seen({ first, end }: Stretch, [start, stop]: [number, number]): Stretch {
  const at = (percent: number) => first + ((end - first) * percent) / 100;
  const from = Math.max(Math.floor(at(start)), first);
  return { first: from, end: Math.min(Math.max(Math.ceil(at(stop)), from + 2), end) };
}

/** Means of a metric over each group, or its sums from the run's beginning. */
export interface Choice {
  metric: string;
  isSum: boolean;
}

export const sourceOf = ({ metric, isSum }: Choice): Source =>
  isSum ? sumOf(metric) : meanOf(metric);

/** Metrics that some lane has values of. */
export function measured(lanes: Record<string, HistoryLane>, isSum: boolean): Set<string> {
  const found = new Set<string>();
  for (const lane of Object.values(lanes)) {
    const values = isSum ? lane.cumulative : lane.values;
    for (const [key, list] of Object.entries(values)) {
      if (list.some((value) => value !== null)) found.add(key);
    }
  }
  return found;
}

/** How many values are infinite, which no chart can show. */
export function infinite(lanes: Record<string, HistoryLane>, choice: Choice): number {
  return Object.values(lanes)
    .flatMap((lane) => sourceOf(choice)(lane) ?? [])
    .filter((value) => value === "inf" || value === "-inf").length;
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
    const values = sourceOf(choice)(lane) ?? [];
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

/** What a row is sorted by: "first", "count", "phase", "bound", or a scheduler's value. */
function keyOf(row: GroupRow, key: string): number | string | null {
  if (key === "first" || key === "count" || key === "phase") return row[key];
  return toNumber(key === "bound" ? row.bound : row.values[key]);
}

/** Rows in another order; what has no value stands last either way. */
export function sortGroups(rows: readonly GroupRow[], { key, order }: Sorting<string>): GroupRow[] {
  const sign = order === "asc" ? 1 : -1;
  return rows.toSorted((a, b) => {
    const [x, y] = [keyOf(a, key), keyOf(b, key)];
    if (x === null || y === null) return Number(x === null) - Number(y === null);
    return x === y ? a.first - b.first : sign * (x < y ? -1 : 1);
  });
}
