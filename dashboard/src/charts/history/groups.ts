// Groups of episodes as a table that sorts, as a file, and as a chart that zooms.
import type { Measure } from "../../api/types";
import { formatNumber, formatValue } from "../../format";
import type { ChartOption } from "../echarts";
import { toCsv, type Value } from "./csv";
import type { Choice, GroupRow, Stretch } from "./rollups";

export const BOUND = "bound";

/** Whether the bound is of the metric that is looked at: it is one of the mean J alone. */
export const hasBound = ({ metric, isSum }: Choice): boolean => metric === "objective" && !isSum;

/** Names of the episodes of a group. */
export function groupName({ first, count }: GroupRow): string {
  const last = first + Math.max(count, 1) - 1;
  return count > 1 ? `${formatNumber(first)} – ${formatNumber(last)}` : formatNumber(first);
}

/** A group's value as text. */
export const valueText = (value: GroupRow["bound"] | undefined, measure: Measure): string =>
  formatValue(value ?? null, measure);

/** What the table shows, as the store has it: in the units of the store, all digits. */
export function groupsCsv(
  rows: readonly GroupRow[],
  schedulers: readonly string[],
  choice: Choice,
): string {
  const isBounded = hasBound(choice);
  const prefix = choice.isSum ? `cumulative_${choice.metric}` : choice.metric;
  const header = [
    "first_episode",
    "episodes",
    "phase",
    ...(isBounded ? [BOUND] : []),
    ...schedulers.map((name) => `${prefix}: ${name}`),
  ];
  return toCsv(
    header,
    rows.map((row): Value[] => [
      row.first,
      row.count,
      row.phase,
      ...(isBounded ? [row.bound] : []),
      ...schedulers.map((name) => row.values[name] ?? null),
    ]),
  );
}

/** A chart over a stretch of episodes that one can look closer at. */
export function zoomable(option: ChartOption, { first, end }: Stretch): ChartOption {
  return {
    ...option,
    // The schedulers are chosen below the chart, by buttons that look like its lines.
    legend: { show: false },
    grid: { ...(option.grid as object), top: 10, bottom: 30 },
    xAxis: { ...(option.xAxis as object), min: first, max: Math.max(end - 1, first + 1) } as never,
    dataZoom: [
      { type: "inside", filterMode: "none", zoomOnMouseWheel: "ctrl", moveOnMouseMove: true },
      {
        type: "slider",
        filterMode: "none",
        height: 16,
        bottom: 2,
        showDataShadow: false,
        labelFormatter: (value: number) => formatNumber(Math.round(value)),
      },
    ],
  };
}
