// @vitest-environment node
import { describe, expect, it } from "vitest";
import type { HeatMap } from "../../api/types";
import { theme } from "./examples";
import {
  correlationOption,
  correlationTable,
  heatMapOption,
  heatMapTable,
  labelColour,
  signed,
} from "./matrix";

const map: HeatMap = {
  size_flop_edges: [1e9, 1e10, 1e11],
  intensity_edges: [1, 10],
  counts: [[3, 1]],
  gpu_fraction: [[0.25, 1]],
  oracle_difference: [[-0.2, null]],
};

interface Data {
  value: number[];
  label: { formatter: string; color: string };
}

const dataOf = (option: { series?: unknown }) => (option.series as { data: Data[] }).data;

it("numbers have their sign, unless they are shown as zero", () => {
  expect([0.5, -0.5, 0.001, -0.001, null].map((value) => signed(value, 2))).toEqual([
    "+0.50",
    "−0.50",
    "0.00",
    "0.00",
    "–",
  ]);
});

describe("a heat map", () => {
  it("has a number in each cell that has tasks", () => {
    const cells = dataOf(heatMapOption(map, "chosen", theme));
    expect(cells.map(({ value, label }) => [value, label.formatter])).toEqual([
      [[0, 0, 0.25], "25"],
      [[1, 0, 1], "100"],
    ]);
  });

  it("tells less from more by its sign, where the oracle decided", () => {
    const cells = dataOf(heatMapOption(map, "difference", theme));
    expect(cells.map(({ label }) => label.formatter)).toEqual(["−20"]);
    const fine: HeatMap = {
      size_flop_edges: Array.from({ length: 21 }, (_, i) => 2 ** i),
      intensity_edges: [1, 10],
      counts: [Array(20).fill(1)],
      gpu_fraction: [Array(20).fill(0.5)],
      oracle_difference: [[0.4, -0.4, 0.01, ...Array(17).fill(0)]],
    };
    const signs = dataOf(heatMapOption(fine, "difference", theme)).map(
      (one) => one.label.formatter,
    );
    expect(signs.slice(0, 4)).toEqual(["+", "−", "", ""]);
  });

  it("is a table with differences in points", () => {
    expect(heatMapTable(map, "difference").rows).toEqual([
      ["1B – 10B", "1 – 10", "3", "25 %", "−20.0"],
      ["10B – 100B", "1 – 10", "1", "100 %", "–"],
    ]);
    const alone = heatMapTable({ ...map, oracle_difference: null }, "difference");
    expect(alone.columns).toHaveLength(4);
    expect(alone.note).toMatch(/oracle/);
  });
});

it("labels stand out from the colour of their cell", () => {
  const scale = [
    [255, 255, 255],
    [0, 0, 80],
  ] as const;
  expect([0, 1, 2, -1].map((part) => labelColour(scale, part))).toEqual([
    "#000",
    "#fff",
    "#fff",
    "#000",
  ]);
});

it("correlations are numbers with signs, in the chart and in the table", () => {
  const correlation = {
    rows: ["size_flop", "memory_bytes"],
    columns: ["gpu_fraction", "wait_s"],
    values: [
      [0.5, null],
      [-1, 0],
    ],
  };
  const cells = dataOf(correlationOption(correlation, theme));
  expect(cells.map(({ label }) => label.formatter)).toEqual(["+0.50", "−1.00", "0.00"]);
  const { rows, columns } = correlationTable(correlation);
  expect(columns.map(({ label }) => label)).toEqual(["of a task", "GPU fraction", "wait"]);
  expect(rows).toEqual([
    ["size", "+0.500", "–"],
    ["memory", "−1.000", "0.000"],
  ]);
});
