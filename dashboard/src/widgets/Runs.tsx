// The runs that the store has: sorted, a page at a time; watched, looked into, saved, deleted.
import { useState } from "react";
import { attempt } from "../api/control";
import { type ExportFormat, type ExportTable, exportRun } from "../api/download";
import { type RunSort, useRuns } from "../api/queries";
import type { RunSummary } from "../api/types";
import { Disclosure } from "../Disclosure";
import { open } from "../dialogs/opened";
import { formatNumber, formatTime } from "../format";
import { useIsReplay, useRun } from "../live/run";
import { watch } from "../live/watch";
import { SortHeader, type Sorting } from "./SortHeader";

const PAGE = 10;
const ASK_EVERY_MS = 5_000;
const COLUMNS: [RunSort, string, "asc" | "desc"][] = [
  ["run", "run", "desc"],
  ["kind", "kind", "asc"],
  ["status", "state", "asc"],
  ["started_at", "started", "desc"],
  ["tasks", "tasks", "desc"],
];
const EXPORTS: [ExportTable, ExportFormat, string][] = [
  ["episodes", "csv", "Episodes as CSV"],
  ["episodes", "parquet", "Episodes as Parquet"],
  ["decisions", "csv", "Decisions as CSV"],
  ["decisions", "parquet", "Decisions as Parquet"],
];

function Actions({ run }: { run: number }) {
  return (
    <span className="row">
      <button type="button" onClick={() => open({ kind: "run", run })}>
        Details<span className="unseen"> of run {run}</span>
      </button>
      <Disclosure
        name={`Export run ${run}`}
        panel={(close) =>
          EXPORTS.map(([table, format, label]) => (
            <button
              key={label}
              type="button"
              onClick={() => {
                close();
                attempt(exportRun(run, table, format));
              }}
            >
              {label}
            </button>
          ))
        }
      >
        Export <span aria-hidden="true">▾</span>
      </Disclosure>
      <button type="button" className="danger" onClick={() => open({ kind: "delete", run })}>
        Delete<span className="unseen"> run {run}</span>
      </button>
    </span>
  );
}

function Row({
  summary,
  isWatched,
  isFixed,
}: {
  summary: RunSummary;
  isWatched: boolean;
  isFixed: boolean;
}) {
  const { run, kind, status, is_alive, started_at, tasks, problem, schedulers } = summary;
  return (
    <tr aria-current={isWatched ? "true" : undefined}>
      <th scope="row">
        <button type="button" className="link" disabled={isFixed} onClick={() => watch(run)}>
          {run}
          <span className="unseen">: watch</span>
        </button>
        {isWatched && <span className="interval"> shown</span>}
      </th>
      <td>{kind}</td>
      <td>
        {is_alive && <span className="live-dot" aria-hidden="true" />}
        {is_alive ? "running now" : status === "running" ? "no engine" : status}
      </td>
      <td>{formatTime(started_at)}</td>
      <td className="number">{formatNumber(tasks)}</td>
      <td className="wide">{problem}</td>
      <td className="number" title={schedulers.join(", ")}>
        {schedulers.length}
      </td>
      <td>
        <Actions run={run} />
      </td>
    </tr>
  );
}

function Pager(props: { offset: number; total: number; onOffset: (offset: number) => void }) {
  const { offset, total, onOffset } = props;
  if (total <= PAGE && offset === 0) return null;
  return (
    <nav className="row pager" aria-label="Pages of runs">
      <button
        type="button"
        disabled={offset === 0}
        onClick={() => onOffset(Math.max(0, offset - PAGE))}
      >
        Earlier page
      </button>
      <span>
        {Math.min(offset + 1, total)} to {Math.min(offset + PAGE, total)} of {formatNumber(total)}
      </span>
      <button
        type="button"
        disabled={offset + PAGE >= total}
        onClick={() => onOffset(offset + PAGE)}
      >
        Next page
      </button>
    </nav>
  );
}

export function Runs() {
  const [offset, setOffset] = useState(0);
  const [sorting, setSorting] = useState<Sorting<RunSort>>({ key: "run", order: "desc" });
  const watched = useRun();
  const isReplay = useIsReplay();
  const { data, error } = useRuns(
    { offset, limit: PAGE, sort: sorting.key, order: sorting.order },
    { every: ASK_EVERY_MS },
  );
  const sort = (next: Sorting<RunSort>) => {
    setSorting(next);
    setOffset(0);
  };
  if (error && !data) return <p className="empty">{error.message}</p>;
  return (
    <>
      {error && <p role="alert">{error.message}</p>}
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by the keyboard */}
      <section className="table-box" aria-label="Runs: table" tabIndex={0}>
        <table>
          <caption className="unseen">Runs of the store</caption>
          <thead>
            <tr>
              {COLUMNS.map(([name, label, first]) => (
                <SortHeader
                  key={name}
                  label={label}
                  name={name}
                  first={first}
                  sorting={sorting}
                  onSort={sort}
                  isNumber={name === "tasks"}
                />
              ))}
              <th scope="col">problem</th>
              <th scope="col" className="number">
                schedulers
              </th>
              <th scope="col">actions</th>
            </tr>
          </thead>
          <tbody>
            {data?.runs.map((summary) => (
              <Row
                key={summary.run}
                summary={summary}
                isWatched={summary.run === watched}
                isFixed={isReplay}
              />
            ))}
          </tbody>
        </table>
        {data?.total === 0 && <p className="empty">The store has no run.</p>}
      </section>
      <Pager offset={offset} total={data?.total ?? 0} onOffset={setOffset} />
    </>
  );
}
