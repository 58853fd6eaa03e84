// What learned schedulers thought of each action, and what all of them did with a task.
import type { AuditAnswer, AuditLane, DecisionRow, Prediction, Quantity } from "../../api/types";

export const ORACLE = "oracle";

/** An action as a scheduler saw it. */
export interface ActionRow {
  action: number;
  gpuFraction: number;
  value: Quantity;
  /** Length of its bar, 0 to 1; null: no bar. */
  length: number | null;
  isBest: boolean;
  isChosen: boolean;
  isOracles: boolean;
}

const finite = (values: readonly Quantity[]): number[] =>
  values.filter((value): value is number => typeof value === "number");

/** From which values bars begin and end: a probability's from 0 to 1, a Q value's from the least
 * to the greatest, for only its differences choose. */
export function barRange({ kind, values }: Prediction): [from: number, to: number] {
  if (kind === "probability") return [0, 1];
  const known = finite(values);
  return known.length ? [Math.min(...known), Math.max(...known)] : [0, 0];
}

/** Decimals with which the values of a prediction can be told apart. */
export function digitsOf(prediction: Prediction): number {
  const [from, to] = barRange(prediction);
  if (!(to > from)) return 3;
  return Math.min(Math.max(Math.ceil(2 - Math.log10(to - from)), 0), 8);
}

/** The actions of a prediction, in the order of their GPU fractions. */
export function actionRows(
  prediction: Prediction,
  gpuFractions: readonly number[],
  chosen: number,
  oracles: number | null,
): ActionRow[] {
  const [from, to] = barRange(prediction);
  const best = Math.max(...finite(prediction.values));
  return prediction.values.map((value, action) => ({
    action,
    gpuFraction: gpuFractions[action] ?? Number.NaN,
    value,
    length: typeof value !== "number" ? null : to > from ? (value - from) / (to - from) : 1,
    isBest: value === best,
    isChosen: action === chosen,
    isOracles: action === oracles,
  }));
}

/** The action that the oracle chose; null: its decision is not kept. */
export function oraclesAction({ lanes }: AuditAnswer): number | null {
  return lanes.find((lane) => lane.scheduler === ORACLE)?.decision.action ?? null;
}

/** Schedulers of the run whose decision on the task is not kept any more. */
export function forgotten({ lanes }: AuditAnswer, schedulers: readonly string[]): string[] {
  const kept = new Set(lanes.map((lane) => lane.scheduler));
  return schedulers.filter((name) => !kept.has(name));
}

/** Lanes that tell what they thought, and those that cannot, with the reason. */
export function learned(lanes: readonly AuditLane[]): (AuditLane & { prediction: Prediction })[] {
  return lanes.filter(
    (lane): lane is AuditLane & { prediction: Prediction } => lane.prediction !== null,
  );
}

/** Why a scheduler did not do what it thought best; empty: it did, or nobody knows. */
export function whyNotBest(rows: readonly ActionRow[], decision: DecisionRow): string {
  const chosen = rows.find((row) => row.isChosen);
  if (!chosen || chosen.isBest || rows.every((row) => row.length === null)) return "";
  return decision.fallback
    ? "It did not fit on a GPU and ran on the CPU."
    : "It did not choose what it valued most: it explored, or that did not fit.";
}
