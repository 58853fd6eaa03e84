// Where the replay of a stored run is: a slider over its episodes, and steps of one.
import { useEffect, useId, useMemo, useState } from "react";
import { attempt, pause, seek } from "../api/control";
import type { ReplayState } from "../api/types";
import { formatNumber } from "../format";
import { shallowEqual, useLive } from "../live/store";
import { NewestSender } from "./newest";

/** A wanted position is shown until the replay is there, but no longer than this [ms]. */
const PATIENCE_MS = 1_500;

/** The position that is shown, and how to go to another. */
function usePosition({ position, first, last }: ReplayState): [number, (to: number) => void] {
  const [wanted, setWanted] = useState<number | null>(null);
  const sender = useMemo(() => new NewestSender((to: number) => attempt(seek(to))), []);
  useEffect(() => {
    if (wanted === null) return;
    const timer = setTimeout(() => setWanted(null), PATIENCE_MS);
    return () => clearTimeout(timer);
  }, [wanted]);
  useEffect(() => {
    setWanted((before) => (before === position ? null : before));
  }, [position]);
  const go = (to: number) => {
    const within = Math.min(Math.max(to, first), last);
    setWanted(within);
    void sender.push(within);
  };
  return [wanted ?? position, go];
}

const STEPS = [
  { name: "First episode", sign: "|◂", by: Number.NEGATIVE_INFINITY },
  { name: "Episode before", sign: "◂", by: -1 },
  { name: "Next episode", sign: "▸", by: 1 },
  { name: "Last episode", sign: "▸|", by: Number.POSITIVE_INFINITY },
] as const;

function Bar({ replay }: { replay: ReplayState }) {
  const id = useId();
  const { run, first, last, paused } = replay;
  const [at, go] = usePosition(replay);
  const step = (by: number) => {
    // Who steps wants to look: it stands still.
    if (!paused) attempt(pause(run));
    go(at + by);
  };
  return (
    <section className="replay" aria-label="Replay">
      <label htmlFor={id}>Episode</label>
      <input
        id={id}
        type="range"
        min={first}
        max={last}
        step={1}
        value={at}
        aria-valuetext={`episode ${formatNumber(at)}, of ${formatNumber(first)} to ${formatNumber(last)}`}
        onChange={({ target }) => go(target.valueAsNumber)}
      />
      <output htmlFor={id}>
        {formatNumber(at)} / {formatNumber(last)}
      </output>
      <fieldset className="segments">
        <legend className="unseen">Step through the episodes</legend>
        {STEPS.map(({ name, sign, by }) => (
          <button
            key={name}
            type="button"
            title={name}
            disabled={by < 0 ? at <= first : at >= last}
            onClick={() => step(by)}
          >
            <span aria-hidden="true">{sign}</span>
            <span className="unseen">{name}</span>
          </button>
        ))}
      </fieldset>
    </section>
  );
}

/** Nothing unless a stored run is played. */
export function ReplayBar() {
  const replay = useLive(({ state }) => state?.replay ?? null, shallowEqual);
  return replay && replay.last >= replay.first ? <Bar replay={replay} /> : null;
}
