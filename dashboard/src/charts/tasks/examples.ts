// Values for tests.
import type { DecisionRow } from "../../api/types";
import type { ChartTheme } from "../../theme";

/** A decision whose fields are as given, the others as in some episode. */
export function decision(given: Partial<DecisionRow> = {}): DecisionRow {
  return {
    sequence: 0,
    episode: 0,
    task: 0,
    arrival_s: 0,
    size_flop: 1e12,
    intensity_flop_per_byte: 8,
    memory_bytes: 2e9,
    cpu_wait_s: 0.5,
    gpu_wait_s: 0,
    action: 3,
    gpu_fraction: 0.6,
    fallback: false,
    cpu: { device: 0, start_s: 0.5, finish_s: 2 },
    gpu: { device: 1, start_s: 0, finish_s: 1 },
    wait_s: 0.5,
    response_s: 2,
    energy_j: 350,
    model_version: 0,
    pool_row: 17,
    ...given,
  };
}

/** A theme of which each colour tells its name. */
export const theme: ChartTheme = {
  isDark: false,
  isForced: false,
  isAnimated: true,
  ink: "ink",
  muted: "muted",
  line: "line",
  grid: "grid",
  surface: "surface",
  raised: "raised",
  accent: "accent",
  good: "good",
  bad: "bad",
  warn: "warn",
  lanes: ["lane0", "lane1", "lane2", "lane3", "lane4", "lane5", "lane6", "lane7"],
  font: "font",
};
