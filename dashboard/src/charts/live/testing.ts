// Live states for tests.
import type { DeviceState, LaneState, Measure } from "../../api/types";
import type { ChartTheme } from "../../theme";

export function device(part: Partial<DeviceState> = {}): DeviceState {
  return {
    name: "epyc #0",
    kind: "cpu",
    load: 0.5,
    queue: 1,
    utilisation: 0.4,
    window_utilisation: 0.45,
    ...part,
  };
}

export function laneState(part: Partial<LaneState> = {}): LaneState {
  return {
    scheduler: "greedy",
    episodes: 3,
    window_episodes: 3,
    tasks: 600,
    model_version: 0,
    exploration: 0,
    now: {},
    window: {},
    all: {},
    percentiles: {},
    series: {},
    devices: [],
    waits_s: null,
    difference: null,
    ...part,
  };
}

export function measure(key: string, part: Partial<Measure> = {}): Measure {
  return {
    key,
    label: key,
    unit: "",
    shown_unit: "",
    scale: 1,
    digits: 2,
    lower_is_better: true,
    in_radar: false,
    over_episodes: "mean",
    ...part,
  };
}

export const THEME: ChartTheme = {
  isDark: false,
  isForced: false,
  isAnimated: false,
  ink: "#111111",
  muted: "#555555",
  line: "#999999",
  grid: "#dddddd",
  surface: "#ffffff",
  raised: "#ffffff",
  accent: "#0000ff",
  good: "#008800",
  bad: "#880000",
  warn: "#888800",
  lanes: ["#1", "#2", "#3", "#4", "#5", "#6", "#7", "#8"].map((text) => `${text}00000`.slice(0, 7)),
  font: "sans-serif",
};
