import type { WidgetSpec } from "../../widgets/registry";

/** Charts of tasks and of a run's history. */
export const taskWidgets: readonly WidgetSpec[] = [];
