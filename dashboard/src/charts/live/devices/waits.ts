import type { LaneState } from "../../../api/types";
import { formatDuration, formatShort, NONE } from "../../../format";
import type { ChartTheme } from "../../../theme";
import type { TableData } from "../../../widgets/DataTable";
import type { ChartOption } from "../../echarts";
import { deviceStyle } from "../../series";

export type Waits = NonNullable<LaneState["waits_s"]>;

const POOLS = [
  { key: "cpus", name: "CPUs", kind: "cpu" },
  { key: "gpus", name: "GPUs", kind: "gpu" },
] as const;
/** So few that the time of each is written at its bar. */
const MAX_TEXTS = 16;

/** How long each device is busy still: those of a pool ascending, as the next share goes to the first. */
export function waitsOption(waits: Waits, theme: ChartTheme): ChartOption {
  const length = Math.max(0, ...POOLS.map(({ key }) => waits[key]?.length ?? 0));
  const isWritten = length <= MAX_TEXTS;
  return {
    legend: { top: 0, left: 0, selectedMode: false, data: POOLS.map(({ name }) => name) },
    tooltip: {
      trigger: "axis",
      axisPointer: { type: "shadow" },
      valueFormatter: (value) => formatDuration(typeof value === "number" ? value : null),
    },
    grid: {
      left: 8,
      right: 8,
      top: 40,
      bottom: 4,
      outerBoundsMode: "same",
      outerBoundsContain: "all",
    },
    xAxis: {
      type: "category",
      data: Array.from({ length }, (_, i) => (i === 0 ? "first free" : `${i + 1}.`)),
      axisLabel: { hideOverlap: true },
    },
    yAxis: {
      type: "value",
      name: "busy still [s]",
      nameTextStyle: { align: "left" },
      min: 0,
      axisLabel: { formatter: (value: number) => formatShort(value) },
    },
    series: POOLS.map(({ key, name, kind }) => ({
      id: key,
      name,
      type: "bar" as const,
      itemStyle: deviceStyle(kind, theme),
      label: {
        show: isWritten,
        position: "top" as const,
        formatter: ({ value }) => (typeof value === "number" ? formatShort(value) : ""),
      },
      labelLayout: { hideOverlap: true },
      data: waits[key] ?? [],
    })),
  };
}

export function waitsTable(waits: Waits): TableData {
  const length = Math.max(0, ...POOLS.map(({ key }) => waits[key]?.length ?? 0));
  return {
    columns: [
      { label: "device, by when it is free" },
      ...POOLS.map(({ name }) => ({ label: `${name}: busy still`, isNumber: true })),
    ],
    rows: Array.from({ length }, (_, i) => [
      `${i + 1}.`,
      ...POOLS.map(({ key }) => {
        const value = waits[key]?.[i];
        return value === undefined ? NONE : formatDuration(value);
      }),
    ]),
  };
}
