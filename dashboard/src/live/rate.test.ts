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

it("is unknown after another run, or without an engine", () => {
  const meter = new RateMeter();
  meter.measure(played(0), 0);
  expect(meter.measure(played(5000, 0, 2), 5000)).toBeNull();
  expect(meter.measure(aState({ engine: null }), 20_000)).toBeNull();
});

it("goes on while an episode ends: what was placed is not in the store yet", () => {
  const meter = new RateMeter();
  meter.measure(played(1000, 100), 0);
  expect(meter.measure(played(1000, 200), 4000)).toBe(25);
  expect(meter.measure(played(1000, 0), 4100)).toBeCloseTo(100 / 4.1);
  expect(meter.measure(played(1200, 0), 5000)).toBe(20);
});

it("is 0 at once in a pause, and measured anew after it", () => {
  const meter = new RateMeter();
  meter.measure(played(0), 0);
  meter.measure(played(1000), 1000);
  const paused = aState({ run: aRun({ tasks: 1010 }), engine: anEngine({ paused: true }) });
  expect(meter.measure(paused, 1100)).toBe(0);
  expect(meter.measure(played(1010), 9000)).toBeNull();
  expect(meter.measure(played(1110), 10_000)).toBe(100);
});
