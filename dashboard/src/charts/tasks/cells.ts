// Matrices as cells that a heat map draws.
import type { HeatMap, StatisticsAnswer } from "../../api/types";
import { toFinite } from "../../format";

export type Correlation = NonNullable<StatisticsAnswer["correlation"]>;

export type HeatMapView = "chosen" | "difference";

export interface Cell {
  column: number;
  row: number;
  /** null: there is none. */
  value: number | null;
  /** How many tasks; null: it is not known. */
  count: number | null;
}

/** Whether a view of a heat map can be shown at all. */
export function hasView(map: HeatMap, view: HeatMapView): boolean {
  return view === "chosen" || map.oracle_difference !== null;
}

/** The cells of a heat map, rows by intensity; those without tasks have no value. */
export function cellsOf(map: HeatMap, view: HeatMapView): Cell[] {
  const values = view === "chosen" ? map.gpu_fraction : map.oracle_difference;
  return map.counts.flatMap((counts, row) =>
    counts.map((count, column) => ({
      column,
      row,
      count,
      value: count > 0 ? toFinite(values?.[row]?.[column]) : null,
    })),
  );
}

/** The cells of a correlation; null where one of the two does not vary. */
export function correlationCells({ rows, columns, values }: Correlation): Cell[] {
  return rows.flatMap((_, row) =>
    columns.map((_, column) => ({
      column,
      row,
      count: null,
      value: toFinite(values[row]?.[column]),
    })),
  );
}

/** Stands between the edges of a bin. */
export const RANGE = " – ";

/** Names of the bins between edges. */
export function bins(edges: readonly number[], text: (edge: number) => string): string[] {
  return edges
    .slice(1)
    .map((edge, index) => `${text(edges[index] ?? Number.NaN)}${RANGE}${text(edge)}`);
}
