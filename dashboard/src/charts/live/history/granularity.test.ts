import { describe, expect, it } from "vitest";
import { chooseGranularity, MAX_POINTS, pagesOf } from "./granularity";

describe("the granularity of a run", () => {
  it("shows each episode of a short run", () => {
    expect(chooseGranularity(0)).toBe(1);
    expect(chooseGranularity(400)).toBe(1);
  });

  it("is the finest that has few enough points", () => {
    expect(chooseGranularity(401)).toBe(2);
    expect(chooseGranularity(801)).toBe(5);
    expect(chooseGranularity(2_001)).toBe(10);
    expect(chooseGranularity(1_000_000)).toBe(5_000);
  });

  it("never has more points than a chart takes, nor fewer than a third of them", () => {
    for (let episodes = 401; episodes < 1e12; episodes = Math.ceil(episodes * 1.37)) {
      const points = Math.ceil(episodes / chooseGranularity(episodes));
      expect(points).toBeLessThanOrEqual(MAX_POINTS);
      expect(points).toBeGreaterThan(MAX_POINTS / 3);
    }
  });
});

describe("the pages of a run", () => {
  it("are none as nothing has been played", () => {
    expect(pagesOf(0, 1)).toEqual([]);
  });

  it("cover all episodes, and only the last may grow", () => {
    expect(pagesOf(250, 1)).toEqual([
      { first: 0, isWhole: true },
      { first: 100, isWhole: true },
      { first: 200, isWhole: false },
    ]);
    expect(pagesOf(400, 2)).toEqual([
      { first: 0, isWhole: true },
      { first: 200, isWhole: true },
    ]);
  });
});
