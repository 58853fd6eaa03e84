// @vitest-environment node
import { expect, it } from "vitest";
import { groupName, groupsCsv, zoomable } from "./groups";
import type { GroupRow } from "./rollups";

const rows: GroupRow[] = [
  { first: 0, count: 10, phase: "a", bound: 1, values: { x: 2.123456789012345, y: "inf" } },
  { first: 10, count: 1, phase: "", bound: null, values: { x: null } },
];

it("the file has all digits, in the order in which they are shown", () => {
  expect(groupsCsv(rows, ["y", "x"], { metric: "objective", isSum: false })).toBe(
    "first_episode,episodes,phase,bound,objective: y,objective: x\r\n" +
      "0,10,a,1,inf,2.123456789012345\r\n10,1,,,,\r\n",
  );
});

it("only the mean objective has a bound", () => {
  expect(groupsCsv([], ["x"], { metric: "objective", isSum: true })).toBe(
    "first_episode,episodes,phase,cumulative_objective: x\r\n",
  );
});

it("groups are named by their episodes", () => {
  expect(rows.map(groupName)).toEqual(["0 – 9", "10"]);
});

it("a chart over a stretch begins and ends with it", () => {
  const option = zoomable(
    { grid: { left: 3 }, xAxis: { name: "episode" } },
    { first: 40, end: 50 },
  );
  expect(option.xAxis).toMatchObject({ name: "episode", min: 40, max: 49 });
  expect(option.grid).toMatchObject({ left: 3 });
});
