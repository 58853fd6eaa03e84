import { describe, expect, it } from "vitest";
import { lanesOf } from "../../lanes";
import { laneState, measure, THEME } from "../testing";
import { clipped, radarNotes, radarOf, radarTable, ratioText } from "./radar";
import { drawnLanes, radarOption, ringsOf } from "./radarChart";

const MEASURES = [
  measure("objective"),
  measure("makespan_s", { label: "makespan", in_radar: true }),
  measure("energy_j", { label: "energy", shown_unit: "kJ", scale: 1e-3, in_radar: true }),
  measure("decision_p50_s", { label: "decision time", in_radar: true }),
];

function lane(scheduler: string, all: Record<string, number | "inf" | null>) {
  return laneState({ scheduler, all });
}

const LANES = {
  greedy: lane("greedy", { objective: 2, makespan_s: 30, energy_j: 500, decision_p50_s: 1e-5 }),
  oracle: lane("oracle", { objective: 1, makespan_s: 10, energy_j: 1000, decision_p50_s: null }),
  slow: lane("slow", { objective: 9, makespan_s: 2e4, energy_j: 4000, decision_p50_s: 4e-5 }),
};
const SHOWN = new Set(Object.keys(LANES));

describe("a radar", () => {
  const radar = radarOf(LANES, "all", MEASURES);
  const ratios = (name: string) => radar.lanes.find(({ scheduler }) => scheduler === name)?.ratios;

  it("has the measures that the server says, and ratios to the oracle", () => {
    expect(radar.axes.map(({ key }) => key)).toEqual(["makespan_s", "energy_j", "decision_p50_s"]);
    expect(radar.reference).toBe("oracle");
    expect(ratios("oracle")).toEqual([1, 1, 1]);
    expect(ratios("greedy")).toEqual([3, 0.5, 1]);
  });

  it("measures decision times by the shortest, as the oracle has none, and says so", () => {
    expect(ratios("slow")?.[2]).toBeCloseTo(4);
    expect(radarNotes(radar, SHOWN).join(" ")).toContain(
      "It has no decision time: there the least is 1.",
    );
    expect(radarTable(radar).rows[1]).toEqual([
      "oracle",
      "10.00",
      "1.00×",
      "1.00",
      "1.00×",
      "–",
      "–",
    ]);
  });

  it("cuts off who is a thousand times worse, says so, and has the value in the table", () => {
    expect(ratios("slow")?.[0]).toBe(2000);
    expect(clipped(2000)).toBe(1000);
    const notes = radarNotes(radar, SHOWN).join(" ");
    expect(notes).toContain("slow");
    expect(radarNotes(radar, new Set(["greedy"])).join(" ")).not.toContain("Cut off");
    expect(radarTable(radar).rows[2]?.[1]).toBe("20\u202f000.00");
  });

  it("is relative to the best without an oracle", () => {
    const { oracle: _, ...others } = LANES;
    const found = radarOf(others, "all", MEASURES);
    expect(found.reference).toBe("greedy");
    expect(found.lanes[1]?.ratios[1]).toBe(8);
    expect(radarNotes(found, SHOWN)[0]).toContain("greedy, the best");
  });

  it("does not draw who lacks a value, and leaves out axes that nobody has", () => {
    const lacking = {
      ...LANES,
      new: lane("new", { objective: 3, makespan_s: 20, energy_j: null }),
    };
    const found = radarOf(lacking, "all", MEASURES);
    const shown = new Set(Object.keys(lacking));
    expect(drawnLanes(found, shown).map(({ scheduler }) => scheduler)).not.toContain("new");
    expect(radarNotes(found, shown).join(" ")).toContain("values are missing: new");
    expect(radarOf({ a: lane("a", { makespan_s: 1 }) }, "all", MEASURES).axes).toHaveLength(1);
  });

  it("takes zero and infinity", () => {
    const found = radarOf(
      {
        oracle: lane("oracle", { makespan_s: 0, energy_j: 5 }),
        same: lane("same", { makespan_s: 0, energy_j: "inf" }),
        other: lane("other", { makespan_s: 4, energy_j: 0 }),
      },
      "all",
      MEASURES,
    );
    expect(found.lanes[1]?.ratios).toEqual([1, Number.POSITIVE_INFINITY]);
    expect(found.lanes[2]?.ratios).toEqual([Number.POSITIVE_INFINITY, 0]);
    expect(ratioText(Number.POSITIVE_INFINITY)).toBe("∞×");
    expect(clipped(0)).toBe(1e-3);
  });

  it("is empty without lanes", () => {
    expect(radarOf({}, "all", MEASURES)).toEqual({
      axes: [],
      reference: null,
      toLeast: [],
      lanes: [],
    });
  });
});

describe("the rings", () => {
  it("are doublings if the values are close, and decades if not; 1 is one of them", () => {
    expect(ringsOf([1, 3, 0.5])).toEqual({ factor: 2, least: -1, most: 2 });
    expect(ringsOf([1, 900])).toEqual({ factor: 10, least: -1, most: 3 });
    expect(ringsOf([])).toEqual({ factor: 2, least: -1, most: 1 });
  });

  it("hold what is drawn", () => {
    const option = radarOption(radarOf(LANES, "all", MEASURES), SHOWN, lanesOf([...SHOWN]), THEME);
    const { indicator } = option.radar as { indicator: { min: number; max: number }[] };
    const series = option.series as { data: { value: number[] }[] }[];
    expect(series).toHaveLength(3);
    for (const { data } of series) {
      for (const value of data[0]?.value ?? []) {
        expect(value).toBeGreaterThanOrEqual(indicator[0]?.min ?? 0);
        expect(value).toBeLessThanOrEqual(indicator[0]?.max ?? 0);
      }
    }
  });
});
