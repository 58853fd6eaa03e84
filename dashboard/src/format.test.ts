import { describe, expect, it } from "vitest";
import type { Measure } from "./api/types";
import {
  formatBytes,
  formatDifference,
  formatDuration,
  formatMeasure,
  formatNumber,
  formatPercent,
  formatShort,
  formatTime,
  formatValue,
  toFinite,
  toNumber,
  withUnit,
} from "./format";

const energy: Measure = {
  key: "energy_j",
  label: "energy",
  unit: "J",
  shown_unit: "kJ",
  scale: 1e-3,
  digits: 1,
  lower_is_better: true,
  in_radar: true,
  over_episodes: "mean",
};

describe("numbers", () => {
  it.each([
    [0, 0, "0"],
    [-0.04, 1, "0.0"],
    [-1.25, 1, "−1.3"],
    [12_345.678, 1, "12\u202f345.7"],
    [1_234_567, 0, "1.23e6"],
    [-98_765_432_100, 2, "−9.88e10"],
    ["inf", 2, "∞"],
    ["-inf", 2, "−∞"],
    [null, 2, "–"],
    [undefined, 2, "–"],
    [Number.NaN, 2, "–"],
  ] as const)("%s with %d digits is %s", (value, digits, text) => {
    expect(formatNumber(value, digits)).toBe(text);
  });

  it.each([
    [950, "950"],
    [12_345, "12.3K"],
    [4_560_000, "4.56M"],
    [0.00012, "1.2e−4"],
    ["inf", "∞"],
    [null, "–"],
  ] as const)("%s in short is %s", (value, text) => {
    expect(formatShort(value)).toBe(text);
  });

  it("are read from the wire", () => {
    expect(toNumber("inf")).toBe(Number.POSITIVE_INFINITY);
    expect(toNumber("-inf")).toBe(Number.NEGATIVE_INFINITY);
    expect(toFinite("inf")).toBeNull();
    expect(toFinite(null)).toBeNull();
    expect(toFinite(0)).toBe(0);
  });
});

describe("measures", () => {
  it("are scaled to the unit that is shown", () => {
    expect(formatValue(36_812, energy)).toBe("36.8");
    expect(formatMeasure(36_812, energy)).toBe("36.8 kJ");
    expect(formatMeasure("inf", energy)).toBe("∞ kJ");
    expect(formatMeasure(null, energy)).toBe("–");
    expect(withUnit(energy)).toBe("energy [kJ]");
    expect(withUnit({ ...energy, shown_unit: "" })).toBe("energy");
  });

  it("have a sign as differences, unless they round to none", () => {
    expect(formatDifference(1200, energy)).toBe("+1.2");
    expect(formatDifference(-1200, energy)).toBe("−1.2");
    expect(formatDifference(12, energy)).toBe("0.0");
    expect(formatDifference("inf", energy)).toBe("+∞");
    expect(formatDifference(null, energy)).toBe("–");
  });
});

describe("durations, bytes and shares", () => {
  it.each([
    [0, "0.00 s"],
    [9.994, "9.99 s"],
    [59.6, "1 min 0 s"],
    [3_725, "1 h 2 min"],
    [200_000, "2 d 7 h"],
    [-75, "−1 min 15 s"],
    [null, "–"],
    ["inf", "∞"],
  ] as const)("%s s is %s", (value, text) => {
    expect(formatDuration(value)).toBe(text);
  });

  it.each([
    [512, "512 B"],
    [1536, "1.5 KiB"],
    [150 * 2 ** 20, "150 MiB"],
    [null, "–"],
  ] as const)("%s B is %s", (value, text) => {
    expect(formatBytes(value)).toBe(text);
  });

  it("writes a share as percent", () => {
    expect(formatPercent(0.256, 1)).toBe("25.6 %");
    expect(formatPercent(null)).toBe("–");
  });
});

it("a time that no calendar has is none", () => {
  expect(formatTime(0)).toMatch(/^19(70|69)-/);
  for (const at of [null, 1e300, -1e300, Number.NaN]) expect(formatTime(at)).toBe("\u2013");
});
