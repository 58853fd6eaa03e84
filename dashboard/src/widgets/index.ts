import type { WidgetSpec } from "./registry";

/** The widgets that are tables and lists. */
export const frameWidgets: readonly WidgetSpec[] = [];
