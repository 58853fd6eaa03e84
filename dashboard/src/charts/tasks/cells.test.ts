// @vitest-environment node
import { describe, expect, it } from "vitest";
import type { HeatMap } from "../../api/types";
import { bins, cellsOf, correlationCells, hasView } from "./cells";

const map: HeatMap = {
  size_flop_edges: [1e9, 1e10, 1e11, 1e12],
  intensity_edges: [1, 10, 100],
  counts: [
    [3, 0, 1],
    [0, 2, 5],
  ],
  gpu_fraction: [
    [0, null, 0.4],
    [null, 0.8, 1],
  ],
  oracle_difference: [
    [-0.2, null, null],
    [null, 0.1, 0],
  ],
};

describe("cellsOf", () => {
  it("has sizes as columns and intensities as rows", () => {
    expect(cellsOf(map, "chosen")).toEqual([
      { column: 0, row: 0, value: 0, count: 3 },
      { column: 1, row: 0, value: null, count: 0 },
      { column: 2, row: 0, value: 0.4, count: 1 },
      { column: 0, row: 1, value: null, count: 0 },
      { column: 1, row: 1, value: 0.8, count: 2 },
      { column: 2, row: 1, value: 1, count: 5 },
    ]);
  });

  it("has differences with their sign, and none without the oracle", () => {
    expect(cellsOf(map, "difference").map((cell) => cell.value)).toEqual([
      -0.2,
      null,
      null,
      null,
      0.1,
      0,
    ]);
    const alone = { ...map, oracle_difference: null };
    expect([hasView(map, "difference"), hasView(alone, "difference")]).toEqual([true, false]);
    expect(cellsOf(alone, "difference").every((cell) => cell.value === null)).toBe(true);
  });
});

it("correlations are cells, with none where something does not vary", () => {
  const cells = correlationCells({
    rows: ["size_flop", "memory_bytes"],
    columns: ["gpu_fraction", "wait_s"],
    values: [
      [0.5, null],
      [-1, 1],
    ],
  });
  expect(cells.map(({ row, column, value }) => [row, column, value])).toEqual([
    [0, 0, 0.5],
    [0, 1, null],
    [1, 0, -1],
    [1, 1, 1],
  ]);
});

it("bins are named by their edges", () => {
  expect(bins([1, 10, 100], String)).toEqual(["1 – 10", "10 – 100"]);
  expect(bins([], String)).toEqual([]);
});
