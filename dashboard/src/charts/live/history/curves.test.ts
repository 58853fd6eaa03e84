import { describe, expect, it } from "vitest";
import type { HistoryLane, Mark, Quantity } from "../../../api/types";
import {
  aboveZero,
  curvesOf,
  isWide,
  lastValue,
  meanOf,
  median,
  phasesOf,
  retrainings,
  sumOf,
} from "./curves";
import type { History } from "./merge";

function lane(regret: Quantity[], phase = ""): HistoryLane {
  return {
    episode: regret.map((_, i) => 10 * i),
    count: regret.map(() => 10),
    phase: regret.map(() => phase),
    bound: regret.map(() => 1),
    values: { regret },
    cumulative: { regret: regret.map((value) => (typeof value === "number" ? value * 10 : value)) },
  };
}

function history(lanes: Record<string, HistoryLane>, marks: Mark[] = []): History {
  return { granularity: 10, lanes, marks };
}

describe("lines over episodes", () => {
  it("stand at the last episode of each group, in the shown unit", () => {
    const found = curvesOf(history({ a: lane([0.25, 0.5]) }), meanOf("regret"), 100);
    expect(found).toEqual([
      {
        lane: "a",
        points: [
          [9, 25],
          [19, 50],
        ],
      },
    ]);
    expect(curvesOf(history({ a: lane([0.25, 0.5]) }), sumOf("regret"))[0]?.points[1]).toEqual([
      19, 5,
    ]);
  });

  it("have a hole where there is no value or an infinite one", () => {
    const [curve] = curvesOf(history({ a: lane([1, null, "inf", 2]) }), meanOf("regret"));
    expect(curve?.points.map(([, value]) => value)).toEqual([1, null, null, 2]);
    expect(lastValue(curve ?? { lane: "a", points: [] })).toBe(2);
  });

  it("are left out of lanes that have no value at all, and of metrics that were not measured", () => {
    const lanes = history({ a: lane([null, null]), b: lane([1]) });
    expect(curvesOf(lanes, meanOf("regret")).map((curve) => curve.lane)).toEqual(["b"]);
    expect(curvesOf(lanes, sumOf("electricity_cost"))).toEqual([]);
    expect(curvesOf(history({}), meanOf("regret"))).toEqual([]);
  });

  it("are far apart if one is thirty times above the middle one", () => {
    const of = (...values: number[]) =>
      curvesOf(
        history(Object.fromEntries(values.map((value, i) => [`${i}`, lane([value])]))),
        meanOf("regret"),
      );
    expect(isWide(of(1, 2, 1000))).toBe(true);
    expect(isWide(of(1, 2, 20))).toBe(false);
    expect(isWide(of(1))).toBe(false);
    expect(isWide([])).toBe(false);
  });

  it("leave out of a logarithmic axis what is not above zero, and count it", () => {
    const { curves, left } = aboveZero(
      curvesOf(history({ a: lane([0, -1, 3, null]) }), meanOf("regret")),
    );
    expect(curves[0]?.points.map(([, value]) => value)).toEqual([null, null, 3, null]);
    expect(left).toBe(2);
  });

  it("has no place for what is next to nothing, so that the rest is seen", () => {
    const { curves, left } = aboveZero(
      curvesOf(history({ a: lane([1e-13, 2]), b: lane([3, 4000]) }), meanOf("regret")),
    );
    expect(curves.map(({ points }) => points.map(([, value]) => value))).toEqual([
      [null, 2],
      [3, 4000],
    ]);
    expect(left).toBe(1);
  });
});

it("the median of an even number of values is between the middle two", () => {
  expect(median([4, 1, 3, 2])).toBe(2.5);
  expect(median([9, 1, 3])).toBe(3);
});

describe("the phases of a drift", () => {
  const drift = (episode: number, label: string): Mark => ({
    episode,
    kind: "drift",
    scheduler: null,
    label,
  });

  it("go from mark to mark, and the last to the end", () => {
    const found = phasesOf(
      history({ a: lane([1, 1, 1], "before") }, [drift(25, "slow"), drift(12, "gpu")]),
    );
    expect(found).toEqual([
      { label: "before", first: 0, end: 12 },
      { label: "gpu", first: 12, end: 25 },
      { label: "slow", first: 25, end: 30 },
    ]);
  });

  it("are none without a drift, and none that nothing was played of", () => {
    expect(phasesOf(history({ a: lane([1]) }))).toEqual([]);
    expect(phasesOf(history({ a: lane([1]) }, [drift(10, "gpu")]))).toEqual([]);
  });
});

it("retrainings are those of each lane, in the order of the lanes", () => {
  const model = (scheduler: string, episode: number): Mark => ({
    episode,
    kind: "model",
    scheduler,
    label: "version 1",
  });
  const marks = [model("b", 3), model("a", 5), model("b", 9), model("gone", 1)];
  const found = retrainings(history({ a: lane([1]), b: lane([1]), c: lane([1]) }, marks));
  expect([...found].map(([name, of]) => [name, of.map((mark) => mark.episode)])).toEqual([
    ["a", [5]],
    ["b", [3, 9]],
  ]);
});
