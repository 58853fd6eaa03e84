import { describe, expect, it } from "vitest";
import type { LaneComparison } from "../../../api/types";
import { THEME } from "../testing";
import { type Wins, winsOption, winsSummary, winsTable } from "./wins";

const lane = (scheduler: string): LaneComparison => ({
  scheduler,
  episodes: 4,
  means: {},
  differences: {},
});
const WINS: Wins = {
  lanes: [lane("oracle"), lane("greedy"), lane("new")],
  wins: [
    [null, 0.75, null],
    [0.25, 0, null],
    [null, null, null],
  ],
};

describe("the win matrix", () => {
  it("has a cell for each pair of which something is known, and none for a scheduler with itself", () => {
    const [series] = winsOption(WINS, THEME).series as { data: number[][] }[];
    expect(series?.data).toEqual([
      [1, 0, 0.75],
      [0, 1, 0.25],
    ]);
  });

  it("has the same numbers in its table", () => {
    expect(winsTable(WINS).rows).toEqual([
      ["oracle", "", "75.0 %", "–"],
      ["greedy", "25.0 %", "", "–"],
      ["new", "–", "–", ""],
    ]);
  });

  it("says who is the best", () => {
    expect(winsSummary(WINS)).toBe(
      "oracle is the best; it is better than greedy in 75.0 % of the episodes",
    );
    expect(winsSummary({ lanes: [lane("a")], wins: [[null]] })).toBe("");
  });
});
