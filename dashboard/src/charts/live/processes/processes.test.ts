import { describe, expect, it } from "vitest";
import { lineOf, processesSummary, processesTable } from "./processes";
import { type Sample, SampleRing } from "./samples";

const sample = (at: number, part: Partial<Sample> = {}): Sample => ({
  at,
  engineCpu: 100,
  engineBytes: 2 ** 30,
  serverCpu: 5,
  serverBytes: 2 ** 26,
  ...part,
});

describe("the ring of samples", () => {
  it("keeps the last ones, the oldest first, in the same memory", () => {
    const ring = new SampleRing(3);
    for (let second = 1; second <= 100_000; second += 1) ring.add(sample(second * 1000));
    expect(ring.length).toBe(3);
    expect(ring.list().map(({ at }) => at)).toEqual([99_998_000, 99_999_000, 100_000_000]);
  });

  it("takes one a second of ten", () => {
    const ring = new SampleRing(100);
    for (let tenth = 0; tenth < 50; tenth += 1) ring.add(sample(tenth * 100));
    expect(ring.list().map(({ at }) => at)).toEqual([0, 1000, 2000, 3000, 4000]);
  });

  it("is empty at first", () => {
    expect(new SampleRing(3).list()).toEqual([]);
  });
});

describe("a line over time", () => {
  it("has a hole where the engine was not there, and where nothing was measured", () => {
    const samples = [
      sample(0),
      sample(1000, { engineCpu: Number.NaN }),
      sample(2000),
      sample(60_000),
    ];
    expect(lineOf(samples, "engineCpu")).toEqual([
      [0, 100],
      [1000, null],
      [2000, 100],
      [2001, null],
      [60_000, 100],
    ]);
  });

  it("is in the unit of its axis", () => {
    expect(lineOf([sample(0)], "serverBytes", 2 ** -20)).toEqual([[0, 64]]);
  });
});

it("the table has the newest first, and a dash for an engine that is not there", () => {
  const [newest, oldest] = processesTable([
    sample(0),
    sample(1000, { engineCpu: Number.NaN, engineBytes: Number.NaN }),
  ]).rows;
  expect(newest?.slice(1)).toEqual(["–", "–", "5.0", "64.0 MiB"]);
  expect(oldest?.slice(1)).toEqual(["100.0", "1.0 GiB", "5.0", "64.0 MiB"]);
});

it("the summary says what is now", () => {
  expect(processesSummary([])).toBe("");
  expect(processesSummary([sample(0)])).toBe(
    "engine now: 100 % CPU, 1.0 GiB; server now: 5 % CPU, 64.0 MiB",
  );
});
