// @vitest-environment node
import { describe, expect, it } from "vitest";
import type { AuditAnswer, Prediction } from "../../api/types";
import { decision } from "./examples";
import {
  actionRows,
  barRange,
  digitsOf,
  forgotten,
  learned,
  oraclesAction,
  whyNotBest,
} from "./judgement";

const fractions = [0, 0.5, 1];
const q: Prediction = { kind: "q_value", features: {}, values: [-4, -1, -3], why_not: null };
const p: Prediction = { kind: "probability", features: {}, values: [0.1, 0.2, 0.7], why_not: null };

describe("actionRows", () => {
  it("draws Q values from the least to the greatest", () => {
    const rows = actionRows(q, fractions, 2, 1);
    expect(rows.map((row) => row.length)).toEqual([0, 1, 1 / 3]);
    expect(rows.map((row) => row.gpuFraction)).toEqual(fractions);
    expect(rows.map((row) => [row.isBest, row.isChosen, row.isOracles])).toEqual([
      [false, false, false],
      [true, false, true],
      [false, true, false],
    ]);
  });

  it("draws probabilities from nothing to certain", () => {
    expect(barRange(p)).toEqual([0, 1]);
    expect(actionRows(p, fractions, 2, null).map((row) => row.length)).toEqual([0.1, 0.2, 0.7]);
  });

  it("has no bar for a value that is not there or infinite, and full ones if all are alike", () => {
    const odd: Prediction = { ...q, values: [null, "-inf", -2] };
    expect(actionRows(odd, fractions, 2, 2).map((row) => row.length)).toEqual([null, null, 1]);
    const alike: Prediction = { ...q, values: [3, 3, 3] };
    expect(actionRows(alike, fractions, 0, 0).map((row) => row.length)).toEqual([1, 1, 1]);
    expect(actionRows({ ...q, values: [] }, fractions, 0, 0)).toEqual([]);
  });
});

it("values have as many decimals as tell them apart", () => {
  expect(digitsOf(p)).toBe(2);
  expect(digitsOf({ ...q, values: [-4, -1, -3] })).toBe(2);
  expect(digitsOf({ ...q, values: [-0.0081, -0.0072] })).toBe(6);
  expect(digitsOf({ ...q, values: [-4000, 100] })).toBe(0);
  expect(digitsOf({ ...q, values: [1, 1] })).toBe(3);
});

describe("whyNotBest", () => {
  it("speaks only if another was valued more", () => {
    expect(whyNotBest(actionRows(q, fractions, 1, 1), decision({ action: 1 }))).toBe("");
    expect(whyNotBest(actionRows(q, fractions, 2, 1), decision({ action: 2 }))).toMatch(/explored/);
    expect(whyNotBest(actionRows(q, fractions, 2, 1), decision({ fallback: true }))).toMatch(/fit/);
    expect(whyNotBest([], decision())).toBe("");
  });
});

describe("an audit", () => {
  const answer: AuditAnswer = {
    run: 1,
    sequence: 7,
    episode: 0,
    task: 7,
    gpu_fractions: fractions,
    lanes: [
      { scheduler: "greedy", decision: decision({ action: 0 }), cost: 0.25, prediction: null },
      { scheduler: "dqn", decision: decision({ action: 2 }), cost: null, prediction: q },
      { scheduler: "oracle", decision: decision({ action: 1 }), cost: 0, prediction: null },
    ],
    why_no_cost: null,
  };

  it("knows the oracle's choice, who thinks, and whose decision is gone", () => {
    expect(oraclesAction(answer)).toBe(1);
    expect(learned(answer.lanes).map((lane) => lane.scheduler)).toEqual(["dqn"]);
    expect(forgotten(answer, ["greedy", "random", "dqn", "oracle"])).toEqual(["random"]);
    expect(oraclesAction({ ...answer, lanes: answer.lanes.slice(0, 2) })).toBeNull();
  });
});
