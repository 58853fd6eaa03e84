import type { ChartTheme } from "../../../theme";
import type { ChartOption } from "../../echarts";
import type { Lane } from "../../lanes";
import { laneLine } from "../../series";
import { clipped, isClipped, type Radar, type RadarLane, ratioText } from "./radar";

/** Rings of a radar: powers of a factor. */
export interface Rings {
  factor: number;
  /** Power at the centre, below that of 1. */
  least: number;
  most: number;
}

/** Doublings, or decades if it would be more than six of them; 1 is always a ring. */
export function ringsOf(ratios: readonly number[]): Rings {
  const logs = ratios.map((ratio) => Math.log10(clipped(ratio)));
  const low = Math.min(0, ...logs);
  const high = Math.max(0, ...logs);
  const factor = (high - low) / Math.log10(2) > 6 ? 10 : 2;
  const step = Math.log10(factor);
  return {
    factor,
    least: Math.min(-1, Math.floor(low / step + 1e-9)),
    most: Math.max(1, Math.ceil(high / step - 1e-9)),
  };
}

/** The lanes that can be drawn: they have a value on each axis. */
export function drawnLanes(radar: Radar, shown: ReadonlySet<string>): RadarLane[] {
  return radar.lanes.filter(
    ({ scheduler, ratios }) => shown.has(scheduler) && !ratios.includes(null),
  );
}

/** Ratios on a logarithmic radar; at its centre is the best. */
export function radarOption(
  radar: Radar,
  shown: ReadonlySet<string>,
  lanes: readonly Lane[],
  theme: ChartTheme,
): ChartOption {
  const drawn = drawnLanes(radar, shown);
  const rings = ringsOf(drawn.flatMap(({ ratios }) => ratios.map((ratio) => ratio ?? 1)));
  const power = (ratio: number | null) => Math.log(clipped(ratio ?? 1)) / Math.log(rings.factor);
  const look = new Map(lanes.map((lane) => [lane.scheduler, lane]));
  return {
    tooltip: { trigger: "item", formatter: (item) => tooltip(item, radar) },
    radar: {
      center: ["50%", "50%"],
      radius: "74%",
      splitNumber: rings.most - rings.least,
      axisName: { color: theme.ink, lineHeight: 14 },
      indicator: radar.axes.map((measure, i) => ({
        name: measure.label.replaceAll(" ", "\n"),
        min: rings.least,
        max: rings.most,
        // The rings are named once.
        axisLabel: {
          show: i === 0,
          color: theme.muted,
          fontSize: 10,
          showMinLabel: false,
          formatter: (value: number) => ringText(rings.factor ** Math.round(value)),
        },
      })),
    },
    series: drawn.map(({ scheduler, ratios }) => {
      const lane = look.get(scheduler);
      const isReference = scheduler === radar.reference;
      return {
        id: scheduler,
        name: scheduler,
        type: "radar" as const,
        ...(lane ? laneLine(lane, theme) : {}),
        z: isReference ? 4 : 2,
        data: [
          {
            name: scheduler,
            value: ratios.map(power),
            areaStyle: isReference ? { opacity: 0.12 } : { opacity: 0 },
          },
        ],
      };
    }),
  };
}

function ringText(ratio: number): string {
  return ratio >= 1 ? `${ratio}×` : `1/${Math.round(1 / ratio)}×`;
}

function tooltip(item: unknown, radar: Radar): string {
  const { name } = (Array.isArray(item) ? item[0] : item) as { name: string };
  const lane = radar.lanes.find(({ scheduler }) => scheduler === name);
  if (!lane) return "";
  const values = radar.axes.map(({ label }, i) => {
    const ratio = lane.ratios[i] ?? null;
    return `${label}: ${ratioText(ratio)}${isClipped(ratio) ? " (cut off)" : ""}`;
  });
  return [name, ...values].join("\n");
}
