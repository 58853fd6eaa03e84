import { rowsFor } from "../layout/rows";
import { Comparison } from "./Comparison";
import { Log } from "./Log";
import { Runs } from "./Runs";
import type { WidgetSpec } from "./registry";

/** What stands first: how the schedulers compare. */
export const comparisonWidgets: readonly WidgetSpec[] = [
  {
    id: "comparison",
    title: "Comparison",
    description: "Every scheduler's objective, gap, makespan, energy, wait and more",
    component: Comparison,
    columns: 12,
    rows: (schedulers) => rowsFor(Math.max(schedulers, 3), 31, 150),
    needs: "run",
    hasTable: false,
  },
];

/** What stands last: the runs and the log. */
export const storeWidgets: readonly WidgetSpec[] = [
  {
    id: "runs",
    title: "Runs",
    description: "The runs that the store has: watch, look into, export, delete",
    component: Runs,
    columns: 12,
    rows: 4,
    needs: "nothing",
    hasTable: false,
  },
  {
    id: "log",
    title: "Log",
    description: "What happened in the run, and what the engine wrote",
    component: Log,
    columns: 6,
    rows: 4,
    needs: "nothing",
    hasTable: false,
  },
];
