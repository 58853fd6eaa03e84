// All widgets of the page, in the order in which a new browser shows them.
import type { ComponentType } from "react";
import { historyWidgets } from "../charts/history";
import { liveWidgets, processWidgets } from "../charts/live";
import { taskWidgets } from "../charts/tasks";
import { comparisonWidgets, storeWidgets } from ".";

export interface WidgetSpec {
  /** Never changes: browsers remember it. */
  id: string;
  title: string;
  /** What it shows, in a sentence, for the menu and for a hint at its title. */
  description: string;
  component: ComponentType;
  /** Of the twelve columns of the page, how many it takes: 3 to 12. */
  columns: number;
  /** Height in rows of 92 px; by the number of schedulers, if that decides. */
  rows: number | ((schedulers: number) => number);
  /** What there must be before it can show anything: "lanes" of the live state, a "run" of the
   * store; "nothing": it always can. */
  needs: "lanes" | "run" | "nothing";
  /** Whether it has a chart with a table behind it, so that the frame offers to switch. */
  hasTable: boolean;
}

export const WIDGETS: readonly WidgetSpec[] = [
  ...comparisonWidgets,
  ...liveWidgets,
  ...historyWidgets,
  ...taskWidgets,
  ...storeWidgets,
  ...processWidgets,
];
