import { describe, expect, it } from "vitest";
import type { HistoryAnswer, HistoryLane } from "../../../api/types";
import { mergePages } from "./merge";

function lane(episode: number[], objective: (number | null)[]): HistoryLane {
  return {
    episode,
    count: episode.map(() => 2),
    phase: episode.map(() => ""),
    bound: objective,
    values: { objective },
    cumulative: { regret: objective },
  };
}

function page(
  lanes: Record<string, HistoryLane>,
  marks: HistoryAnswer["marks"] = [],
): HistoryAnswer {
  return { run: 1, granularity: 2, lanes, marks, next: null };
}

const DRIFT = { episode: 4, kind: "drift", scheduler: null, label: "gpu" } as const;

describe("pages put together", () => {
  it("are one after the other, each mark once", () => {
    const merged = mergePages([
      page({ a: lane([0, 2], [1, 2]) }, [DRIFT]),
      page({ a: lane([4], [3]), b: lane([4], [9]) }, [DRIFT]),
    ]);
    expect(merged.lanes.a).toEqual(lane([0, 2, 4], [1, 2, 3]));
    expect(merged.lanes.b).toEqual(lane([4], [9]));
    expect(merged.marks).toEqual([DRIFT]);
    expect(merged.granularity).toBe(2);
  });

  it("show a group once that two pages have", () => {
    const merged = mergePages([
      page({ a: lane([0, 2], [1, 2]) }),
      page({ a: lane([2, 4], [2, 3]) }),
    ]);
    expect(merged.lanes.a?.episode).toEqual([0, 2, 4]);
    expect(merged.lanes.a?.values.objective).toEqual([1, 2, 3]);
  });

  it("end where a replay is", () => {
    const merged = mergePages([page({ a: lane([0, 2, 4], [1, 2, 3]) }, [DRIFT])], 3);
    expect(merged.lanes.a?.episode).toEqual([0]);
    expect(merged.lanes.a?.cumulative.regret).toEqual([1]);
    expect(merged.marks).toEqual([]);
  });

  it("keep lists of equal length where a page lacks a metric", () => {
    const without = { ...lane([4], [3]), values: {} };
    const merged = mergePages([page({ a: lane([0, 2], [1, 2]) }), page({ a: without })]);
    expect(merged.lanes.a?.values.objective).toEqual([1, 2, null]);
  });

  it("are empty as there are none", () => {
    expect(mergePages([])).toEqual({ granularity: 1, lanes: {}, marks: [] });
  });
});
