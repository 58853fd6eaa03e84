import type { WidgetSpec } from "../../widgets/registry";

/** Charts of the live state. */
export const liveWidgets: readonly WidgetSpec[] = [];
