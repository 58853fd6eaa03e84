// A plain table: what stands behind each chart.
import { type ReactNode, useState } from "react";

export interface TableColumn {
  label: string;
  /** Numbers stand to the right. */
  isNumber?: boolean;
}

export interface TableData {
  columns: readonly TableColumn[];
  /** A cell a column each; the first of a row names it. */
  rows: readonly (readonly ReactNode[])[];
  /** What is said below, such as what was cut off. */
  note?: string;
  /** What is done with a chosen row, by its place; then the first cell is a button. */
  onSelect?: (row: number) => void;
}

const PAGE = 100;

export function DataTable({ label, columns, rows, note, onSelect }: TableData & { label: string }) {
  const [limit, setLimit] = useState(PAGE);
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by the keyboard
    <section className="table-box" aria-label={`${label}: table`} tabIndex={0}>
      <table>
        <caption className="unseen">{label}</caption>
        <thead>
          <tr>
            {columns.map((column) => (
              <th key={column.label} scope="col" className={column.isNumber ? "number" : undefined}>
                {column.label}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.slice(0, limit).map((cells, row) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: rows have no other name, and no state
            <tr key={row}>
              {cells.map((cell, place) => {
                const column = columns[place];
                const key = column?.label ?? place;
                if (place > 0)
                  return (
                    <td key={key} className={column?.isNumber ? "number" : undefined}>
                      {cell}
                    </td>
                  );
                return (
                  <th key={key} scope="row" className={column?.isNumber ? "number" : undefined}>
                    {onSelect ? (
                      <button type="button" className="link" onClick={() => onSelect(row)}>
                        {cell}
                      </button>
                    ) : (
                      cell
                    )}
                  </th>
                );
              })}
            </tr>
          ))}
        </tbody>
      </table>
      {rows.length === 0 && <p className="empty">There is nothing to show yet.</p>}
      {rows.length > limit && (
        <button type="button" onClick={() => setLimit(limit + PAGE)}>
          Show more ({rows.length - limit} left)
        </button>
      )}
      {note && <p className="note">{note}</p>}
    </section>
  );
}
