// Means and differences to a reference, with their 95 % intervals.
import type { CustomSeriesRenderItem } from "echarts";
import type { ComparisonAnswer, MeanValue, Measure } from "../../api/types";
import { formatDifference, formatShort, formatValue, NONE, toFinite, withUnit } from "../../format";
import type { ChartTheme } from "../../theme";
import type { TableData } from "../../widgets/DataTable";
import type { ChartOption } from "../echarts";
import { type Lane, laneStyle } from "../lanes";
import { laneColour } from "../series";

export type Kind = "mean" | "difference";

/** A scheduler's interval, in the shown unit. */
export interface Interval {
  scheduler: string;
  value: MeanValue | null;
  /** What can be drawn; null: nothing, or it is infinite. */
  drawn: { mean: number; low: number; high: number } | null;
}

/** What the intervals of a metric are, in the order of the answer: the best first. */
export function intervals(answer: ComparisonAnswer, measure: Measure, kind: Kind): Interval[] {
  return answer.lanes.map(({ scheduler, means, differences }) => {
    const value = (kind === "mean" ? means : differences)[measure.key] ?? null;
    const mean = toFinite(value?.mean);
    const half = toFinite(value?.half_width) ?? 0;
    const drawn =
      mean === null
        ? null
        : {
            mean: mean * measure.scale,
            low: (mean - half) * measure.scale,
            high: (mean + half) * measure.scale,
          };
    return { scheduler, value, drawn };
  });
}

/** What an interval says: whether the scheduler is better or worse than the reference. */
export function verdict(
  { value }: Interval,
  measure: Measure,
): "better" | "worse" | "not sure" | "" {
  const mean = toFinite(value?.mean);
  const half = toFinite(value?.half_width);
  if (mean === null || half === null) return "";
  if (Math.abs(mean) <= half) return "not sure";
  return mean < 0 === measure.lower_is_better ? "better" : "worse";
}

function intervalText({ value }: Interval, measure: Measure, kind: Kind): string {
  if (!value) return NONE;
  const mean = kind === "mean" ? formatValue : formatDifference;
  const half = toFinite(value.half_width);
  return half === null
    ? mean(value.mean, measure)
    : `${mean(value.mean, measure)} ± ${formatValue(half, measure)}`;
}

/** All metrics as a table. */
export function intervalTable(
  answer: ComparisonAnswer,
  measures: readonly Measure[],
  kind: Kind,
): TableData {
  const shown = measures.filter(({ key }) => answer.lanes.some((lane) => key in lane.means));
  const columns = shown.map((measure) => intervals(answer, measure, kind));
  return {
    columns: [
      { label: "scheduler" },
      { label: "episodes", isNumber: true },
      ...shown.map((measure) => ({ label: withUnit(measure), isNumber: true })),
    ],
    rows: answer.lanes.map((lane, row) => [
      lane.scheduler,
      lane.episodes,
      ...shown.map((measure, column) => {
        const interval = columns[column]?.[row];
        return interval ? intervalText(interval, measure, kind) : NONE;
      }),
    ]),
    note: "± is half of the 95 % interval.",
  };
}

function sayings(interval: Interval, measure: Measure, kind: Kind): string {
  if (kind === "mean") return interval.drawn ? formatValue(interval.value?.mean, measure) : "";
  return interval.value ? verdict(interval, measure) : "reference";
}

const CAP_PX = 5;

/** The line from the low to the high end of each interval, with caps. */
function drawWhiskers(
  shown: readonly Interval[],
  colours: readonly string[],
): CustomSeriesRenderItem {
  return (params, api) => {
    const drawn = shown[params.dataIndex]?.drawn;
    if (!drawn) return null;
    const [left = 0, y = 0] = api.coord([drawn.low, params.dataIndex]);
    const [right = 0] = api.coord([drawn.high, params.dataIndex]);
    const stroke = colours[params.dataIndex] ?? "";
    const line = (x1: number, y1: number, x2: number, y2: number) => ({
      type: "line" as const,
      shape: { x1, y1, x2, y2 },
      style: { stroke, lineWidth: 2 },
    });
    return {
      type: "group",
      children: [
        line(left, y, right, y),
        line(left, y - CAP_PX, left, y + CAP_PX),
        line(right, y - CAP_PX, right, y + CAP_PX),
      ],
    };
  };
}

/** A row a scheduler: its mean as its symbol, its interval as a line; a line at no difference. */
export function intervalOption(
  shown: readonly Interval[],
  measure: Measure,
  kind: Kind,
  lanes: readonly Lane[],
  theme: ChartTheme,
): ChartOption {
  const looks = shown.map(
    ({ scheduler }) => lanes.find((lane) => lane.scheduler === scheduler) ?? laneStyle(0),
  );
  const colours = looks.map((look) => (theme.isForced ? theme.ink : laneColour(look, theme)));
  const lows = shown.flatMap(({ drawn }) => (drawn ? [drawn.low] : []));
  const highs = shown.flatMap(({ drawn }) => (drawn ? [drawn.high] : []));
  const isLog =
    kind === "mean" && Math.min(...lows) > 0 && Math.max(...highs) > 30 * Math.min(...lows);
  return {
    grid: { left: 8, right: 8, top: 8, bottom: 6, outerBoundsMode: "same" },
    tooltip: {
      trigger: "item",
      formatter: (params) => {
        const at = Array.isArray(params) ? params[0] : params;
        const interval = shown[at?.dataIndex ?? -1];
        if (!interval) return "";
        const said = kind === "difference" ? verdict(interval, measure) : "";
        return (
          `${interval.scheduler}\n${withUnit(measure)}: ${intervalText(interval, measure, kind)}` +
          (said ? `\n${said}` : "")
        );
      },
    },
    xAxis: {
      type: isLog ? "log" : "value",
      scale: true,
      name: kind === "mean" ? withUnit(measure) : `difference of ${withUnit(measure)}`,
      nameLocation: "middle",
      nameGap: 22,
      axisLabel: { hideOverlap: true, formatter: (value: number) => formatShort(value) },
    },
    yAxis: [
      {
        type: "category",
        inverse: true,
        data: shown.map(({ scheduler }) => scheduler),
        axisLabel: { width: 130, overflow: "truncate", interval: 0 },
        axisTick: { show: false },
      },
      // What each interval says stands beside it.
      {
        type: "category",
        inverse: true,
        position: "right",
        data: shown.map((interval) => sayings(interval, measure, kind)),
        axisLabel: { interval: 0 },
        axisLine: { show: false },
        axisTick: { show: false },
      },
    ],
    series: [
      {
        type: "custom",
        name: "interval",
        silent: true,
        encode: { x: [0, 1], y: 2 },
        data: shown.map(({ drawn }, row) => [drawn?.low ?? "-", drawn?.high ?? "-", row]),
        renderItem: drawWhiskers(shown, colours),
        markLine: {
          silent: true,
          symbol: "none",
          label: { show: false },
          lineStyle: { color: theme.muted, type: "dashed" },
          data: kind === "difference" ? [{ xAxis: 0 }] : [],
        },
      },
      {
        type: "scatter",
        name: "mean",
        symbolSize: 11,
        data: shown.map((interval, row) => ({
          value: [interval.drawn?.mean ?? "-", row],
          symbol: `path://${looks[row]?.path ?? ""}`,
          itemStyle: { color: colours[row] ?? theme.ink },
        })),
      },
    ],
  };
}
