import { rowsFor } from "../../layout/rows";
import type { WidgetSpec } from "../../widgets/registry";
import { ComparisonBarsWidget } from "./comparison/ComparisonBarsWidget";
import { DevicesWidget } from "./devices/DevicesWidget";
import { CumulativeWidget } from "./history/CumulativeWidget";
import { RegretWidget } from "./history/RegretWidget";
import { PercentilesWidget } from "./percentiles/PercentilesWidget";
import { ProcessesWidget } from "./processes/ProcessesWidget";
import { RadarWidget } from "./radar/RadarWidget";
import { TrendWidget } from "./trend/TrendWidget";
import { WinsWidget } from "./wins/WinsWidget";

const LEAST_ROWS = 4;
/** Title, controls, legend and axis [px]. */
const AROUND_PX = 180;

/** Rows of a chart with a line [px] for each scheduler. */
function chartRows(schedulers: number, linePx: number): number {
  return Math.max(LEAST_ROWS, rowsFor(schedulers, linePx, AROUND_PX));
}

/** Charts of the live state. */
export const liveWidgets: readonly WidgetSpec[] = [
  {
    id: "bars",
    title: "Schedulers compared",
    description: "Objective, gap, makespan, energy and wait of each scheduler, with the bound",
    component: ComparisonBarsWidget,
    columns: 6,
    rows: (schedulers) => chartRows(schedulers, 24),
    needs: "lanes",
    hasTable: true,
  },
  {
    id: "trend",
    title: "Over the window",
    description: "Gap or objective of each scheduler in the last episodes",
    component: TrendWidget,
    columns: 6,
    rows: (schedulers) => chartRows(schedulers, 26),
    needs: "lanes",
    hasTable: true,
  },
  {
    id: "devices",
    title: "Devices",
    description: "Load and queue of every device of a scheduler",
    component: DevicesWidget,
    columns: 6,
    rows: 5,
    needs: "lanes",
    hasTable: true,
  },
  {
    id: "radar",
    title: "Against the oracle",
    description: "Makespan, energy, wait and decision time relative to the oracle's",
    component: RadarWidget,
    columns: 6,
    rows: 6,
    needs: "lanes",
    hasTable: true,
  },
  {
    id: "regret",
    title: "Regret over time",
    description: "Regret of each scheduler, with drifts and retrainings marked",
    component: RegretWidget,
    columns: 6,
    rows: 5,
    needs: "run",
    hasTable: true,
  },
  {
    id: "cumulative",
    title: "Sums so far",
    description: "Objective, energy and electricity cost of all episodes so far",
    component: CumulativeWidget,
    columns: 6,
    rows: 5,
    needs: "run",
    hasTable: true,
  },
  {
    id: "percentiles",
    title: "Waits and responses",
    description: "Median, 90th and 99th percentile of wait, response and slowdown of tasks",
    component: PercentilesWidget,
    columns: 6,
    rows: (schedulers) => chartRows(schedulers, 22),
    needs: "lanes",
    hasTable: true,
  },
  {
    id: "wins",
    title: "Who beats whom",
    description: "How often each scheduler is better than each other in the same episode",
    component: WinsWidget,
    columns: 6,
    rows: (schedulers) => chartRows(schedulers, 22),
    needs: "run",
    hasTable: true,
  },
];

/** What watching costs the machine. */
export const processWidgets: readonly WidgetSpec[] = [
  {
    id: "processes",
    title: "CPU and memory",
    description: "What engine and server have cost the machine over the last minutes",
    component: ProcessesWidget,
    columns: 6,
    rows: 4,
    needs: "nothing",
    hasTable: true,
  },
];
