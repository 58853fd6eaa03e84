import { describe, expect, it } from "vitest";
import { lanesOf } from "../../lanes";
import { byKey } from "../measures";
import { laneState, measure, THEME } from "../testing";
import { barsOf, barsSummary, barText, comparisonTable } from "./bars";
import { barsOption } from "./barsChart";

const J = measure("objective", { label: "J", digits: 3 });
const ENERGY = measure("energy_j", { label: "energy", shown_unit: "kJ", scale: 1e-3, digits: 1 });

function lanes(values: Record<string, number | "inf" | null>, key = "objective") {
  return Object.fromEntries(
    Object.entries(values).map(([scheduler, value]) => [
      scheduler,
      laneState({ scheduler, window: { [key]: value, bound: 0.9 } }),
    ]),
  );
}

describe("bars", () => {
  it("have the values of the span, the best marked, and the bound", () => {
    const { bars, bound, limit } = barsOf(lanes({ a: 1.5, b: 1.2 }), "window", J);
    expect(bars.map(({ isBest }) => isBest)).toEqual([false, true]);
    expect(bars.map((bar) => barText(bar, J))).toEqual(["1.500", "★ 1.200"]);
    expect(bound).toBe(0.9);
    expect(limit).toBeGreaterThan(1.5);
  });

  it("have a bound of the objective only", () => {
    expect(barsOf(lanes({ a: 5 }, "energy_j"), "window", ENERGY).bound).toBeNull();
    expect(barsOf(lanes({ a: 5 }), "all", J).bound).toBeNull();
  });

  it("are cut off if one is a thousand times longer, so that the others are seen", () => {
    const { bars, limit } = barsOf(lanes({ a: 1, b: 1.2, c: 1.4, far: 1200 }), "window", J);
    expect(limit).toBeCloseTo(1.4 * 1.25);
    expect(bars.map(({ isCut }) => isCut)).toEqual([false, false, false, true]);
    expect(bars.map((bar) => barText(bar, J)).at(-1)).toBe("≫ 1\u202f200.000");
  });

  it("take infinite and missing values", () => {
    const { bars, limit } = barsOf(lanes({ a: "inf", b: null, c: 2 }), "window", J);
    expect(bars.map((bar) => barText(bar, J))).toEqual(["≫ ∞", "–", "2.000"]);
    expect(Number.isFinite(limit)).toBe(true);
    const nothing = barsOf(lanes({ a: null }), "window", J);
    expect(nothing.bars[0]?.isBest).toBe(false);
    expect(Number.isFinite(nothing.limit)).toBe(true);
    expect(barsOf({}, "window", J).bars).toEqual([]);
  });

  it("mark nobody as the best of one", () => {
    expect(barsOf(lanes({ a: 1 }), "window", J).bars[0]?.isBest).toBe(false);
  });

  it("are drawn in the shown unit", () => {
    const found = barsOf(lanes({ a: 2000, b: 4000 }, "energy_j"), "window", ENERGY);
    const option = barsOption(found, ENERGY, lanesOf(["a", "b"]), THEME);
    const [series] = option.series as { data: { value: number }[] }[];
    expect(series?.data.map(({ value }) => value)).toEqual([2, 4]);
    expect(barsSummary(found, ENERGY)).toBe("Best: a with 2.0 kJ");
  });
});

it("the table has all measures of a span, and the bound", () => {
  const table = comparisonTable(lanes({ a: 1.5 }), "window", byKey([J, ENERGY]));
  expect(table.columns.map(({ label }) => label).slice(0, 2)).toEqual(["scheduler", "J"]);
  expect(table.rows[0]?.slice(0, 3)).toEqual(["a", "1.500", "–"]);
  expect(table.note).toBe("Bound of the objective: 0.900");
});
