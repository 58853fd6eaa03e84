import { formatBytes, formatNumber, formatShort } from "../../../format";
import type { ChartTheme } from "../../../theme";
import type { TableData } from "../../../widgets/DataTable";
import type { ChartOption } from "../../echarts";
import type { Sample } from "./samples";

/** Without a sample for this long the line is broken [ms]. */
const HOLE_MS = 10_000;
const MIB = 2 ** 20;

type Field = Exclude<keyof Sample, "at">;
const PROCESSES = [
  { name: "engine", cpu: "engineCpu", bytes: "engineBytes", dash: "solid", symbol: "circle" },
  { name: "server", cpu: "serverCpu", bytes: "serverBytes", dash: [6, 3], symbol: "diamond" },
] as const;

type TimePoint = [at: number, value: number | null];

/** A line over time, with holes where nothing was measured. */
export function lineOf(samples: readonly Sample[], field: Field, scale = 1): TimePoint[] {
  return samples.flatMap((sample, i): TimePoint[] => {
    const value = sample[field];
    const point: TimePoint = [sample.at, Number.isFinite(value) ? value * scale : null];
    const before = samples[i - 1];
    return before && sample.at - before.at > HOLE_MS ? [[before.at + 1, null], point] : [point];
  });
}

/** How long the axis is [s], and how far apart its ticks are. */
export function axisOf(samples: readonly Sample[]): { seconds: number; step: number } {
  const passed = ((samples.at(-1)?.at ?? 0) - (samples[0]?.at ?? 0)) / 1000;
  if (passed <= 60) return { seconds: 60, step: 10 };
  const minutes = Math.ceil(passed / 60);
  return { seconds: 60 * minutes, step: 60 * Math.ceil(minutes / 6) };
}

/** CPU above, memory below, over the same time: seconds up to now. */
export function processesOption(samples: readonly Sample[], theme: ChartTheme): ChartOption {
  const last = samples.at(-1)?.at ?? 0;
  const { seconds, step } = axisOf(samples);
  const ago = (points: TimePoint[]): TimePoint[] =>
    points.map(([at, value]) => [(at - last) / 1000, value]);
  const time = {
    type: "value" as const,
    min: -seconds,
    max: 0,
    interval: step,
    axisLabel: { hideOverlap: true, formatter: agoText },
    splitLine: { show: false },
  };
  // Both have the same left and right edge, whatever their labels are.
  const box = { left: 50, right: 20, outerBoundsMode: "none" as const };
  return {
    legend: { top: 0, left: 0, data: PROCESSES.map(({ name }) => name) },
    tooltip: { trigger: "axis", formatter: tooltip },
    axisPointer: { link: [{ xAxisIndex: "all" }] },
    grid: [
      { ...box, top: 48, height: "26%" },
      { ...box, top: "62%", bottom: 22 },
    ],
    xAxis: [
      { ...time, axisLabel: { show: false } },
      { ...time, gridIndex: 1 },
    ],
    yAxis: [
      { type: "value", min: 0, splitNumber: 3, name: "CPU [% of a core]", ...named() },
      {
        type: "value",
        min: 0,
        splitNumber: 3,
        gridIndex: 1,
        name: "memory [MiB]",
        ...named(),
      },
    ],
    series: PROCESSES.flatMap(({ name, cpu, bytes, dash, symbol }, place) => {
      const color = theme.lanes[place] ?? theme.ink;
      const look = {
        name,
        type: "line" as const,
        color,
        lineStyle: { color, width: 2, type: typeof dash === "string" ? dash : [...dash] },
        symbol,
        showSymbol: samples.length < 2,
        connectNulls: false,
        emphasis: { disabled: true },
      };
      return [
        { ...look, id: `${name} cpu`, data: ago(lineOf(samples, cpu)) },
        {
          ...look,
          id: `${name} memory`,
          xAxisIndex: 1,
          yAxisIndex: 1,
          data: ago(lineOf(samples, bytes, 1 / MIB)),
        },
      ];
    }),
  };
}

const named = () => ({
  nameTextStyle: { align: "left" as const, padding: [0, 0, 0, -44] },
  axisLine: { onZero: false },
  axisLabel: { formatter: (value: number) => formatShort(value) },
});

function agoText(seconds: number): string {
  const ago = Math.round(-seconds);
  if (ago === 0) return "now";
  return ago % 60 === 0 ? `−${ago / 60} min` : `−${ago} s`;
}

function tooltip(items: unknown): string {
  const shown = (Array.isArray(items) ? items : [items]) as {
    seriesId: string;
    value: TimePoint;
  }[];
  const at = shown[0]?.value[0];
  if (at === undefined) return "";
  const lines = shown.map(({ seriesId, value: [, value] }) => {
    const isCpu = seriesId.endsWith("cpu");
    return `${seriesId.replace("cpu", "CPU")}: ${formatNumber(value, isCpu ? 1 : 0)} ${isCpu ? "%" : "MiB"}`;
  });
  return [agoText(at), ...lines].join("\n");
}

/** The newest first. */
export function processesTable(samples: readonly Sample[]): TableData {
  return {
    columns: [
      { label: "time" },
      { label: "engine CPU [%]", isNumber: true },
      { label: "engine memory", isNumber: true },
      { label: "server CPU [%]", isNumber: true },
      { label: "server memory", isNumber: true },
    ],
    rows: [...samples]
      .reverse()
      .map((sample) => [
        new Date(sample.at).toLocaleTimeString("sv-SE"),
        formatNumber(known(sample.engineCpu), 1),
        formatBytes(known(sample.engineBytes)),
        formatNumber(known(sample.serverCpu), 1),
        formatBytes(known(sample.serverBytes)),
      ]),
    note: "CPU: of one core, so that 200 % are two. Memory: resident. Both with child processes.",
  };
}

const known = (value: number): number | null => (Number.isFinite(value) ? value : null);

export function processesSummary(samples: readonly Sample[]): string {
  const last = samples.at(-1);
  if (!last) return "";
  return PROCESSES.map(
    ({ name, cpu, bytes }) =>
      `${name} now: ${formatNumber(known(last[cpu]))} % CPU, ${formatBytes(known(last[bytes]))}`,
  ).join("; ");
}
