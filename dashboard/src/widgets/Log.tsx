// What happened in the watched run, and what the engine of this server wrote.
import { useMemo, useState } from "react";
import { useLog } from "../api/queries";
import type { LogLine } from "../api/types";
import { formatTime, momentOf } from "../format";
import { useRun } from "../live/run";
import { useLive } from "../live/store";
import { newestFirst } from "./logLines";
import { Segments } from "./Segments";

const ASK_EVERY_MS = 5_000;
const NO_LINES: LogLine[] = [];

type Source = "run" | "engine";
const SOURCES: [Source, string][] = [
  ["run", "Run"],
  ["engine", "Engine's output"],
];

interface LinesProps {
  lines: readonly LogLine[];
  /** What is said if there are none. */
  what: string;
  /** Whether the lines have columns that are to stay so. */
  isTerminal?: boolean;
}

function Lines({ lines, what, isTerminal }: LinesProps) {
  if (lines.length === 0) return <p className="empty">{what}</p>;
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by the keyboard
    <section className="table-box" aria-label="Log lines, the newest first" tabIndex={0}>
      <ol className={isTerminal ? "log terminal" : "log"}>
        {lines.map((line, place) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: lines have no name, and no state
          <li key={place}>
            <time dateTime={momentOf(line.at)?.toISOString()}>{formatTime(line.at)}</time>
            <span>{line.text}</span>
          </li>
        ))}
      </ol>
    </section>
  );
}

function OfRun() {
  const run = useRun();
  const { data } = useLog(run, { every: ASK_EVERY_MS });
  const live = useLive(({ state }) => state?.engine?.log ?? NO_LINES);
  const lines = useMemo(() => newestFirst(data ?? NO_LINES, live), [data, live]);
  return <Lines lines={lines} what="Nothing has been logged." />;
}

function OfEngine() {
  const engine = useLive(({ state }) => state?.server.engine ?? null);
  const lines = useMemo(() => newestFirst(engine?.log ?? NO_LINES), [engine]);
  const code = engine?.exit_code ?? null;
  return (
    <>
      {engine?.command && (
        <p className="hint">
          <code>{engine.command}</code>
          {code !== null && ` ended with ${code}`}
        </p>
      )}
      <Lines lines={lines} what="This server has started no engine." isTerminal />
    </>
  );
}

export function Log() {
  const [source, setSource] = useState<Source>("run");
  return (
    <>
      <div className="toolbar">
        <Segments label="Log" options={SOURCES} value={source} onChange={setSource} />
      </div>
      {source === "run" ? <OfRun /> : <OfEngine />}
    </>
  );
}
