// @vitest-environment node
import { expect, it } from "vitest";
import { type Range, shown, zoomed } from "./zoom";

it("zooms around the middle and stays within all", () => {
  expect(zoomed([0, 100], "in")).toEqual([25, 75]);
  expect(zoomed([25, 75], "out")).toEqual([0, 100]);
  expect(zoomed([0, 20], "out")).toEqual([0, 40]);
  expect(zoomed([90, 100], "out")).toEqual([80, 100]);
  expect(zoomed([40, 60], "all")).toEqual([0, 100]);
});

it("moves by half a width and stops at the ends", () => {
  expect(zoomed([40, 60], "left")).toEqual([30, 50]);
  expect(zoomed([40, 60], "right")).toEqual([50, 70]);
  expect(zoomed([0, 20], "left")).toEqual([0, 20]);
  expect(zoomed([80, 100], "right")).toEqual([80, 100]);
});

it("does not zoom in for ever", () => {
  let range: Range = [0, 100];
  for (let step = 0; step < 50; step += 1) range = zoomed(range, "in");
  expect(range[1] - range[0]).toBeCloseTo(0.5);
});

it("goes to what is not seen, and stays if it is", () => {
  expect(shown([20, 60], [30, 40])).toEqual([20, 60]);
  expect(shown([20, 60], [80, 82])).toEqual([60, 100]);
  expect(shown([20, 30], [0, 1])).toEqual([0, 10]);
  expect(shown([20, 21], [50, 60])).toEqual([50, 60]);
});
