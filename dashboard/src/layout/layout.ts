// Which widgets are shown, in which order, how wide: plain data and what may be done with it.
import type { WidgetSpec } from "../widgets/registry";
import type { WidgetView } from "../widgets/view";

export const VERSION = 1;
/** Widths that buttons step through, of twelve columns. */
export const WIDTHS = [3, 4, 6, 8, 12] as const;
const MAX_TEXT = 20_000;

export interface Placed {
  id: string;
  columns: number;
  isHidden: boolean;
  view: WidgetView;
}

export type Layout = readonly Placed[];
type Known = Pick<WidgetSpec, "id" | "columns">;

function asNew(spec: Known): Placed {
  return { id: spec.id, columns: spec.columns, isHidden: false, view: "chart" };
}

/** What a browser shows that remembers nothing. */
export function initialLayout(specs: readonly Known[]): Layout {
  return specs.map(asNew);
}

function readOne(entry: unknown, specs: readonly Known[]): Placed | null {
  if (typeof entry !== "object" || entry === null) return null;
  const { id, columns, isHidden, view } = entry as Record<string, unknown>;
  const spec = specs.find((known) => known.id === id);
  if (!spec) return null;
  return {
    id: spec.id,
    columns: WIDTHS.find((width) => width === columns) ?? spec.columns,
    isHidden: isHidden === true,
    view: view === "table" ? "table" : "chart",
  };
}

/** The layout that was stored, as far as it can be believed: widgets that are gone are left out, new
 * ones stand after the one that they follow by default. */
export function readLayout(text: string | null, specs: readonly Known[]): Layout {
  let entries: unknown = null;
  if (text !== null && text.length <= MAX_TEXT) {
    try {
      const stored: unknown = JSON.parse(text);
      if (typeof stored === "object" && stored !== null && "version" in stored)
        if (stored.version === VERSION && "widgets" in stored) entries = stored.widgets;
    } catch {
      // Not JSON: as if there was nothing.
    }
  }
  const layout: Placed[] = [];
  for (const entry of Array.isArray(entries) ? entries : []) {
    const placed = readOne(entry, specs);
    if (placed && !layout.some(({ id }) => id === placed.id)) layout.push(placed);
  }
  specs.forEach((spec, place) => {
    if (layout.some(({ id }) => id === spec.id)) return;
    const before = specs[place - 1]?.id;
    layout.splice(layout.findIndex(({ id }) => id === before) + 1, 0, asNew(spec));
  });
  return layout;
}

export function writeLayout(layout: Layout): string {
  return JSON.stringify({ version: VERSION, widgets: layout });
}

/** With other fields of one widget. */
export function change(layout: Layout, id: string, part: Partial<Omit<Placed, "id">>): Layout {
  return layout.map((placed) => (placed.id === id ? { ...placed, ...part } : placed));
}

/** One step wider (+1) or narrower (-1); as it is at the end of the steps. */
export function resize(layout: Layout, id: string, step: 1 | -1): Layout {
  const columns = layout.find((placed) => placed.id === id)?.columns ?? 0;
  const wider = WIDTHS.find((width) => width > columns);
  const narrower = WIDTHS.findLast((width) => width < columns);
  const next = step > 0 ? wider : narrower;
  return next === undefined ? layout : change(layout, id, { columns: next });
}

/** To the place of another widget, which moves towards where this one was. */
export function moveTo(layout: Layout, id: string, target: string): Layout {
  const from = layout.findIndex((placed) => placed.id === id);
  const to = layout.findIndex((placed) => placed.id === target);
  const moved = layout[from];
  if (!moved || to < 0 || from === to) return layout;
  const rest = layout.filter((placed) => placed !== moved);
  return [...rest.slice(0, to), moved, ...rest.slice(to)];
}

/** Past the next widget that is shown: earlier (-1) or later (+1). */
export function move(layout: Layout, id: string, step: 1 | -1): Layout {
  const shown = layout.filter((placed) => !placed.isHidden);
  const target = shown[shown.findIndex((placed) => placed.id === id) + step];
  return target ? moveTo(layout, id, target.id) : layout;
}
