import { describe, expect, it } from "vitest";
import type { HistoryAnswer, HistoryLane } from "../../api/types";
import {
  autoGranularity,
  granularities,
  groupRows,
  infinite,
  joinPages,
  measured,
  points,
  spreadsWide,
  valuesOf,
} from "./rollups";

function lane(given: Partial<HistoryLane>): HistoryLane {
  return { episode: [], count: [], phase: [], bound: [], values: {}, cumulative: {}, ...given };
}

const first: HistoryAnswer = {
  run: 1,
  granularity: 10,
  lanes: {
    greedy: lane({
      episode: [0, 10],
      count: [10, 10],
      phase: ["", ""],
      bound: [1, 1.5],
      values: { objective: [2, "inf"], gap: [null, null] },
      cumulative: { regret: [10, 25] },
    }),
    oracle: lane({
      episode: [0],
      count: [10],
      phase: [""],
      bound: [1],
      values: { objective: [1.25] },
      cumulative: { regret: [2.5] },
    }),
  },
  marks: [{ episode: 5, kind: "model", scheduler: "forest", label: "v1" }],
  next: 20,
};

const second: HistoryAnswer = {
  run: 1,
  granularity: 10,
  lanes: {
    greedy: lane({
      episode: [20],
      count: [3],
      phase: ["late"],
      bound: [2],
      values: { objective: [4] },
      cumulative: { regret: [31] },
    }),
  },
  marks: [
    { episode: 5, kind: "model", scheduler: "forest", label: "v1" },
    { episode: 20, kind: "drift", scheduler: null, label: "late" },
  ],
  next: null,
};

describe("granularity", () => {
  it("is the least of 1, 2, 5, 10 that leaves few enough groups", () => {
    expect([0, 400, 401, 2000, 2001, 1_000_000].map((count) => autoGranularity(count))).toEqual([
      1, 1, 2, 5, 10, 5000,
    ]);
  });

  it("can be chosen as long as two groups are left", () => {
    expect(granularities(50)).toEqual([1, 2, 5, 10, 20]);
    expect(granularities(1)).toEqual([1]);
    expect(granularities(1000).at(-1)).toBe(500);
  });
});

describe("pages", () => {
  const all = joinPages([first, second]);

  it("join lane by lane, marks once", () => {
    expect(all.lanes.greedy?.episode).toEqual([0, 10, 20]);
    expect(all.lanes.greedy?.values.objective).toEqual([2, "inf", 4]);
    expect(all.lanes.oracle?.episode).toEqual([0]);
    expect(all.marks.map((mark) => mark.episode)).toEqual([5, 20]);
    expect(joinPages([])).toEqual({ granularity: 1, lanes: {}, marks: [] });
  });

  it("tell what was measured", () => {
    expect([...measured(all.lanes, false)]).toEqual(["objective"]);
    expect([...measured(all.lanes, true)]).toEqual(["regret"]);
  });

  it("become rows, with gaps where a lane has no such group", () => {
    const rows = groupRows(all.lanes, { metric: "objective", isCumulative: false });
    expect(rows.map((row) => [row.first, row.count, row.phase, row.bound])).toEqual([
      [0, 10, "", 1],
      [10, 10, "", 1.5],
      [20, 3, "late", 2],
    ]);
    expect(rows.map((row) => row.values)).toEqual([
      { greedy: 2, oracle: 1.25 },
      { greedy: "inf" },
      { greedy: 4 },
    ]);
  });
});

describe("points", () => {
  const greedy = joinPages([first, second]).lanes.greedy as HistoryLane;

  it("put a mean into the middle of its group, in the shown unit", () => {
    expect(points(greedy, { metric: "objective", isCumulative: false }, 100)).toEqual([
      [4.5, 200],
      [14.5, null],
      [21, 400],
    ]);
  });

  it("put a sum at the end of its group", () => {
    expect(points(greedy, { metric: "regret", isCumulative: true }, 1)).toEqual([
      [9, 10],
      [19, 25],
      [22, 31],
    ]);
  });

  it("are gaps for a metric that a lane has not", () => {
    const choice = { metric: "makespan_s", isCumulative: false };
    expect(points(greedy, choice, 1).map(([, y]) => y)).toEqual([null, null, null]);
    expect(valuesOf(greedy, choice)).toEqual([]);
  });

  it("count what is infinite", () => {
    const lanes = joinPages([first, second]).lanes;
    expect(infinite(lanes, { metric: "objective", isCumulative: false })).toBe(1);
    expect(infinite(lanes, { metric: "regret", isCumulative: true })).toBe(0);
  });
});

it("a thousand times worse wants a logarithmic axis, unless something is not above zero", () => {
  expect(spreadsWide([1, 1000, null])).toBe(true);
  expect(spreadsWide([1, 2])).toBe(false);
  expect(spreadsWide([0, 1000])).toBe(false);
  expect(spreadsWide([])).toBe(false);
});
