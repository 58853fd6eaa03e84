// The Gantt chart of an episode: a row a device, a bar a share.
import type { CustomSeriesRenderItem } from "echarts";
import type { DecisionRow, RunDetail } from "../../api/types";
import { formatNumber, formatPercent, NONE } from "../../format";
import type { ChartTheme } from "../../theme";
import type { TableData } from "../../widgets/DataTable";
import { clip } from "../clip";
import type { ChartOption } from "../echarts";
import { deviceColour, deviceStripes, GPU_DASHES } from "../series";
import { shorten } from "../shorten";
import { type BarKind, deviceName, type Layout } from "./bars";

/** Rows that are seen at once; one turns to the others. */
export const MAX_ROWS_SEEN = 16;
const KINDS: readonly {
  kind: BarKind;
  name: string;
  device: "cpu" | "gpu";
  dashes: readonly number[] | null;
}[] = [
  { kind: "cpu", name: "CPU", device: "cpu", dashes: null },
  { kind: "gpu", name: "GPU", device: "gpu", dashes: GPU_DASHES },
  { kind: "split-cpu", name: "CPU part", device: "cpu", dashes: [2, 4] },
  { kind: "split-gpu", name: "GPU part", device: "gpu", dashes: [2, 4] },
];
const NAME_WIDTH = 92;
const BAR_PART = 0.76;
const LABEL_PX = 7;

const seconds = (value: number): string => `${formatNumber(value, 2)} s`;

/** What is written into a bar: the task's number, and of a split one which part this is. */
export function barText(decision: DecisionRow, kind: BarKind): { short: string; long: string } {
  const short = decision.fallback ? `!${decision.task}` : String(decision.task);
  if (kind === "cpu" || kind === "gpu") return { short, long: short };
  const part = kind === "split-gpu" ? decision.gpu_fraction : 1 - decision.gpu_fraction;
  return { short, long: `${short}: ${formatPercent(part)}` };
}

/** A task in a sentence. */
export function describe(
  decision: DecisionRow,
  detail: Pick<RunDetail, "devices" | "num_cpus">,
): string {
  const { cpu, gpu, gpu_fraction } = decision;
  const isSplit = cpu !== null && gpu !== null;
  const shares = [
    { share: cpu, part: isSplit ? 1 - gpu_fraction : 1 },
    { share: gpu, part: isSplit ? gpu_fraction : 1 },
  ].flatMap(({ share, part }) =>
    share
      ? [
          `${isSplit ? `${formatPercent(part)} ` : ""}on ${deviceName(share.device, detail)} from ` +
            `${formatNumber(share.start_s, 2)} to ${seconds(share.finish_s)}`,
        ]
      : [],
  );
  const fell = decision.fallback ? "; it did not fit on a GPU" : "";
  return (
    `Task ${decision.task} of episode ${decision.episode} ` +
    `(number ${decision.sequence} of the run): ${shares.join(" and ")}${fell}; ` +
    `wait ${seconds(decision.wait_s)}, response ${seconds(decision.response_s)}, ` +
    `energy ${formatNumber(decision.energy_j, 1)} J`
  );
}

function drawBars(
  bars: Layout["bars"],
  colours: { fill: string; text: string; edge: string; mark: string; pattern: string },
  decal: ReturnType<typeof deviceStripes> | null,
  chosen: number | null,
): CustomSeriesRenderItem {
  return (params, api) => {
    const bar = bars[params.dataIndex];
    if (!bar) return null;
    const [left = 0, middle = 0] = api.coord([bar.start, bar.row]);
    const [right = 0] = api.coord([bar.finish, bar.row]);
    const size = api.size?.([0, 1]);
    const height = (Array.isArray(size) ? (size[1] ?? 0) : (size ?? 0)) * BAR_PART;
    const { x = 0, y = 0, width = 0, height: full = 0 } = params.coordSys as unknown as DOMRect;
    const shape = clip(
      { x: left, y: middle - height / 2, width: Math.max(right - left, 1), height },
      { x, y, width, height: full },
    );
    if (!shape) return null;
    const { short, long } = barText(bar.decision, bar.kind);
    const fits = (text: string) => height >= 11 && shape.width >= text.length * LABEL_PX + 4;
    const isChosen = bar.decision.sequence === chosen;
    return {
      type: "rect",
      shape,
      z2: isChosen ? 10 : 0,
      style: {
        fill: colours.fill,
        stroke: isChosen ? colours.mark : colours.edge,
        lineWidth: isChosen ? 3 : 1,
        ...(decal ? { decal } : {}),
      },
      textContent: {
        type: "text",
        style: {
          text: fits(long) ? long : fits(short) ? short : "",
          fill: colours.text,
          fontSize: 11,
          fontWeight: decal ? 700 : 400,
          ...(decal ? { stroke: colours.fill, lineWidth: 5 } : {}),
        },
      },
      textConfig: { position: "inside" },
      emphasis: { style: { stroke: colours.mark, lineWidth: 2 } },
    };
  };
}

