import type { HistoryAnswer, HistoryLane, Mark } from "../../../api/types";

/** The groups of a run as far as they are loaded. */
export interface History {
  granularity: number;
  lanes: Record<string, HistoryLane>;
  marks: Mark[];
}

/** Puts pages that follow one another together; groups from episode `end` on are left out. */
export function mergePages(
  pages: readonly HistoryAnswer[],
  end = Number.POSITIVE_INFINITY,
): History {
  // Without a prototype: a scheduler may be called like a member of one.
  const lanes: Record<string, HistoryLane> = Object.create(null);
  const marks = new Map<string, Mark>();
  for (const page of pages) {
    for (const [name, lane] of Object.entries(page.lanes)) {
      const known = lanes[name];
      lanes[name] = known ? append(known, lane) : lane;
    }
    for (const mark of page.marks) {
      if (mark.episode <= end) marks.set(JSON.stringify(mark), mark);
    }
  }
  for (const [name, lane] of Object.entries(lanes)) lanes[name] = cutAt(lane, end);
  return { granularity: pages[0]?.granularity ?? 1, lanes, marks: [...marks.values()] };
}

function append(known: HistoryLane, more: HistoryLane): HistoryLane {
  // A page that was fetched later may begin with what the one before ended with.
  const last = known.episode.at(-1) ?? -1;
  const from = more.episode.findIndex((episode) => episode > last);
  if (from < 0) return known;
  return combine(known, more, (one, other) => [...one, ...other.slice(from)]);
}

function cutAt(lane: HistoryLane, end: number): HistoryLane {
  const kept = lane.episode.filter((first, i) => first + (lane.count[i] ?? 0) <= end).length;
  if (kept === lane.episode.length) return lane;
  return combine(lane, lane, (one) => one.slice(0, kept));
}

type Combined = <T>(one: T[], other: T[]) => T[];

function combine(one: HistoryLane, other: HistoryLane, how: Combined): HistoryLane {
  return {
    episode: how(one.episode, other.episode),
    count: how(one.count, other.count),
    phase: how(one.phase, other.phase),
    bound: how(one.bound, other.bound),
    values: combineEach(one, other, "values", how),
    cumulative: combineEach(one, other, "cumulative", how),
  };
}

function combineEach(
  one: HistoryLane,
  other: HistoryLane,
  field: "values" | "cumulative",
  how: Combined,
): HistoryLane["values"] {
  const found: HistoryLane["values"] = {};
  for (const key of new Set([...Object.keys(one[field]), ...Object.keys(other[field])])) {
    // Lists stay of equal length, even where a page lacks a metric.
    const missing = (lane: HistoryLane) => lane.episode.map(() => null);
    found[key] = how(one[field][key] ?? missing(one), other[field][key] ?? missing(other));
  }
  return found;
}
