import type { Quantity } from "../../../api/types";
import { formatNumber } from "../../../format";
import type { TableData } from "../../../widgets/DataTable";
import { phasesOf, type Source } from "./curves";
import type { History } from "./merge";

/** A row a group of episodes, the newest first: a value of each lane, and what happened in it. */
export function historyTable(
  history: History,
  source: Source,
  write: (value: Quantity | undefined) => string,
): TableData {
  const names = Object.keys(history.lanes);
  const rows = new Map<number, { last: number; cells: string[] }>();
  names.forEach((name, column) => {
    const lane = history.lanes[name];
    if (!lane) return;
    const values = source(lane);
    lane.episode.forEach((first, i) => {
      const last = first + Math.max(lane.count[i] ?? 1, 1) - 1;
      const row = rows.get(first) ?? { last, cells: names.map(() => "–") };
      row.cells[column] = write(values?.[i]);
      rows.set(first, row);
    });
  });
  const happened = eventsOf(history);
  return {
    columns: [
      { label: "episodes" },
      ...names.map((label) => ({ label, isNumber: true })),
      { label: "what happened" },
    ],
    rows: [...rows]
      .sort(([a], [b]) => b - a)
      .map(([first, { last, cells }]) => [
        first === last ? formatNumber(first) : `${formatNumber(first)}–${formatNumber(last)}`,
        ...cells,
        happened
          .filter(({ episode }) => episode >= first && episode <= last)
          .map(({ text }) => text)
          .join("; "),
      ]),
  };
}

function eventsOf(history: History): { episode: number; text: string }[] {
  const drifts = phasesOf(history).filter(({ first }) => first > 0);
  return [
    ...drifts.map(({ first, label }) => ({ episode: first, text: `drift: ${label}` })),
    ...history.marks
      .filter(({ kind }) => kind === "model")
      .map(({ episode, scheduler, label }) => ({ episode, text: `${scheduler}: ${label}` })),
  ];
}
