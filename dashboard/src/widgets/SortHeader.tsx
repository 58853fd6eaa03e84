export interface Sorting<K extends string> {
  key: K;
  order: "asc" | "desc";
}

export interface SortHeaderProps<K extends string> {
  label: string;
  name: K;
  sorting: Sorting<K>;
  onSort: (sorting: Sorting<K>) => void;
  isNumber?: boolean;
  /** How it sorts at the first press. */
  first?: "asc" | "desc";
}

/** The heading of a column that sorts by it; pressed again, the other way round. */
export function SortHeader<K extends string>(props: SortHeaderProps<K>) {
  const { label, name, sorting, onSort, isNumber, first = "asc" } = props;
  const isSorted = sorting.key === name;
  const other = sorting.order === "asc" ? "desc" : "asc";
  const arrow = sorting.order === "asc" ? "▲" : "▼";
  return (
    <th
      scope="col"
      className={isNumber ? "number" : undefined}
      aria-sort={isSorted ? (sorting.order === "asc" ? "ascending" : "descending") : undefined}
    >
      <button
        type="button"
        className="link sort"
        onClick={() => onSort({ key: name, order: isSorted ? other : first })}
      >
        {label}
        <span aria-hidden="true">{isSorted ? ` ${arrow}` : ""}</span>
      </button>
    </th>
  );
}
