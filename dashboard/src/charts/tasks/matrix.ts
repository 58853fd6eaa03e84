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
  RANGE,
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

type Rgb = readonly [number, number, number];

/** Colours from nothing to all, or from less over none to more. */
function colours(isDiverging: boolean, { isDark, isForced }: ChartTheme): Rgb[] {
  if (isForced)
    return [isDark ? [0, 0, 0] : [255, 255, 255], isDark ? [90, 90, 90] : [200, 200, 200]];
  if (isDiverging)
    return isDark
      ? [
          [255, 147, 80],
          [35, 45, 58],
          [88, 176, 245],
        ]
      : [
          [184, 74, 0],
          [241, 243, 246],
          [0, 103, 177],
        ];
  return isDark
    ? [
        [29, 39, 51],
        [88, 176, 245],
      ]
    : [
        [238, 243, 249],
        [0, 103, 177],
      ];
}

/** Relative luminance after WCAG 2. */
function luminance(colour: Rgb): number {
  const [red = 0, green = 0, blue = 0] = colour.map((value) => {
    const part = value / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

/** Black or white: what has more contrast with the colour at a part of a scale, 0 to 1. */
export function labelColour(scale: readonly Rgb[], part: number): string {
  const at = Math.min(Math.max(part, 0), 1) * (scale.length - 1);
  const below = Math.min(Math.floor(at), scale.length - 2);
  const [low, high] = [scale[below] ?? [0, 0, 0], scale[below + 1] ?? [0, 0, 0]];
  const mix = (place: 0 | 1 | 2) => low[place] + (high[place] - low[place]) * (at - below);
  const light = luminance([mix(0), mix(1), mix(2)]);
  return 1.05 / (light + 0.05) > (light + 0.05) / 0.05 ? "#fff" : "#000";
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
  fontSize: number;
}

function matrixOption(matrix: Matrix, theme: ChartTheme): ChartOption {
  const { columns, rows, cells, scale, isDiverging, text, axes } = matrix;
  const shown = cells.filter((cell) => cell.value !== null);
  const palette = colours(isDiverging, theme);
  // Of bins the lower edge alone, and not each: there is no room for more.
  const axis = (data: string[], name: string | undefined, gap: number, width: number) => ({
    type: "category" as const,
    data,
    ...(name ? { name } : {}),
    nameLocation: "middle" as const,
    nameGap: gap,
    axisLabel: {
      show: axes !== null,
      fontSize: 11,
      ...(name
        ? {
            interval: Math.ceil(data.length / 7) - 1,
            formatter: (text: string) => text.split(RANGE)[0] ?? "",
          }
        : { interval: 0, width, overflow: "break" as const }),
    },
    axisTick: { show: false },
    splitArea: { show: false },
  });
  return {
    grid: axes
      ? { left: 8, right: 8, top: 8, bottom: 34, outerBoundsMode: "same" }
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
      inRange: { color: palette.map((colour) => `rgb(${colour.join(",")})`) },
      calculable: false,
      orient: "horizontal",
      left: "center",
      bottom: 0,
      itemWidth: 12,
      itemHeight: 110,
      text: [matrix.legend[1], matrix.legend[0]],
    },
    xAxis: axis(columns, axes?.x, 24, 70),
    yAxis: axis(rows, axes?.y, 40, 90),
    series: {
      type: "heatmap",
      label: { show: axes !== null, fontSize: matrix.fontSize },
      itemStyle: { borderWidth: 0.5, borderColor: theme.line },
      emphasis: { itemStyle: { borderColor: theme.ink, borderWidth: 2 } },
      data: shown.map((cell) => ({
        value: [cell.column, cell.row, cell.value ?? 0],
        cell,
        label: {
          formatter: text(cell.value ?? 0),
          color: labelColour(palette, ((cell.value ?? 0) - scale.from) / (scale.to - scale.from)),
        },
      })),
    },
  };
}

/** Of more columns or rows the cells are too small for numbers: differences have their sign alone. */
const MAX_NUMBERED = 14;
/** What is less has no sign [points]. */
const LEAST_SIGNED = 2.5;

function signOf(value: number): string {
  if (Math.abs(value) * 100 < LEAST_SIGNED) return "";
  return value > 0 ? "+" : "\u2212";
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
  const isFine = Math.max(columns.length, rows.length) > MAX_NUMBERED;
  return matrixOption(
    {
      columns,
      rows,
      cells: cellsOf(map, view),
      scale: { from: isDiverging ? -1 : 0, to: 1 },
      isDiverging,
      text: isFine ? (value) => (isDiverging ? signOf(value) : "") : text,
      fontSize: isFine ? 9 : 11,
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
      fontSize: 11,
    },
    theme,
  );
}

export function correlationTable({ rows, columns, values }: Correlation): TableData {
  return {
    columns: [
      { label: "of a task" },
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
