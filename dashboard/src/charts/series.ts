// The look of a lane in ECharts, so that a scheduler looks the same in every chart.
import type { ChartTheme } from "../theme";
import type { LaneStyle } from "./lanes";

/** The colour of a lane in the theme. */
export function laneColour(lane: LaneStyle, theme: ChartTheme): string {
  return theme.lanes[lane.colour] ?? theme.ink;
}

/** Fields of a line series that draw it as the lane: colour, dash and symbol. */
export function laneLine(lane: LaneStyle, theme: ChartTheme) {
  const color = laneColour(lane, theme);
  return {
    color,
    lineStyle: { color, width: 2, type: lane.dash.length ? [...lane.dash] : ("solid" as const) },
    itemStyle: { color },
    symbol: `path://${lane.path}`,
    symbolSize: 8,
  };
}

/** Fields of a bar or a point that draw it as the lane: colour, and stripes by its place. */
export function laneFill(lane: LaneStyle & { place: number }, theme: ChartTheme) {
  const color = laneColour(lane, theme);
  return { color, itemStyle: { color, decal: laneDecal(lane.place, theme) } };
}

/** Colour of what ran on a CPU or a GPU: the same in every chart. */
export function deviceColour(kind: "cpu" | "gpu", theme: ChartTheme): string {
  return theme.lanes[kind === "cpu" ? 4 : 0] ?? theme.accent;
}

/** Stripes: the wider set apart the fewer; those of GPUs lean the other way. */
export function deviceStripes(kind: "cpu" | "gpu", dashes: readonly number[], color: string) {
  return {
    symbol: "rect",
    color,
    dashArrayX: [1, 0],
    dashArrayY: [...dashes],
    rotation: kind === "cpu" ? Math.PI / 4 : -Math.PI / 4,
  };
}

/** Stripes of what is on a GPU as a whole; what is on a CPU has none. */
export const GPU_DASHES = [2, 9] as const;

/** Look of bars of CPUs or GPUs: colour, and of GPUs stripes. */
export function deviceStyle(kind: "cpu" | "gpu", theme: ChartTheme) {
  const stripes = theme.isDark ? "rgba(0,0,0,.4)" : "rgba(255,255,255,.5)";
  return {
    color: deviceColour(kind, theme),
    ...(kind === "gpu" ? { decal: deviceStripes(kind, GPU_DASHES, stripes) } : {}),
  };
}

/** A pattern by the place of a lane, which tells areas apart without their colour. */
export function laneDecal(place: number, theme: ChartTheme) {
  const color = theme.isDark ? "rgba(0,0,0,.35)" : "rgba(255,255,255,.45)";
  const turns = [0, Math.PI / 4, -Math.PI / 4, Math.PI / 2, Math.PI / 8];
  const widths = [
    [0, 8],
    [3, 3],
    [1, 4],
    [5, 2],
    [2, 6],
    [4, 8],
    [6, 6],
  ];
  const width = widths[place % widths.length] ?? [3, 3];
  return {
    symbol: "rect",
    color,
    dashArrayX: [1, 0],
    dashArrayY: width,
    rotation: turns[place % turns.length] ?? 0,
  };
}
