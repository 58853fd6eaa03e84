import { formatNumber, formatShort } from "../../../format";
import type { ChartTheme } from "../../../theme";
import type { ChartOption } from "../../echarts";
import type { Lane } from "../../lanes";
import { laneColour, laneLine } from "../../series";
import type { Curve, Phase, Point } from "./curves";

/** What a chart over episodes shows. */
export interface HistoryChart {
  curves: Curve[];
  lanes: Lane[];
  phases: Phase[];
  /** Episodes from which on a lane has another model, by lane. */
  retrained: Map<string, number[]>;
  /** Name of the values with their unit. */
  label: string;
  digits: number;
  isLog: boolean;
}

/** Symbols that a line has along it: enough to tell it apart, and not in the way. */
const SYMBOLS_A_LINE = 6;
/** Retrainings of a lane that are drawn at most; the table has all. */
export const MAX_PINS = 12;

/** Lines over episodes, phases of a drift shaded, retrainings as pins on their lane's line. */
export function historyOption(chart: HistoryChart, theme: ChartTheme): ChartOption {
  const lanes = new Map(chart.lanes.map((lane) => [lane.scheduler, lane]));
  const drawn = chart.curves.flatMap((curve) => {
    const lane = lanes.get(curve.lane);
    return lane ? [{ curve, lane }] : [];
  });
  return {
    animation: false,
    grid: {
      left: 10,
      right: 18,
      top: 22,
      bottom: 8,
      outerBoundsMode: "same",
      outerBoundsContain: "all",
    },
    tooltip: {
      trigger: "axis",
      confine: true,
      renderMode: "richText",
      formatter: (params) => tooltip(params, chart),
    },
    xAxis: {
      type: "value",
      name: "episode",
      nameLocation: "middle",
      min: 0,
      max: Math.max(1, ...chart.curves.map(({ points }) => points.at(-1)?.[0] ?? 0)),
      minInterval: 1,
      axisLabel: {
        formatter: (value: number) => formatShort(value),
        hideOverlap: true,
        showMaxLabel: false,
      },
      splitLine: { show: false },
    },
    yAxis: {
      type: chart.isLog ? "log" : "value",
      axisLabel: { formatter: (value: number) => formatShort(value) },
    },
    series: [
      phaseSeries(chart.phases, theme),
      ...drawn.map(({ curve, lane }) => ({
        id: `line ${lane.scheduler}`,
        type: "line" as const,
        name: lane.scheduler,
        ...laneLine(lane, theme),
        data: withSymbols(curve.points, lane.place),
        connectNulls: false,
        emphasis: { disabled: true },
      })),
      ...drawn.map(({ curve, lane }) => ({
        id: `pins ${lane.scheduler}`,
        type: "scatter" as const,
        name: lane.scheduler,
        symbol: "pin",
        symbolSize: 14,
        itemStyle: { color: laneColour(lane, theme), borderColor: theme.surface, borderWidth: 1 },
        data: pins(chart.retrained.get(lane.scheduler) ?? [], curve),
        silent: true,
        z: 4,
      })),
    ],
  };
}

/** Points of a line, of which a few have the symbol, at other places in each lane. */
function withSymbols(points: readonly Point[], place: number) {
  const every = Math.max(1, Math.ceil(points.length / SYMBOLS_A_LINE));
  const offset = (place * 7) % every;
  return points.map((value, i) => (i % every === offset ? { value } : { value, symbol: "none" }));
}

/** Where a lane's line is as it goes on with another model; of many, some all along. */
export function pins(episodes: readonly number[], curve: Curve): Point[] {
  const every = Math.ceil(episodes.length / MAX_PINS);
  return episodes
    .filter((_, i) => (episodes.length - 1 - i) % every === 0)
    .flatMap((episode) => {
      const group = curve.points.find(([last, value]) => last >= episode && value !== null);
      return group ? [[episode, group[1]] as Point] : [];
    });
}

function phaseSeries(phases: readonly Phase[], theme: ChartTheme) {
  // The system's colours are strong ones.
  const shade = theme.isForced ? 0.15 : 0.7;
  return {
    id: "phases",
    type: "line" as const,
    data: [],
    silent: true,
    markArea: {
      silent: true,
      itemStyle: { color: theme.grid },
      label: { color: theme.muted, position: "top" as const, distance: 3, fontSize: 11 },
      // Every other one is shaded, all are named.
      data: phases.map((phase, i): [object, object] => [
        { xAxis: phase.first, name: phase.label, itemStyle: { opacity: i % 2 ? shade : 0 } },
        { xAxis: phase.end },
      ]),
    },
    markLine: {
      silent: true,
      symbol: "none",
      label: { show: false },
      lineStyle: { color: theme.muted, type: "dashed" as const, width: 1 },
      data: phases.slice(1).map((phase) => ({ xAxis: phase.first })),
    },
  };
}

function tooltip(params: unknown, { label, digits, phases, retrained }: HistoryChart): string {
  const shown = (Array.isArray(params) ? params : [params]) as {
    seriesType: string;
    seriesName: string;
    value: Point;
  }[];
  const lines = shown.filter(({ seriesType }) => seriesType === "line");
  const episode = lines[0]?.value[0];
  if (episode === undefined) return "";
  const phase = phases.find(({ first, end }) => episode >= first && episode < end);
  const head = `${label}, to episode ${formatNumber(episode)}${phase ? ` (${phase.label})` : ""}`;
  const values = lines.map(({ seriesName, value }) => {
    const models = retrained.get(seriesName)?.filter((first) => first <= episode).length ?? 0;
    return `${seriesName}: ${formatNumber(value[1], digits)}${models ? ` (retrained ${models}×)` : ""}`;
  });
  return [head, ...values].join("\n");
}
