import type { Measure } from "../../../api/types";
import { formatMeasure, formatValue, NONE, toNumber, withUnit } from "../../../format";
import type { TableData } from "../../../widgets/DataTable";
import type { Span } from "../controls";
import { median } from "../history/curves";
import type { Lanes } from "../lanes";
import { type Measures, measureOf } from "../measures";

/** What schedulers are compared by. */
export const COMPARED = ["objective", "gap", "makespan_s", "energy_j", "mean_wait_s"] as const;
export type Compared = (typeof COMPARED)[number];

/** Values beyond so many times the middle one are cut off: else the others would be no bars. */
const FAR = 8;

export interface Bar {
  scheduler: string;
  /** null: there is none. */
  value: number | null;
  /** Whether it is longer than there is room for. */
  isCut: boolean;
  isBest: boolean;
}

export interface Bars {
  bars: Bar[];
  /** Where the axis ends, in the unit of the values. */
  limit: number;
  /** The mean bound of the objective; null: there is none, or it is not the objective. */
  bound: number | null;
}

export function barsOf(lanes: Lanes, span: Span, measure: Measure): Bars {
  const states = Object.values(lanes);
  const values = states.map((lane) => toNumber(lane[span][measure.key]));
  const finite = values.filter((value) => value !== null && Number.isFinite(value)) as number[];
  const best = measure.lower_is_better ? Math.min(...finite) : Math.max(...finite);
  const far = FAR * median(finite.map(Math.abs));
  const near = far > 0 ? finite.filter((value) => value <= far) : finite;
  const bound = boundOf(lanes, span, measure);
  const isAnyCut = values.some((value) => value !== null && !near.includes(value));
  const most = Math.max(0, bound ?? 0, ...near);
  // A bar that is cut off is longer than all that are not.
  const limit = (most || 1) * (isAnyCut ? 1.25 : 1.08);
  return {
    bars: states.map(({ scheduler }, i) => {
      const value = values[i] ?? null;
      return {
        scheduler,
        value,
        isCut: value !== null && value > limit,
        isBest: value !== null && value === best && finite.length > 1,
      };
    }),
    limit,
    bound,
  };
}

/** Lanes play the same episodes: they have the same bound. */
function boundOf(lanes: Lanes, span: Span, measure: Measure): number | null {
  if (measure.key !== "objective") return null;
  for (const lane of Object.values(lanes)) {
    const bound = toNumber(lane[span].bound);
    if (bound !== null && Number.isFinite(bound)) return bound;
  }
  return null;
}

export function barText({ value, isCut, isBest }: Bar, measure: Measure): string {
  if (value === null) return NONE;
  const text = formatMeasure(Number.isFinite(value) ? value : "inf", measure);
  return `${isBest ? "★ " : ""}${isCut ? "≫ " : ""}${text}`;
}

/** All five measures of each scheduler. */
export function comparisonTable(lanes: Lanes, span: Span, measures: Measures): TableData {
  const shown = COMPARED.map((key) => measureOf(measures, key));
  const states = Object.values(lanes);
  const objective = measureOf(measures, "objective");
  const bound = boundOf(lanes, span, objective);
  return {
    columns: [
      { label: "scheduler" },
      ...shown.map((measure) => ({ label: withUnit(measure), isNumber: true })),
    ],
    rows: states.map((lane) => [
      lane.scheduler,
      ...shown.map((measure) => formatValue(lane[span][measure.key], measure)),
    ]),
    ...(bound === null ? {} : { note: `Bound of the objective: ${formatValue(bound, objective)}` }),
  };
}

export function barsSummary({ bars }: Bars, measure: Measure): string {
  const best = bars.find(({ isBest }) => isBest);
  return best ? `Best: ${best.scheduler} with ${formatMeasure(best.value, measure)}` : "";
}