/** The chart of a layout; `chosen` is the number of the task that is marked. */
export function ganttOption(
  layout: Layout,
  detail: Pick<RunDetail, "devices" | "num_cpus">,
  theme: ChartTheme,
  chosen: number | null,
): ChartOption {
  return {
    grid: { left: 8, right: 12, top: 34, bottom: 30, outerBoundsMode: "same" },
    legend: { top: 0, left: 0, type: "scroll", itemWidth: 22, itemHeight: 12, selectedMode: false },
    tooltip: {
      trigger: "item",
      formatter: (params) => {
        const at = Array.isArray(params) ? params[0] : params;
        const decision = (at?.data as { decision?: DecisionRow } | undefined)?.decision;
        return decision ? describe(decision, detail).replaceAll("; ", "\n") : "";
      },
    },
    xAxis: {
      type: "value",
      min: layout.begin,
      max: layout.end || 1,
      name: "time in the episode [s]",
      nameLocation: "middle",
      nameGap: 24,
      axisLabel: { hideOverlap: true, formatter: (value: number) => formatNumber(value, 1) },
    },
    yAxis: {
      type: "category",
      inverse: true,
      data: layout.rows.map((row) => shorten(row.name, NAME_WIDTH)),
      axisLabel: { width: NAME_WIDTH, overflow: "truncate" },
      axisTick: { show: false },
      splitLine: { show: true },
    },
    dataZoom: [
      { type: "inside", xAxisIndex: 0, filterMode: "none", zoomOnMouseWheel: "ctrl" },
      {
        type: "slider",
        xAxisIndex: 0,
        filterMode: "none",
        height: 16,
        bottom: 4,
        showDataShadow: false,
        labelFormatter: (value: number) => `${formatNumber(value, 1)} s`,
      },
    ],
    series: KINDS.map(({ kind, name, device, dashes }) => {
      const bars = layout.bars.filter((bar) => bar.kind === kind);
      const fill = theme.isForced ? theme.surface : deviceColour(device, theme);
      const colours = {
        fill,
        text: theme.isForced ? theme.ink : theme.surface,
        edge: theme.isForced ? theme.ink : theme.surface,
        pattern: theme.isForced
          ? theme.ink
          : theme.isDark
            ? "rgba(0,0,0,.4)"
            : "rgba(255,255,255,.5)",
        mark: theme.ink,
      };
      const decal = dashes && deviceStripes(device, dashes, colours.pattern);
      return {
        type: "custom" as const,
        name,
        clip: true,
        color: fill,
        itemStyle: {
          color: fill,
          borderColor: theme.line,
          borderWidth: theme.isForced ? 1 : 0,
          ...(decal ? { decal } : {}),
        },
        encode: { x: [1, 2], y: 0 },
        data: bars.map((bar) => ({
          value: [bar.row, bar.start, bar.finish],
          decision: bar.decision,
        })),
        renderItem: drawBars(bars, colours, decal, chosen),
      };
    }),
  };
}

/** The same as a table: a row a task. */
export function ganttTable(
  decisions: readonly DecisionRow[],
  detail: Pick<RunDetail, "devices" | "num_cpus">,
): TableData {
  const number = (label: string) => ({ label, isNumber: true });
  return {
    columns: [
      number("task"),
      number("number in the run"),
      number("GPU fraction"),
      { label: "CPU" },
      number("CPU start [s]"),
      number("CPU finish [s]"),
      { label: "GPU" },
      number("GPU start [s]"),
      number("GPU finish [s]"),
      number("wait [s]"),
      number("response [s]"),
      number("energy [J]"),
      { label: "note" },
    ],
    rows: decisions.map((decision) => [
      decision.task,
      decision.sequence,
      formatPercent(decision.gpu_fraction),
      ...[decision.cpu, decision.gpu].flatMap((share) =>
        share
          ? [
              deviceName(share.device, detail),
              formatNumber(share.start_s, 2),
              formatNumber(share.finish_s, 2),
            ]
          : [NONE, NONE, NONE],
      ),
      formatNumber(decision.wait_s, 2),
      formatNumber(decision.response_s, 2),
      formatNumber(decision.energy_j, 1),
      decision.fallback ? "did not fit on a GPU" : "",
    ]),
  };
}
