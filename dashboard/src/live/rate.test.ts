import { expect, it } from "vitest";
import { anEngine, aRun, aState } from "../test/state";
import { RateMeter } from "./rate";

const played = (tasks: number, placed = 0, run = 1) =>
  aState({ run: aRun({ run, tasks }), engine: anEngine({ placed }) });

it("is the tasks over the seconds between messages", () => {
  const meter = new RateMeter();
  expect(meter.measure(played(1000), 0)).toBeNull();
  expect(meter.measure(played(1000, 50), 500)).toBeNull();
  expect(meter.measure(played(1200), 2000)).toBe(100);
});

it("forgets what is older than some seconds", () => {
  const meter = new RateMeter();
  for (let second = 0; second <= 60; second += 1)
    meter.measure(played(second < 30 ? 0 : 10 * (second - 30)), 1000 * second);
  expect(meter.measure(played(310), 61_000)).toBeCloseTo(10);
});

it("is unknown after another run, a step back, or without an engine", () => {
  const meter = new RateMeter();
  meter.measure(played(0), 0);
  expect(meter.measure(played(5000, 0, 2), 5000)).toBeNull();
  expect(meter.measure(played(100, 0, 2), 10_000)).toBeNull();
  expect(meter.measure(aState({ engine: null }), 20_000)).toBeNull();
});
