// How many tasks there are of each size, intensity and GPU fraction.
import type { Histogram } from "../../api/types";
import { formatNumber, formatPercent, formatShort } from "../../format";
import type { ChartTheme } from "../../theme";
import type { TableData } from "../../widgets/DataTable";
import type { ChartOption } from "../echarts";
import { bins } from "./cells";

/** What is counted, in the order in which it is shown. */
export const SHOWN: readonly Shown[] = [
  { key: "size_flop", label: "size [FLOP]", text: formatShort },
  { key: "intensity_flop_per_byte", label: "intensity [FLOP/B]", text: formatShort },
  { key: "memory_bytes", label: "memory [B]", text: formatShort },
  { key: "gpu_fraction", label: "GPU fraction", text: formatPercent, isOfActions: true },
];

export interface Shown {
  key: string;
  label: string;
  text: (value: number | null) => string;
  /** Whether the values are those of the actions, which are in the middles of their bins. */
  isOfActions?: boolean;
}

function namesOf({ edges }: Histogram, { text, isOfActions }: Shown): string[] {
  if (!isOfActions) return bins(edges, text);
  return edges.slice(1).map((edge, index) => text((edge + (edges[index] ?? edge)) / 2));
}

const total = ({ counts }: Histogram): number => counts.reduce((sum, count) => sum + count, 0);

export function histogramOption(
  histogram: Histogram,
  shown: Shown,
  theme: ChartTheme,
): ChartOption {
  const { counts, edges } = histogram;
  const names = namesOf(histogram, shown);
  const all = total(histogram);
  return {
    grid: { left: 4, right: 8, top: 12, bottom: 4, outerBoundsMode: "same" },
    tooltip: {
      trigger: "axis",
      axisPointer: { type: "shadow" },
      formatter: (params) => {
        const index = (Array.isArray(params) ? params[0] : params)?.dataIndex ?? 0;
        const count = counts[index] ?? 0;
        const part = formatPercent(all ? count / all : null, 1);
        return `${shown.label}: ${names[index]}\n${formatNumber(count)} tasks, ${part}`;
      },
    },
    xAxis: {
      type: "category",
      data: names,
      name: shown.label,
      nameLocation: "middle",
      nameGap: 22,
      // The lower edge alone: the names of bins are long.
      axisLabel: {
        hideOverlap: true,
        formatter: (name: string, index: number) =>
          shown.isOfActions ? name : shown.text(edges[index] ?? null),
      },
    },
    yAxis: {
      type: "value",
      minInterval: 1,
      axisLabel: { formatter: (n: number) => formatShort(n) },
    },
    series: {
      type: "bar",
      barCategoryGap: "6%",
      itemStyle: {
        color: theme.isForced ? theme.surface : theme.accent,
        ...(theme.isForced ? { borderColor: theme.ink, borderWidth: 1 } : {}),
      },
      data: counts,
    },
  };
}

/** All histograms as one table. */
export function histogramTable(histograms: Record<string, Histogram>): TableData {
  return {
    columns: [
      { label: "of" },
      { label: "value" },
      { label: "tasks", isNumber: true },
      { label: "share", isNumber: true },
    ],
    rows: SHOWN.flatMap((shown) => {
      const histogram = histograms[shown.key];
      if (!histogram) return [];
      const all = total(histogram);
      return namesOf(histogram, shown).map((name, index) => {
        const count = histogram.counts[index] ?? 0;
        return [shown.label, name, formatNumber(count), formatPercent(all ? count / all : null, 1)];
      });
    }),
  };
}

/** A histogram in a sentence: where most tasks are. */
export function describeHistogram(histogram: Histogram, shown: Shown): string {
  const most = Math.max(...histogram.counts);
  const index = histogram.counts.indexOf(most);
  const name = namesOf(histogram, shown)[index];
  return name && most > 0 ? `Most tasks, ${formatNumber(most)}, are at ${name}` : "No tasks";
}
