import { describe, expect, it } from "vitest";
import type { HistoryLane, Mark } from "../../../api/types";
import { formatNumber } from "../../../format";
import { lanesOf } from "../../lanes";
import { THEME } from "../testing";
import { curvesOf, meanOf, phasesOf } from "./curves";
import { historyOption, MAX_PINS, pins } from "./historyChart";
import { historyTable } from "./historyTable";
import type { History } from "./merge";

function lane(regret: (number | null)[]): HistoryLane {
  return {
    episode: regret.map((_, i) => 2 * i),
    count: regret.map(() => 2),
    phase: regret.map(() => "before"),
    bound: regret,
    values: { regret },
    cumulative: {},
  };
}

const MARKS: Mark[] = [
  { episode: 2, kind: "drift", scheduler: null, label: "gpu" },
  { episode: 3, kind: "model", scheduler: "b", label: "version 1" },
];
const HISTORY: History = {
  granularity: 2,
  lanes: { a: lane([1, 2, 3]), b: lane([4, null, 6]) },
  marks: MARKS,
};

describe("a chart over episodes", () => {
  const curves = curvesOf(HISTORY, meanOf("regret"));
  const option = historyOption(
    {
      curves,
      lanes: lanesOf(["a", "b"]),
      phases: phasesOf(HISTORY),
      retrained: new Map([["b", [3]]]),
      label: "regret",
      digits: 2,
      isLog: false,
    },
    THEME,
  );
  const series = option.series as {
    id: string;
    data: { value: [number, number | null] }[];
    markArea?: { data: [{ xAxis: number; name: string }, { xAxis: number }][] };
  }[];

  it("has a line for each lane", () => {
    const line = series.find(({ id }) => id === "line b");
    expect(line?.data.map(({ value }) => value)).toEqual([
      [1, 4],
      [3, null],
      [5, 6],
    ]);
  });

  it("names the phases of a drift where they are", () => {
    const areas = series.find(({ id }) => id === "phases")?.markArea?.data;
    expect(areas?.map(([from, to]) => [from.name, from.xAxis, to.xAxis])).toEqual([
      ["before", 0, 2],
      ["gpu", 2, 6],
    ]);
  });

  it("has a pin on the line of who was retrained, at the next value that there is", () => {
    expect(series.find(({ id }) => id === "pins b")?.data).toEqual([[3, 6]]);
    expect(series.find(({ id }) => id === "pins a")?.data).toEqual([]);
  });
});

it("of very many retrainings some have pins, the last of them too", () => {
  const points = Array.from({ length: 1000 }, (_, i): [number, number] => [i, i]);
  const found = pins(
    points.map(([episode]) => episode),
    { lane: "a", points },
  );
  expect(found.length).toBeLessThanOrEqual(MAX_PINS);
  expect(found.at(-1)).toEqual([999, 999]);
  expect(pins([], { lane: "a", points })).toEqual([]);
});

it("the table has the newest group first, with what happened in it", () => {
  const table = historyTable(HISTORY, meanOf("regret"), (value) => formatNumber(value, 1));
  expect(table.columns.map(({ label }) => label)).toEqual(["episodes", "a", "b", "what happened"]);
  expect(table.rows).toEqual([
    ["4–5", "3.0", "6.0", ""],
    ["2–3", "2.0", "–", "drift: gpu; b: version 1"],
    ["0–1", "1.0", "4.0", ""],
  ]);
});
