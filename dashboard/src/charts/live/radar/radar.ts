import type { LaneState, Measure } from "../../../api/types";
import { formatNumber, formatValue, NONE, toNumber, withUnit } from "../../../format";
import type { TableData } from "../../../widgets/DataTable";

export const ORACLE = "oracle";
/** Ratios beyond it, or below its inverse, are drawn there. */
export const MAX_RATIO = 1_000;

/** What each scheduler has of what the reference has, by axis. */
export interface Radar {
  axes: Measure[];
  /** Whose values are 1; null: there are no lanes. */
  reference: string | null;
  /** Axes on which the reference has no value: there the least is 1. */
  toLeast: Measure[];
  lanes: RadarLane[];
}

export interface RadarLane {
  scheduler: string;
  values: (number | null)[];
  /** null: there is no value. */
  ratios: (number | null)[];
}

export function radarOf(
  lanes: Readonly<Record<string, LaneState>>,
  span: "window" | "all",
  measures: readonly Measure[],
): Radar {
  const states = Object.values(lanes);
  const ofLane = (lane: LaneState, { key }: Measure) => toNumber(lane[span][key]);
  const axes = measures.filter(
    (measure) => measure.in_radar && states.some((lane) => ofLane(lane, measure) !== null),
  );
  const reference = referenceOf(states, span);
  const bases = axes.map((measure) => (reference ? ofLane(reference, measure) : null));
  const least = axes.map((measure) =>
    Math.min(...states.flatMap((lane) => ofLane(lane, measure) ?? [])),
  );
  return {
    axes,
    reference: reference?.scheduler ?? null,
    toLeast: axes.filter((_, i) => bases[i] === null),
    lanes: states.map((lane) => {
      const values = axes.map((measure) => ofLane(lane, measure));
      const ratios = values.map((value, i) => ratioOf(value, bases[i] ?? least[i] ?? null));
      // By what it is measured, the reference is 1, even where it has no value.
      const own = lane === reference ? axes.map(() => 1) : ratios;
      return { scheduler: lane.scheduler, values, ratios: own };
    }),
  };
}

/** The oracle; without one the scheduler with the least objective. */
function referenceOf(states: readonly LaneState[], span: "window" | "all"): LaneState | undefined {
  const objective = (lane: LaneState) => toNumber(lane[span].objective) ?? Number.POSITIVE_INFINITY;
  return (
    states.find(({ scheduler }) => scheduler === ORACLE) ??
    [...states].sort((a, b) => objective(a) - objective(b))[0]
  );
}

function ratioOf(value: number | null, base: number | null): number | null {
  if (value === null || base === null) return null;
  if (value === base) return 1;
  return value / base;
}

export const clipped = (ratio: number): number =>
  Math.min(Math.max(ratio, 1 / MAX_RATIO), MAX_RATIO);

export const isClipped = (ratio: number | null): boolean =>
  ratio !== null && clipped(ratio) !== ratio;

export function ratioText(ratio: number | null): string {
  if (ratio === null) return NONE;
  if (!Number.isFinite(ratio)) return "∞×";
  return `${formatNumber(ratio, ratio < 10 ? 2 : ratio < 100 ? 1 : 0)}×`;
}

/** What one has to know to read it, one sentence each. */
export function radarNotes(radar: Radar, shown: ReadonlySet<string>): string[] {
  const { reference, toLeast } = radar;
  const lanes = radar.lanes.filter(({ scheduler }) => shown.has(scheduler));
  const to = reference === ORACLE ? "the oracle" : `${reference}, the best`;
  const notes = [`Relative to ${to}; logarithmic; nearer to the centre is better.`];
  const names = toLeast.map(({ label }) => label).join(" and ");
  if (names) notes.push(`It has no ${names}: there the least is 1.`);
  const cut = lanes.filter(({ ratios }) => ratios.some(isClipped)).map((lane) => lane.scheduler);
  if (cut.length > 0) {
    notes.push(
      `Cut off at ${formatNumber(MAX_RATIO)}×: ${cut.join(", ")} (the table has the values).`,
    );
  }
  const missing = lanes.filter(({ ratios }) => ratios.includes(null)).map((lane) => lane.scheduler);
  if (missing.length > 0) notes.push(`Not drawn, as values are missing: ${missing.join(", ")}.`);
  return notes;
}

export function radarTable({ axes, lanes }: Radar): TableData {
  return {
    columns: [
      { label: "scheduler" },
      ...axes.flatMap((axis) => [
        { label: withUnit(axis), isNumber: true },
        { label: `${axis.label}, relative`, isNumber: true },
      ]),
    ],
    rows: lanes.map(({ scheduler, values, ratios }) => [
      scheduler,
      ...axes.flatMap((axis, i) => [
        formatValue(infText(values[i] ?? null), axis),
        values[i] === null ? NONE : ratioText(ratios[i] ?? null),
      ]),
    ]),
  };
}

const infText = (value: number | null) => (value === Number.POSITIVE_INFINITY ? "inf" : value);
