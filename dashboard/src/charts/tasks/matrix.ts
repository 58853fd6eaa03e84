// Heat maps: of the GPU fraction by what tasks are, and of correlations.

import type { HeatMap } from "../../api/types";
import { formatNumber, formatPercent, formatShort, NONE } from "../../format";
import type { ChartTheme } from "../../theme";
import type { TableData } from "../../widgets/DataTable";
import type { ChartOption } from "../echarts";
import {
  bins,
  type Cell,
  type Correlation,
  cellsOf,
  correlationCells,
  type HeatMapView,
} from "./cells";

const NAMES: Record<string, string> = {
  size_flop: "size",
  intensity_flop_per_byte: "intensity",
  memory_bytes: "memory",
  gpu_fraction: "GPU fraction",
  wait_s: "wait",
  response_s: "response",
  energy_j: "energy",
};

/** What people call a field of a decision. */
export const nameOf = (key: string): string => NAMES[key] ?? key;

/** A number with its sign, also a plus. */
export function signed(value: number | null, digits: number): string {
  const text = formatNumber(value, digits);
  return value !== null && value > 0 && /[1-9]/.test(text) ? `+${text}` : text;
}

interface Scale {
  from: number;
  to: number;
}

/** Colours from nothing to all, or from less over none to more. Each has a light and a dark end that
 * the label of a cell can stand out from. */
function colours(isDiverging: boolean, { isDark, isForced }: ChartTheme): string[] {
  if (isForced) return isDark ? ["#000", "#555"] : ["#fff", "#ccc"];
  if (isDiverging)
    return isDark ? ["#ff9350", "#232d3a", "#58b0f5"] : ["#b84a00", "#f1f3f6", "#0067b1"];
  return isDark ? ["#1d2733", "#58b0f5"] : ["#eef3f9", "#0067b1"];
}

/** Colour of a label: the light and the dark ends are told apart at half-way. */
function labelColour(value: number, { from, to }: Scale, isDiverging: boolean, theme: ChartTheme) {
  if (theme.isForced) return theme.isDark ? "#fff" : "#000";
  const part = (value - from) / (to - from || 1);
  const isStrong = isDiverging ? Math.abs(part - 0.5) > 0.3 : part > 0.5;
  return isStrong === theme.isDark ? "#0a1420" : theme.isDark ? "#e6ebf2" : "#18212e";
}

interface Matrix {
  columns: string[];
  rows: string[];
  cells: Cell[];
  scale: Scale;
  isDiverging: boolean;
  /** What is written into a cell. */
  text: (value: number) => string;
  /** What is said of a cell. */
  describe: (cell: Cell) => string;
  /** Names of the axes; null: no axes and no numbers, for a small one among many. */
  axes: { x: string; y: string } | null;
  legend: [low: string, high: string];
}

function matrixOption(matrix: Matrix, theme: ChartTheme): ChartOption {
  const { columns, rows, cells, scale, isDiverging, text, axes } = matrix;
  const shown = cells.filter((cell) => cell.value !== null);
  const axis = (data: string[], name: string | undefined, gap: number) => ({
    type: "category" as const,
    data,
    ...(name ? { name } : {}),
    nameLocation: "middle" as const,
    nameGap: gap,
    axisLabel: { show: axes !== null, hideOverlap: true, fontSize: 10 },
    axisTick: { show: false },
    splitArea: { show: false },
  });
  return {
    grid: axes
      ? { left: 8, right: 8, top: 8, bottom: 46, outerBoundsMode: "same" }
      : { left: 2, right: 2, top: 2, bottom: 2 },
    tooltip: {
      trigger: "item",
      formatter: (params) => {
        const at = Array.isArray(params) ? params[0] : params;
        const cell = (at?.data as { cell?: Cell } | undefined)?.cell;
        return cell ? matrix.describe(cell) : "";
      },
    },
    visualMap: {
      show: axes !== null,
      type: "continuous",
      min: scale.from,
      max: scale.to,
      dimension: 2,
      inRange: { color: colours(isDiverging, theme) },
      calculable: false,
      orient: "horizontal",
      left: "center",
      bottom: 0,
      itemWidth: 12,
      itemHeight: 110,
      text: [matrix.legend[1], matrix.legend[0]],
    },
    xAxis: axis(columns, axes?.x, 22),
    yAxis: axis(rows, axes?.y, 52),
    series: {
      type: "heatmap",
      label: { show: axes !== null, fontSize: 11 },
      labelLayout: { hideOverlap: true },
      itemStyle: { borderWidth: 1, borderColor: theme.surface },
      emphasis: { itemStyle: { borderColor: theme.ink, borderWidth: 2 } },
      data: shown.map((cell) => ({
        value: [cell.column, cell.row, cell.value ?? 0],
        cell,
        label: {
          formatter: text(cell.value ?? 0),
          color: labelColour(cell.value ?? 0, scale, isDiverging, theme),
        },
      })),
    },
  };
}

