import type { LaneState, Measure, Quantity } from "../../../api/types";
import { formatValue, withUnit } from "../../../format";
import type { TableData } from "../../../widgets/DataTable";
import type { Lanes } from "../lanes";

/** What is drawn over the window: the gap, or J where there are no bounds. */
export function trendKey(lanes: Lanes): "gap" | "objective" {
  const hasGap = Object.values(lanes).some((lane) =>
    (lane.series.gap ?? []).some((value) => value !== null),
  );
  return hasGap ? "gap" : "objective";
}

export const seriesOf = (lane: LaneState, key: string): Quantity[] => lane.series[key] ?? [];

/** A row a stretch of the window, the newest first, and a column a scheduler. */
export function trendTable(lanes: Lanes, measure: Measure): TableData {
  const states = Object.values(lanes);
  const length = Math.max(0, ...states.map((lane) => seriesOf(lane, measure.key).length));
  return {
    columns: [
      { label: "stretch of the window" },
      ...states.map(({ scheduler }) => ({
        label: `${scheduler}: ${withUnit(measure)}`,
        isNumber: true,
      })),
    ],
    rows: Array.from({ length }, (_, back) => [
      back === 0 ? "newest" : `${back} before`,
      ...states.map((lane) => formatValue(seriesOf(lane, measure.key).at(-1 - back), measure)),
    ]),
  };
}
