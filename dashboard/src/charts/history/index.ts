import type { WidgetSpec } from "../../widgets/registry";
import { HistoryWidget } from "./HistoryWidget";
import { IntervalsWidget } from "./IntervalsWidget";

/** How a run went, and what can be said of its schedulers. */
export const historyWidgets: readonly WidgetSpec[] = [
  {
    id: "history",
    title: "History",
    description: "Any metric over the episodes of the run, as fine as one likes; as a file, too.",
    component: HistoryWidget,
    columns: 12,
    rows: 5,
    needs: "run",
    hasTable: true,
  },
  {
    id: "intervals",
    title: "How sure that is",
    description: "Means and differences to a reference with 95 % intervals, from the store.",
    component: IntervalsWidget,
    columns: 12,
    rows: 4,
    needs: "run",
    hasTable: true,
  },
];
