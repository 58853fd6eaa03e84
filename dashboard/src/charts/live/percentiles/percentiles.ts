import { formatNumber, formatShort, NONE, toNumber } from "../../../format";
import type { ChartTheme } from "../../../theme";
import type { TableData } from "../../../widgets/DataTable";
import type { ChartOption } from "../../echarts";
import { names } from "../axes";
import type { Option } from "../controls";
import type { Lanes } from "../lanes";

export type Quantity = "wait_s" | "response_s" | "slowdown";
export const QUANTITIES: readonly (Option<Quantity> & { unit: string })[] = [
  { value: "wait_s", label: "wait", unit: "s" },
  { value: "response_s", label: "response", unit: "s" },
  { value: "slowdown", label: "slowdown", unit: "" },
];

const PERCENTS = ["50", "90", "99"] as const;
const SYMBOLS = ["circle", "diamond", "triangle"] as const;
const ROW_HEIGHT = 26;

/** The percentiles of a scheduler, in the order of `PERCENTS`. */
export interface PercentileRow {
  scheduler: string;
  values: (number | null)[];
}

/** Of the schedulers of which they were measured, in the order of the lanes. */
export function percentileRows(
  lanes: Lanes,
  span: "all" | "window",
  quantity: Quantity,
): PercentileRow[] {
  return Object.values(lanes).flatMap(({ scheduler, percentiles }) => {
    const found = percentiles[span]?.[quantity];
    if (!found) return [];
    const values = PERCENTS.map((percent) => toNumber(found[percent]));
    return values.every((value) => value === null) ? [] : [{ scheduler, values }];
  });
}

/** Where a logarithmic axis begins and ends: decades around what is above zero and finite. */
export function decades(values: readonly (number | null)[]): { min: number; max: number } {
  const drawn = values.filter(
    (value) => value !== null && value > 0 && Number.isFinite(value),
  ) as number[];
  if (drawn.length === 0) return { min: 1, max: 10 };
  const least = Math.floor(Math.log10(Math.min(...drawn)));
  const most = Math.ceil(Math.log10(Math.max(...drawn)));
  // What is next to nothing does not take the room of the rest.
  const min = Math.max(least, most - 6);
  return { min: 10 ** min, max: 10 ** Math.max(most, min + 1) };
}

export const percentilesHeight = (rows: readonly PercentileRow[]): number =>
  64 + ROW_HEIGHT * Math.max(rows.length, 2);

/** A line from the median to the 99th percentile for each scheduler, on a logarithmic axis. */
export function percentilesOption(
  rows: readonly PercentileRow[],
  unit: string,
  theme: ChartTheme,
): ChartOption {
  const { min, max } = decades(rows.flatMap(({ values }) => values));
  const place = (value: number | null) =>
    value === null ? null : Math.min(Math.max(value, min), max);
  return {
    legend: { top: 0, left: 0, selectedMode: false, data: PERCENTS.map(nameOf) },
    tooltip: {
      trigger: "axis",
      axisPointer: { type: "shadow" },
      formatter: (at) => tooltip(at, rows, unit),
    },
    grid: {
      left: 8,
      right: 14,
      top: 30,
      bottom: 4,
      outerBoundsMode: "same",
      outerBoundsContain: "all",
    },
    xAxis: {
      type: "log",
      position: "top",
      min,
      max,
      axisLabel: {
        formatter: (value: number) => `${formatShort(value)}${unit && ` ${unit}`}`,
        hideOverlap: true,
      },
    },
    yAxis: {
      ...names(
        rows.map(({ scheduler }) => scheduler),
        theme,
      ),
      splitLine: { show: true, lineStyle: { color: theme.grid } },
    },
    series: [
      ...rows.map(({ values }, row) => ({
        id: `line ${row}`,
        type: "line" as const,
        silent: true,
        symbol: "none",
        lineStyle: { color: theme.muted, width: 2 },
        data: values.flatMap((value) => (value === null ? [] : [[place(value), row]])),
      })),
      ...PERCENTS.map((percent, i) => ({
        id: percent,
        name: nameOf(percent),
        type: "scatter" as const,
        symbol: SYMBOLS[i] ?? "circle",
        symbolSize: 11,
        itemStyle: {
          color: theme.lanes[i] ?? theme.ink,
          borderColor: theme.surface,
          borderWidth: 1,
        },
        label: {
          show: percent === "99",
          position: "bottom" as const,
          distance: 1,
          fontSize: 10,
          color: theme.ink,
          formatter: ({ dataIndex }: { dataIndex: number }) =>
            formatShort(rows[dataIndex]?.values[i] ?? null),
        },
        labelLayout: { hideOverlap: true },
        z: 4,
        data: rows.map(({ values }, row) => [place(values[i] ?? null), row]),
      })),
    ],
  };
}

const nameOf = (percent: string): string => (percent === "50" ? "median" : `${percent} %`);

/** What a logarithmic axis does not show as it is. */
export function percentilesNote(rows: readonly PercentileRow[]): string {
  const values = rows.flatMap((row) => row.values);
  const { min, max } = decades(values);
  const isCut = values.some((value) => value !== null && (value < min || value > max));
  return isCut
    ? "What is off the scale, such as zero, stands at its edge; the table has the values."
    : "";
}

function tooltip(at: unknown, rows: readonly PercentileRow[], unit: string): string {
  const items = (Array.isArray(at) ? at : [at]) as { value: [number, number] }[];
  const row = rows[items[0]?.value?.[1] ?? -1];
  if (!row) return "";
  const values = PERCENTS.map((percent, i) => `${nameOf(percent)}: ${text(row.values[i], unit)}`);
  return [row.scheduler, ...values].join("\n");
}

function text(value: number | null | undefined, unit: string): string {
  if (value === null || value === undefined) return NONE;
  const written = Number.isFinite(value) ? formatNumber(value, value < 10 ? 3 : 1) : "∞";
  return unit ? `${written} ${unit}` : written;
}

export function percentilesTable(rows: readonly PercentileRow[], unit: string): TableData {
  return {
    columns: [
      { label: "scheduler" },
      ...PERCENTS.map((percent) => ({ label: nameOf(percent), isNumber: true })),
    ],
    rows: rows.map(({ scheduler, values }) => [
      scheduler,
      ...values.map((value) => text(value, unit)),
    ]),
    note: "Of single tasks, within 1 % of the value of that rank.",
  };
}
