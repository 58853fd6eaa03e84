import { describe, expect, it } from "vitest";
import { extremes, sparkPath } from "./sparkline";

describe("a sparkline", () => {
  it("goes from the least value at the bottom to the greatest at the top", () => {
    expect(sparkPath([1, 3, 2], 20, 10)).toBe("M0 10L10 0L20 5");
  });

  it("lies in the middle if nothing changes, and of one value is a dash", () => {
    expect(sparkPath([2, 2], 20, 10)).toBe("M0 5L20 5");
    expect(sparkPath([2], 20, 10)).toBe("M0 5h2");
  });

  it("has holes where there is no value or an infinite one", () => {
    expect(sparkPath([1, 2, null, "inf", 1, 2], 50, 10)).toBe("M0 10L10 0M40 10L50 0");
    expect(sparkPath([1, null, 2], 20, 10)).toBe("M0 10h2M19 0h2");
  });

  it("is nothing without values", () => {
    expect(sparkPath([], 20, 10)).toBe("");
    expect(sparkPath([null, "inf"], 20, 10)).toBe("");
    expect(extremes([null, "-inf"])).toBeNull();
    expect(extremes([null, 4, 2])).toEqual({ least: 2, most: 4 });
  });
});