/** A heat map of GPU fractions [%]; a small one has colours alone, its numbers are in the table. */
export function heatMapOption(
  map: HeatMap,
  view: HeatMapView,
  theme: ChartTheme,
  isSmall = false,
): ChartOption {
  const isDiverging = view === "difference";
  const columns = bins(map.size_flop_edges, formatShort);
  const rows = bins(map.intensity_edges, formatShort);
  const text = (value: number) =>
    isDiverging ? signed(value * 100, 0) : formatNumber(value * 100);
  return matrixOption(
    {
      columns,
      rows,
      cells: cellsOf(map, view),
      scale: { from: isDiverging ? -1 : 0, to: 1 },
      isDiverging,
      text,
      describe: ({ column, row, value, count }) =>
        `size ${columns[column]} FLOP\nintensity ${rows[row]} FLOP/B\n` +
        `GPU fraction ${isDiverging ? "less the oracle's: " : ""}${text(value ?? 0)} ` +
        `${isDiverging ? "points" : "%"}\n${formatNumber(count)} tasks`,
      axes: isSmall ? null : { x: "size [FLOP]", y: "intensity [FLOP/B]" },
      legend: isDiverging ? ["less than the oracle", "more"] : ["CPU", "GPU"],
    },
    theme,
  );
}

/** A heat map as a table: a row a cell with tasks. */
export function heatMapTable(map: HeatMap, view: HeatMapView): TableData {
  const columns = bins(map.size_flop_edges, formatShort);
  const rows = bins(map.intensity_edges, formatShort);
  const differences = map.oracle_difference;
  return {
    columns: [
      { label: "size [FLOP]" },
      { label: "intensity [FLOP/B]" },
      { label: "tasks", isNumber: true },
      { label: "GPU fraction", isNumber: true },
      ...(differences ? [{ label: "less the oracle's [points]", isNumber: true }] : []),
    ],
    rows: cellsOf(map, "chosen")
      .filter((cell) => (cell.count ?? 0) > 0)
      .map(({ column, row, value, count }) => [
        columns[column],
        rows[row],
        formatNumber(count),
        formatPercent(value),
        ...(differences ? [differenceText(differences[row]?.[column])] : []),
      ]),
    ...(view === "difference" && !differences
      ? { note: "The oracle decided on none of these tasks." }
      : {}),
  };
}

function differenceText(value: number | "inf" | "-inf" | null | undefined): string {
  return typeof value === "number" ? signed(value * 100, 1) : NONE;
}

/** Rank correlations, a number in each cell. */
export function correlationOption(correlation: Correlation, theme: ChartTheme): ChartOption {
  const columns = correlation.columns.map(nameOf);
  const rows = correlation.rows.map(nameOf);
  return matrixOption(
    {
      columns,
      rows,
      cells: correlationCells(correlation),
      scale: { from: -1, to: 1 },
      isDiverging: true,
      text: (value) => signed(value, 2),
      describe: ({ column, row, value }) =>
        `${rows[row]} and ${columns[column]}: ${signed(value, 3)}`,
      axes: { x: "", y: "" },
      legend: ["falls", "rises"],
    },
    theme,
  );
}

export function correlationTable({ rows, columns, values }: Correlation): TableData {
  return {
    columns: [
      { label: "" },
      ...columns.map((column) => ({ label: nameOf(column), isNumber: true })),
    ],
    rows: rows.map((row, index) => [
      nameOf(row),
      ...columns.map((_, column) => {
        const value = values[index]?.[column];
        return typeof value === "number" ? signed(value, 3) : NONE;
      }),
    ]),
    note: "Spearman's rank correlation: 1 if the one always rises with the other, −1 if it falls; none where one of the two does not vary.",
  };
}
