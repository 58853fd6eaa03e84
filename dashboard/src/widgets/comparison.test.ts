import { describe, expect, it } from "vitest";
import type { Measure, Quantity } from "../api/types";
import { bestValue, type ComparisonRow, isColumn, sortRows } from "./comparison";

const measure = { key: "gap", lower_is_better: true, over_episodes: "mean" } as Measure;

function rowsOf(values: readonly Quantity[]): ComparisonRow[] {
  return values.map((gap, place) => ({
    scheduler: "abcdef"[place] ?? "",
    place,
    episodes: 1,
    values: { gap },
    differences: {},
  }));
}

const sorted = (values: readonly Quantity[], order: "asc" | "desc") =>
  sortRows(rowsOf(values), { key: "gap", order })
    .map(({ scheduler }) => scheduler)
    .join("");

describe("sorting", () => {
  it("has infinite values at their end, and what is missing last either way", () => {
    expect(sorted([3, null, "inf", 1], "asc")).toBe("dacb");
    expect(sorted([3, null, "inf", 1], "desc")).toBe("cadb");
  });

  it("keeps the order of the lanes among equals", () => {
    expect(sorted([2, 1, 2, 1], "asc")).toBe("bdac");
  });

  it("goes by the place of a lane, not by its name", () => {
    const rows = rowsOf([1, 2, 3]);
    const back = sortRows(rows, { key: "scheduler", order: "desc" });
    expect(back.map(({ place }) => place)).toEqual([2, 1, 0]);
  });
});

describe("the best", () => {
  it("is the least or the most, as the measure says", () => {
    expect(bestValue(rowsOf([3, 1, "inf", null]), measure)).toBe(1);
    expect(bestValue(rowsOf([3, 1]), { ...measure, lower_is_better: false })).toBe(3);
  });

  it("is nobody if there is nothing to compare", () => {
    expect(bestValue(rowsOf([null, 1]), measure)).toBeNull();
    expect(bestValue(rowsOf([2, 2]), measure)).toBeNull();
    expect(bestValue([], measure)).toBeNull();
  });
});

describe("the columns", () => {
  const difference = { gap: { mean: 1, half_width: 0.5 } };
  const compared: ComparisonRow[] = rowsOf([1, 2]).map((row) =>
    row.place ? { ...row, differences: difference } : row,
  );
  const columns = (over_episodes: Measure["over_episodes"], isDifference: boolean) =>
    (["now", "window", "all"] as const).filter((span) =>
      isColumn({ ...measure, over_episodes }, compared, span, isDifference),
    );

  it("are what has a value, in each span", () => {
    expect(columns("mean", false)).toEqual(["now", "window", "all"]);
    expect(isColumn(measure, rowsOf([null, null]), "all", false)).toBe(false);
    expect(isColumn(measure, rowsOf([1, 2]), "all", true)).toBe(false);
  });

  it("have sums so far of all episodes alone", () => {
    expect(columns("sum", false)).toEqual(["all"]);
  });

  it("have no differences of what is of all tasks of many episodes", () => {
    expect(columns("tasks", false)).toEqual(["now", "window", "all"]);
    expect(columns("tasks", true)).toEqual(["now"]);
    expect(columns("mean", true)).toEqual(["now", "window", "all"]);
  });
});
