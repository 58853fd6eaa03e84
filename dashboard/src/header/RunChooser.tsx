import { useId } from "react";
import { useRuns } from "../api/queries";
import type { RunSummary } from "../api/types";
import { useIsReplay, useRun } from "../live/run";
import { useWatched, watch } from "../live/watch";

const NEWEST = "newest";

function named({ run, kind, status, is_alive }: RunSummary): string {
  const state = is_alive ? "running now" : status;
  return `${run}: ${kind}, ${state}`;
}

/** Follow the newest run, or watch one of those that the store has. */
export function RunChooser() {
  const id = useId();
  const watched = useWatched();
  const run = useRun();
  const isReplay = useIsReplay();
  const { data } = useRuns({ limit: 50, sort: "run", order: "desc" }, { every: 10_000 });
  const runs = data?.runs ?? [];
  const isUnlisted = watched !== null && !runs.some((summary) => summary.run === watched);
  if (isReplay) return <span className="fact">Run {run}</span>;
  return (
    <span className="field">
      <label htmlFor={id}>Run</label>
      <select
        id={id}
        value={watched ?? NEWEST}
        onChange={({ target }) => watch(target.value === NEWEST ? null : Number(target.value))}
      >
        <option value={NEWEST}>
          {watched === null && run !== null ? `newest (${run})` : "newest"}
        </option>
        {isUnlisted && <option value={watched}>{watched}</option>}
        {runs.map((summary) => (
          <option key={summary.run} value={summary.run}>
            {named(summary)}
          </option>
        ))}
      </select>
    </span>
  );
}
