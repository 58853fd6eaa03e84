// @vitest-environment node
import { describe, expect, it } from "vitest";
import type { ComparisonAnswer, Measure } from "../../api/types";
import { lanesOf } from "../lanes";
import { theme } from "../tasks/examples";
import { intervalOption, intervals, intervalTable, verdict } from "./intervals";

const gap: Measure = {
  key: "gap",
  label: "gap",
  unit: "",
  shown_unit: "%",
  scale: 100,
  digits: 1,
  lower_is_better: true,
  in_radar: false,
  over_episodes: "mean",
};

const lane = (scheduler: string, mean: number | "inf" | null, difference: number | null) => ({
  scheduler,
  episodes: 10,
  means: { gap: { mean, half_width: 0.01 } },
  differences:
    difference === null
      ? ({} as Record<string, { mean: number; half_width: number }>)
      : { gap: { mean: difference, half_width: 0.01 } },
});

const answer: ComparisonAnswer = {
  run: 1,
  first: 0,
  end: 10,
  reference: "greedy",
  lanes: [
    lane("oracle", 0.02, -0.98),
    lane("twin", 0.995, -0.005),
    lane("greedy", 1, null),
    lane("stuck", "inf", 0.5),
  ],
  wins: [],
};

describe("intervals", () => {
  it("are in the shown unit, and nothing is drawn of what is infinite or missing", () => {
    const [oracle, , , stuck] = intervals(answer, gap, "mean");
    expect(oracle?.drawn?.mean).toBeCloseTo(2);
    expect(oracle?.drawn?.low).toBeCloseTo(1);
    expect(oracle?.drawn?.high).toBeCloseTo(3);
    expect(stuck?.drawn).toBeNull();
    expect(intervals(answer, gap, "difference")[2]?.drawn).toBeNull();
  });

  it("say who is better, worse, or that nobody can tell", () => {
    const said = intervals(answer, gap, "difference").map((one) => verdict(one, gap));
    expect(said).toEqual(["better", "not sure", "", "worse"]);
    const higher = { ...gap, lower_is_better: false };
    expect(verdict(intervals(answer, gap, "difference")[0] as never, higher)).toBe("worse");
  });

  it("are a table with what is infinite and what there is not", () => {
    expect(intervalTable(answer, [gap], "mean").rows).toEqual([
      ["oracle", 10, "2.0 ± 1.0"],
      ["twin", 10, "99.5 ± 1.0"],
      ["greedy", 10, "100.0 ± 1.0"],
      ["stuck", 10, "∞ ± 1.0"],
    ]);
    expect(intervalTable(answer, [gap], "difference").rows.map((row) => row[2])).toEqual([
      "−98.0 ± 1.0",
      "−0.5 ± 1.0",
      "–",
      "+50.0 ± 1.0",
    ]);
  });

  it("are drawn with the symbols of their lanes, on a logarithmic axis if far apart", () => {
    const lanes = lanesOf(["oracle", "twin", "greedy", "stuck"]);
    const wide = intervals(
      { ...answer, lanes: [lane("oracle", 0.02, null), lane("greedy", 20, null)] },
      gap,
      "mean",
    );
    const option = intervalOption(wide, gap, "mean", lanes, theme);
    expect(option.xAxis).toMatchObject({ type: "log" });
    expect(option.yAxis).toMatchObject([
      { data: ["oracle", "greedy"] },
      { data: ["2.0", "2\u202f000.0"] },
    ]);
    const differences = intervals(answer, gap, "difference");
    expect(intervalOption(differences, gap, "difference", lanes, theme)).toMatchObject({
      xAxis: { type: "value" },
      yAxis: [{}, { data: ["better", "not sure", "reference", "worse"] }],
    });
  });
});
