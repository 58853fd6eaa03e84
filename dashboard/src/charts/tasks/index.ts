import type { WidgetSpec } from "../../widgets/registry";
import { Audit } from "./Audit";
import { Correlations } from "./Correlations";
import { Gantt } from "./Gantt";
import { HeatMaps } from "./HeatMaps";
import { Histograms } from "./Histograms";
import { AUDIT } from "./ids";

/** Charts of tasks and of a run's history. */
export const taskWidgets: readonly WidgetSpec[] = [
  {
    id: "gantt",
    title: "Last tasks",
    description: "Gantt chart of an episode's tasks under a scheduler; a click on one audits it.",
    component: Gantt,
    columns: 12,
    rows: 5,
    needs: "run",
    hasTable: true,
  },
  {
    id: AUDIT,
    title: "Decision audit",
    description:
      "What each scheduler saw, predicted, chose and got for a task, and what that cost.",
    component: Audit,
    columns: 12,
    rows: 6,
    needs: "run",
    hasTable: false,
  },
  {
    id: "heat-map",
    title: "Chosen GPU fraction",
    description:
      "Which GPU fraction a scheduler chooses by size and intensity, also less the oracle's.",
    component: HeatMaps,
    columns: 6,
    rows: 6,
    needs: "run",
    hasTable: true,
  },
  {
    id: "correlation",
    title: "Correlation",
    description: "How what a task is goes with what it cost: Spearman's rank correlation.",
    component: Correlations,
    columns: 6,
    rows: 6,
    needs: "run",
    hasTable: true,
  },
  {
    id: "histograms",
    title: "Sizes, intensities, GPU fractions",
    description: "How many of the last tasks there are of each.",
    component: Histograms,
    columns: 12,
    rows: 4,
    needs: "run",
    hasTable: true,
  },
];
