import { useState } from "react";
import type { Measure } from "../../api/types";
import { SortHeader, type Sorting } from "../../widgets/SortHeader";
import type { Lane } from "../lanes";
import { BOUND, groupName, valueText } from "./groups";
import { type GroupRow, sortGroups } from "./rollups";

const PAGE = 200;

interface GroupTableProps {
  label: string;
  rows: readonly GroupRow[];
  lanes: readonly Lane[];
  measure: Measure;
  isBounded: boolean;
  sorting: Sorting<string>;
  onSort: (sorting: Sorting<string>) => void;
}

/** Groups of episodes, a column a scheduler; a heading sorts by its column. */
export function GroupTable(props: GroupTableProps) {
  const { label, rows, lanes, measure, isBounded, sorting, onSort } = props;
  const [limit, setLimit] = useState(PAGE);
  const hasPhases = rows.some((row) => row.phase !== "");
  const sorted = sortGroups(rows, sorting);
  const header = { sorting, onSort };
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by the keyboard
    <section className="table-box" aria-label={`${label}: table`} tabIndex={0}>
      <table>
        <caption className="unseen">{label}</caption>
        <thead>
          <tr>
            <SortHeader label="episodes" name="first" first="desc" isNumber {...header} />
            {hasPhases && <SortHeader label="phase" name="phase" {...header} />}
            {isBounded && <SortHeader label="bound" name={BOUND} isNumber {...header} />}
            {lanes.map(({ scheduler }) => (
              <SortHeader key={scheduler} label={scheduler} name={scheduler} isNumber {...header} />
            ))}
          </tr>
        </thead>
        <tbody>
          {sorted.slice(0, limit).map((row) => (
            <tr key={row.first}>
              <th scope="row" className="number">
                {groupName(row)}
              </th>
              {hasPhases && <td>{row.phase}</td>}
              {isBounded && <td className="number">{valueText(row.bound, measure)}</td>}
              {lanes.map(({ scheduler }) => (
                <td key={scheduler} className="number">
                  {valueText(row.values[scheduler], measure)}
                </td>
              ))}
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
    </section>
  );
}
