import type { ReactNode } from "react";
import { useRunDetail } from "../api/queries";
import type { RunDetail } from "../api/types";
import { formatDuration, formatNumber, formatTime } from "../format";
import { watch } from "../live/watch";
import { Dialog } from "./Dialog";
import { modelLines } from "./models";
import { open } from "./opened";

function facts({ summary, phases, models, devices, gpu_fractions }: RunDetail) {
  const { started_at, ended_at } = summary;
  const rows: [string, ReactNode][] = [
    ["Kind", summary.kind],
    ["State", summary.is_alive ? "running now" : summary.status],
    ["Problem", summary.problem],
    ["Started", formatTime(started_at)],
    [
      "Ended",
      ended_at === null
        ? "–"
        : `${formatTime(ended_at)}, after ${formatDuration(ended_at - started_at)}`,
    ],
    ["Tasks", formatNumber(summary.tasks)],
    ["Episodes", formatNumber(summary.next_episode)],
    ["Schedulers", summary.schedulers.join(", ")],
    ["Devices", devices.join(", ") || "–"],
    ["GPU fractions", gpu_fractions.join(", ") || "–"],
    ["Phases", phases.join(", ") || "–"],
    ...modelLines(models).map((line): [string, ReactNode] => ["Models", line]),
    ["Command", <code key="command">{summary.command}</code>],
  ];
  return [...rows, ...summary.notes.map((note): [string, ReactNode] => ["Note", note])];
}

/** A run, and what made it. */
export function RunDialog({ run }: { run: number }) {
  const { data, error } = useRunDetail(run);
  const detail = data?.summary.run === run ? data : null;
  const choose = () => {
    watch(run);
    open(null);
  };
  return (
    <Dialog title={`Run ${run}`} onClose={() => open(null)}>
      {error && <p role="alert">{error.message}</p>}
      {!detail && !error && <p className="empty">Loading …</p>}
      {detail && (
        <>
          <dl className="details">
            {facts(detail).map(([name, value], place) => (
              // biome-ignore lint/suspicious/noArrayIndexKey: notes share a name
              <div key={place}>
                <dt>{name}</dt>
                <dd>{value}</dd>
              </div>
            ))}
          </dl>
          <details>
            <summary>Settings and provenance</summary>
            {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by the keyboard */}
            <pre tabIndex={0}>
              {JSON.stringify(
                { settings: detail.settings, provenance: detail.provenance },
                null,
                2,
              )}
            </pre>
          </details>
          <div className="actions">
            <button type="button" className="primary" onClick={choose}>
              Watch this run
            </button>
          </div>
        </>
      )}
    </Dialog>
  );
}
