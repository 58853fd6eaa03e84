import { describe, expect, it } from "vitest";
import { laneState, THEME } from "../testing";
import {
  decades,
  percentileRows,
  percentilesNote,
  percentilesOption,
  percentilesTable,
} from "./percentiles";

const LANES = {
  a: laneState({
    scheduler: "a",
    percentiles: {
      all: { wait_s: { "50": 0, "90": 2, "99": 40 } },
      window: { wait_s: { "50": 1, "90": 2, "99": "inf" } },
    },
  }),
  b: laneState({ scheduler: "b", percentiles: {} }),
  c: laneState({
    scheduler: "c",
    percentiles: { all: { wait_s: { "50": null, "90": null, "99": null } } },
  }),
};

describe("percentiles", () => {
  it("are those of schedulers of which they were measured", () => {
    expect(percentileRows(LANES, "all", "wait_s")).toEqual([
      { scheduler: "a", values: [0, 2, 40] },
    ]);
    expect(percentileRows(LANES, "all", "slowdown")).toEqual([]);
  });

  it("stand on a scale of decades", () => {
    expect(decades([0, 2, 40])).toEqual({ min: 1, max: 100 });
    expect(decades([5])).toEqual({ min: 1, max: 10 });
    expect(decades([10])).toEqual({ min: 10, max: 100 });
    expect(decades([1e-9, 1e3])).toEqual({ min: 1e-3, max: 1e3 });
    expect(decades([null, 0, Number.POSITIVE_INFINITY])).toEqual({ min: 1, max: 10 });
  });

  it("are at the edge if they are off it, which is said", () => {
    const rows = percentileRows(LANES, "all", "wait_s");
    const series = percentilesOption(rows, "s", THEME).series as { id: string; data: unknown[] }[];
    const at = (id: string) => series.find((one) => one.id === id)?.data;
    expect(at("50")).toEqual([[1, 0]]);
    expect(at("99")).toEqual([[40, 0]]);
    expect(percentilesNote(rows)).toContain("edge");
    expect(percentilesNote([{ scheduler: "x", values: [1, 2, 3] }])).toBe("");
  });

  it("have their values in the table, infinite and missing ones too", () => {
    expect(percentilesTable(percentileRows(LANES, "window", "wait_s"), "s").rows).toEqual([
      ["a", "1.000 s", "2.000 s", "∞ s"],
    ]);
    expect(percentilesTable([{ scheduler: "x", values: [null, 12.34, 3] }], "").rows).toEqual([
      ["x", "–", "12.3", "3.000"],
    ]);
  });
});
