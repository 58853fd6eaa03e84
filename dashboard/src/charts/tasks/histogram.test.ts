// @vitest-environment node
import { expect, it } from "vitest";
import { theme } from "./examples";
import { describeHistogram, histogramOption, histogramTable, SHOWN } from "./histogram";

const [size, , , fraction] = SHOWN;
const sizes = { edges: [1e9, 1e10, 1e11], counts: [1, 3] };
const fractions = { edges: [-0.25, 0.25, 0.75, 1.25], counts: [2, 0, 6] };

it("bins are named by their edges, those of actions by the action", () => {
  expect(histogramTable({ size_flop: sizes, gpu_fraction: fractions }).rows).toEqual([
    ["size [FLOP]", "1B – 10B", "1", "25.0 %"],
    ["size [FLOP]", "10B – 100B", "3", "75.0 %"],
    ["GPU fraction", "0 %", "2", "25.0 %"],
    ["GPU fraction", "50 %", "0", "0.0 %"],
    ["GPU fraction", "100 %", "6", "75.0 %"],
  ]);
});

it("says where most tasks are", () => {
  if (!size || !fraction) throw new Error("nothing is shown");
  expect(describeHistogram(sizes, size)).toBe("Most tasks, 3, are at 10B – 100B");
  expect(describeHistogram(fractions, fraction)).toBe("Most tasks, 6, are at 100 %");
  expect(describeHistogram({ edges: [], counts: [] }, size)).toBe("No tasks");
  expect(describeHistogram({ edges: [0, 1], counts: [0] }, size)).toBe("No tasks");
});

it("draws a bar a bin", () => {
  if (!size) throw new Error("nothing is shown");
  const option = histogramOption(sizes, size, theme);
  expect(option.series).toMatchObject({ data: [1, 3] });
  expect(option.xAxis).toMatchObject({ data: ["1B – 10B", "10B – 100B"] });
});
