// @vitest-environment node
import { describe, expect, it } from "vitest";
import {
  deviceName,
  layOut,
  MAX_EMPTY_ROWS,
  neighbour,
  newestEpisode,
  rowsFrom,
  spanOfEpisode,
  tasksPerEpisode,
} from "./bars";
import { decision } from "./examples";

const detail = { devices: ["epyc #0", "a100 #0", "a100 #1"], num_cpus: 1 };

describe("layOut", () => {
  it("gives each device a row and each share a bar", () => {
    const { rows, bars, end, hidden } = layOut(
      [
        decision({
          sequence: 400,
          task: 0,
          cpu: { device: 0, start_s: 1, finish_s: 3 },
          gpu: null,
        }),
        decision({
          sequence: 401,
          task: 1,
          cpu: { device: 0, start_s: 3, finish_s: 4 },
          gpu: { device: 2, start_s: 1.5, finish_s: 6.25 },
        }),
        decision({
          sequence: 402,
          task: 2,
          cpu: null,
          gpu: { device: 1, start_s: 2, finish_s: 5 },
        }),
      ],
      detail,
    );
    expect(rows.map((row) => row.name)).toEqual(["epyc #0", "a100 #0", "a100 #1"]);
    expect(bars.map(({ row, start, finish, kind }) => [row, start, finish, kind])).toEqual([
      [0, 1, 3, "cpu"],
      [0, 3, 4, "split-cpu"],
      [2, 1.5, 6.25, "split-gpu"],
      [1, 2, 5, "gpu"],
    ]);
    expect([end, hidden]).toEqual([6.25, 0]);
  });

  it("can be shown some rows at a time, over the same time", () => {
    const layout = layOut([decision()], detail);
    const part = rowsFrom(layout, 1, 1);
    expect(part.rows.map((row) => row.name)).toEqual(["a100 #0"]);
    expect(part.bars.map(({ row, kind }) => [row, kind])).toEqual([[0, "split-gpu"]]);
    expect([part.begin, part.end]).toEqual([0, 2]);
  });

  it("leaves idle devices out where there are many", () => {
    const many = { devices: Array.from({ length: 500 }, (_, i) => `cpu #${i}`), num_cpus: 500 };
    const { rows, bars, hidden } = layOut(
      [decision({ cpu: { device: 437, start_s: 0, finish_s: 1 }, gpu: null })],
      many,
    );
    expect(rows).toEqual([{ device: 437, name: "cpu #437" }]);
    expect(bars[0]?.row).toBe(0);
    expect(hidden).toBe(499);
    const few = { devices: many.devices.slice(0, MAX_EMPTY_ROWS), num_cpus: 1 };
    expect(layOut([], few).rows).toHaveLength(MAX_EMPTY_ROWS);
  });

  it("names devices of a run that does not tell them", () => {
    const silent = { devices: [], num_cpus: 0 };
    const { rows } = layOut([decision({ gpu: { device: 3, start_s: 0, finish_s: 1 } })], silent);
    expect(rows.map((row) => row.name)).toEqual(["device 0", "device 1", "device 2", "device 3"]);
    expect(deviceName(1, detail)).toBe("a100 #0");
  });

  it("has nothing for no tasks", () => {
    expect(layOut([], { devices: [], num_cpus: 0 })).toEqual({
      rows: [],
      bars: [],
      hidden: 0,
      begin: 0,
      end: 0,
    });
  });
});

describe("neighbour", () => {
  const three = [7, 8, 9].map((sequence) => decision({ sequence }));

  it("goes through the tasks and stays at the ends", () => {
    expect(neighbour(three, 7, 1)).toBe(8);
    expect(neighbour(three, 8, -1)).toBe(7);
    expect(neighbour(three, 9, 1)).toBe(9);
    expect(neighbour(three, 7, -10)).toBe(7);
  });

  it("begins at an end if none of them is chosen", () => {
    expect(neighbour(three, null, 1)).toBe(7);
    expect(neighbour(three, 1234, -1)).toBe(9);
    expect(neighbour([], null, 1)).toBeNull();
  });
});

describe("episodes", () => {
  it("are found by number", () => {
    expect(tasksPerEpisode({ tasks: 10_000, next_episode: 50 })).toBe(200);
    expect(tasksPerEpisode({ tasks: 0, next_episode: 0 })).toBeNull();
    expect(tasksPerEpisode(null)).toBeNull();
    expect(spanOfEpisode(3, 200, 2000)).toEqual({ first: 600, limit: 200 });
    expect(spanOfEpisode(3, 9000, 2000)).toEqual({ first: 34_000, limit: 2000 });
  });

  it("are never mixed: times begin anew in each", () => {
    const rows = [1, 1, 2, 2, 2].map((episode, sequence) => decision({ episode, sequence }));
    expect(newestEpisode(rows, 2000).map((row) => row.sequence)).toEqual([2, 3, 4]);
    expect(newestEpisode(rows, 2).map((row) => row.sequence)).toEqual([3, 4]);
    expect(newestEpisode([], 5)).toEqual([]);
  });
});
