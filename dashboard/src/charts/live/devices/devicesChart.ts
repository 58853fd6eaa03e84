import { NONE } from "../../../format";
import type { ChartTheme } from "../../../theme";
import type { ChartOption } from "../../echarts";
import { deviceStyle } from "../../series";
import { shorten } from "../../shorten";
import { names } from "../axes";
import { type DeviceRow, loadText, queueText } from "./devices";

/** Height of a row [px]. */
export const ROW_HEIGHT = 26;
const HEAD = 48;
/** Room for the name of a device [px]. */
const LABEL_WIDTH = 118;
const SHORT_WIDTH = 84;
const WINDOW = "window";
const ALL = "all episodes";
const TICK = { width: 3, height: 16 };
/** Of the load in the newest episode, by what it is the load of. */
const KINDS = [
  { kind: "cpu", name: "CPU now" },
  { kind: "gpu", name: "GPU now" },
] as const;

export const devicesHeight = (rows: readonly DeviceRow[]): number =>
  HEAD + 8 + ROW_HEIGHT * Math.max(rows.length, 1);

/** Load of each row as a bar with its text, the window's and all episodes' as marks; beside it the
 * queue. */
export function devicesOption(
  rows: readonly DeviceRow[],
  theme: ChartTheme,
  isNarrow = false,
): ChartOption {
  const width = isNarrow ? SHORT_WIDTH : LABEL_WIDTH;
  const labels = names(
    rows.map(({ label }) => shorten(label, width)),
    theme,
  );
  const kinds = KINDS.filter(({ kind }) => rows.some((row) => row.kind === kind));
  const box = {
    top: HEAD,
    bottom: 8,
    outerBoundsMode: "same" as const,
    outerBoundsContain: "axisLabel" as const,
    outerBoundsClampWidth: 0,
  };
  return {
    legend: {
      top: 0,
      left: 0,
      data: [
        ...kinds.map(({ name }) => name),
        WINDOW,
        { name: ALL, icon: `path://M0 0h${TICK.width}v${TICK.height}h-${TICK.width}z` },
      ],
      itemWidth: 14,
      selectedMode: false,
    },
    tooltip: {
      trigger: "axis",
      axisPointer: { type: "shadow" },
      formatter: (at) => tooltip(at, rows),
    },
    axisPointer: { link: [{ yAxisIndex: "all" }] },
    grid: [
      { ...box, left: 4, right: "38%" },
      { ...box, left: "63%", right: 4 },
    ],
    xAxis: [
      {
        type: "value",
        min: 0,
        max: 100,
        name: "load [%]",
        nameLocation: "middle",
        nameGap: 4,
        position: "top",
        axisLabel: { show: false },
      },
      {
        type: "value",
        min: 0,
        gridIndex: 1,
        name: "waiting shares",
        nameLocation: "middle",
        nameGap: 4,
        position: "top",
        axisLabel: { show: false },
        splitLine: { show: false },
      },
    ],
    yAxis: [
      {
        ...labels,
        axisLabel: { ...labels.axisLabel, width },
      },
      texts(
        rows.map((row) => loadText(row, isNarrow)),
        0,
        theme,
      ),
      { ...labels, gridIndex: 1, axisLabel: { show: false } },
      texts(
        rows.map((row) => queueText(row, isNarrow)),
        1,
        theme,
      ),
    ],
    series: [
      {
        id: "load",
        name: "load",
        type: "bar",
        stack: "load",
        barWidth: "72%",
        barMaxWidth: 24,
        data: rows.map((row) => bar(row, percent(row.load.mean), theme)),
      },
      // For the legend alone: a series has one colour there.
      ...kinds.map(({ kind, name }) => ({
        id: kind,
        name,
        type: "bar" as const,
        stack: "load",
        itemStyle: deviceStyle(kind, theme),
        data: [],
      })),
      mark(
        WINDOW,
        "diamond",
        11,
        rows.map((row) => percent(row.window)),
        theme,
      ),
      mark(
        ALL,
        "rect",
        [TICK.width, TICK.height],
        rows.map((row) => percent(row.all)),
        theme,
      ),
      {
        id: "queue",
        name: "queue",
        type: "bar",
        barWidth: "72%",
        barMaxWidth: 24,
        xAxisIndex: 1,
        yAxisIndex: 2,
        data: rows.map((row) => bar(row, row.queue.mean, theme)),
      },
    ],
  };
}

const percent = (value: number | null): number | null => (value === null ? null : value * 100);

/** CPUs and GPUs differ in colour and in stripes. */
function bar({ kind }: DeviceRow, value: number | null, theme: ChartTheme) {
  return { value: value ?? 0, itemStyle: deviceStyle(kind, theme) };
}

/** Texts beside the bars of a grid, where nothing is behind them. */
function texts(data: string[], gridIndex: number, theme: ChartTheme) {
  return {
    ...names(data, theme),
    gridIndex,
    position: "right" as const,
    axisLine: { show: false },
  };
}

function mark(
  name: string,
  symbol: string,
  symbolSize: number | number[],
  values: readonly (number | null)[],
  theme: ChartTheme,
) {
  return {
    id: name,
    name,
    type: "scatter" as const,
    symbol,
    symbolSize,
    itemStyle: { color: theme.ink, borderColor: theme.surface, borderWidth: 1 },
    data: values.map((value, row) => [value, row]),
    silent: true,
    z: 5,
  };
}

function tooltip(at: unknown, rows: readonly DeviceRow[]): string {
  const [first] = (Array.isArray(at) ? at : [at]) as { dataIndex: number }[];
  const row = rows[first?.dataIndex ?? -1];
  if (!row) return "";
  const share = (value: number | null) => (value === null ? NONE : `${(value * 100).toFixed(1)} %`);
  return [
    row.count > 1 ? `${row.label} (${row.count} ${row.kind.toUpperCase()}s)` : row.label,
    `newest episode: ${loadText(row)}`,
    `window: ${share(row.window)}`,
    `all episodes: ${share(row.all)}`,
    `waiting shares: ${queueText(row)}`,
  ].join("\n");
}
