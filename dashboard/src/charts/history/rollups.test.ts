// @vitest-environment node
import { describe, expect, it } from "vitest";
import type { HistoryLane } from "../../api/types";
import {
  ask,
  granularities,
  groupRows,
  infinite,
  MAX_GROUPS,
  measured,
  seen,
  sortGroups,
} from "./rollups";

const objective = { metric: "objective", isSum: false };
const lanes: Record<string, HistoryLane> = {
  greedy: {
    episode: [0, 10, 20],
    count: [10, 10, 3],
    phase: ["", "", "late"],
    bound: [1, 1.5, 2],
    values: { objective: [2, "inf", 4], gap: [null, null, null] },
    cumulative: { regret: [10, 25, 31] },
  },
  oracle: {
    episode: [0],
    count: [10],
    phase: [""],
    bound: [1],
    values: { objective: [1.25] },
    cumulative: { regret: [2.5] },
  },
};

it("granularities leave at least two groups", () => {
  expect(granularities(50)).toEqual([1, 2, 5, 10, 20]);
  expect(granularities(1)).toEqual([1]);
  expect(granularities(1000).at(-1)).toBe(500);
});

describe("what is asked for", () => {
  it("is the whole run in as many groups as a chart has points", () => {
    expect(ask(50, null, null)).toEqual({ first: 0, end: 50, granularity: 1, left: 0 });
    expect(ask(2_000, null, null)).toEqual({ first: 0, end: 2_000, granularity: 5, left: 0 });
    expect(ask(0, null, null)).toEqual({ first: 0, end: 0, granularity: 1, left: 0 });
  });

  it("is finer in a part, from a multiple of the granularity on", () => {
    expect(ask(100_000, { first: 40_007, end: 42_007 }, null)).toEqual({
      first: 40_005,
      end: 42_007,
      granularity: 5,
      left: 0,
    });
  });

  it("is the last groups of too many", () => {
    const asked = ask(5_000, null, 1);
    expect(asked).toEqual({ first: 4_000, end: 5_000, granularity: 1, left: 4_000 });
    expect((asked.end - asked.first) / asked.granularity).toBe(MAX_GROUPS);
  });

  it("is nothing that the run has not", () => {
    expect(ask(30, { first: 20, end: 90 }, 1)).toMatchObject({ first: 20, end: 30 });
    expect(ask(30, { first: 50, end: 90 }, 1)).toMatchObject({ first: 30, end: 30 });
  });

  it("can be what is seen", () => {
    expect(seen({ first: 100, end: 200 }, [25, 50])).toEqual({ first: 125, end: 150 });
    expect(seen({ first: 0, end: 10 }, [33, 34])).toEqual({ first: 3, end: 5 });
    expect(seen({ first: 0, end: 10 }, [0, 100])).toEqual({ first: 0, end: 10 });
  });
});

it("tells what was measured, and what is infinite", () => {
  expect([...measured(lanes, false)]).toEqual(["objective"]);
  expect([...measured(lanes, true)]).toEqual(["regret"]);
  expect(infinite(lanes, objective)).toBe(1);
  expect(infinite(lanes, { metric: "regret", isSum: true })).toBe(0);
});

describe("rows", () => {
  const rows = groupRows(lanes, objective);

  it("are groups, with gaps where a lane has no such group", () => {
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

  it("are sorted either way, infinite ones at an end, missing ones last", () => {
    const firsts = (key: string, order: "asc" | "desc") =>
      sortGroups(rows, { key, order }).map((row) => row.first);
    expect(firsts("greedy", "asc")).toEqual([0, 20, 10]);
    expect(firsts("greedy", "desc")).toEqual([10, 20, 0]);
    expect(firsts("oracle", "asc")).toEqual([0, 10, 20]);
    expect(firsts("oracle", "desc")).toEqual([0, 10, 20]);
    expect(firsts("bound", "desc")).toEqual([20, 10, 0]);
    expect(firsts("phase", "desc")).toEqual([20, 0, 10]);
    expect(firsts("count", "asc")).toEqual([20, 0, 10]);
  });
});
