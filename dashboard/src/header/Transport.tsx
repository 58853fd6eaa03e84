// Pause, resume, speed, start and stop.
import { type FormEvent, useEffect, useState } from "react";
import { attempt, pause, resume, setSpeed, stopEngine } from "../api/control";
import { Disclosure } from "../Disclosure";
import { open } from "../dialogs/opened";
import { formatNumber } from "../format";
import { useRun } from "../live/run";
import { shallowEqual, useLive } from "../live/store";
import { phaseOf } from "./phase";

export const usePhase = () => useLive(({ state }) => phaseOf(state), shallowEqual);

const PATIENCE_MS = 10_000;

/** Whether a command is on its way: until what it is to change has changed, or for a while. */
function usePending(value: unknown): [boolean, () => void] {
  const [pending, setPending] = useState<{ value: unknown } | null>(null);
  useEffect(() => {
    if (!pending) return;
    const timer = setTimeout(() => setPending(null), PATIENCE_MS);
    return () => clearTimeout(timer);
  }, [pending]);
  const isPending = pending !== null && Object.is(pending.value, value);
  return [isPending, () => setPending({ value })];
}

export function PauseButton() {
  const { isPaused, canSteer } = usePhase();
  const run = useRun();
  const [isPending, setPending] = usePending(isPaused);
  const name = isPaused ? "Resume" : "Pause";
  return (
    <button
      type="button"
      className="primary"
      disabled={!canSteer}
      aria-busy={isPending}
      onClick={() => {
        setPending();
        attempt((isPaused ? resume : pause)(run));
      }}
    >
      <span aria-hidden="true">{isPaused ? "▶" : "❚❚"}</span> {isPending ? `${name} …` : name}
    </button>
  );
}

const SPEEDS = [1, 10, 100, 1000];
const REPLAY_SPEEDS = [0.5, 1, 2, 5, 10, 50];
const MIN_SPEED = 1e-3;
const MAX_SPEED = 1e6;

function speedText(speed: number | null, isReplay: boolean): string {
  if (speed === null) return "as fast as it goes";
  const text = formatNumber(speed, speed % 1 === 0 ? 0 : 2);
  return isReplay ? `${text} episodes/s` : `${text}×`;
}

function SpeedForm({ onSpeed }: { onSpeed: (speed: number) => void }) {
  const [text, setText] = useState("");
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (text) onSpeed(Number(text));
  };
  return (
    <form className="row" onSubmit={submit}>
      <input
        type="number"
        aria-label="Another speed"
        placeholder="another"
        min={MIN_SPEED}
        max={MAX_SPEED}
        step="any"
        required
        value={text}
        onChange={(event) => setText(event.target.value)}
      />
      <button type="submit">Set</button>
    </form>
  );
}

export function SpeedButton() {
  const { canSteer, speed, isReplay } = usePhase();
  const run = useRun();
  const presets: (number | null)[] = isReplay ? REPLAY_SPEEDS : [...SPEEDS, null];
  const choose = (close: () => void) => (wanted: number | null) => {
    attempt(setSpeed(run, wanted));
    close();
  };
  return (
    <Disclosure
      isDisabled={!canSteer}
      name={`Speed: ${speedText(speed, isReplay)}`}
      panel={(close) => (
        <>
          <span className="hint">
            {isReplay ? "Episodes a second" : "Simulated seconds a second"}
          </span>
          {presets.map((preset) => (
            <button
              key={preset ?? "none"}
              type="button"
              aria-pressed={preset === speed}
              onClick={() => choose(close)(preset)}
            >
              {speedText(preset, isReplay)}
            </button>
          ))}
          <SpeedForm onSpeed={choose(close)} />
        </>
      )}
    >
      <span className="label">Speed</span> {canSteer ? speedText(speed, isReplay) : "–"}{" "}
      <span aria-hidden="true">▾</span>
    </Disclosure>
  );
}

/** Start or stop the engine that the server owns; nothing if it may start none. */
export function EngineButton() {
  const engine = useLive(({ state }) => state?.server.engine ?? null);
  const [isPending, setPending] = usePending(engine?.state);
  if (!engine?.may_start) return null;
  const isStopping = engine.state === "stopping";
  if (engine.state === "none" || engine.state === "ended")
    return (
      <button type="button" onClick={() => open({ kind: "start" })}>
        Start …
      </button>
    );
  const stop = () => {
    setPending();
    attempt(stopEngine());
  };
  return (
    <button type="button" disabled={isStopping} aria-busy={isStopping || isPending} onClick={stop}>
      <span aria-hidden="true">■</span> {isStopping || isPending ? "Stopping …" : "Stop"}
    </button>
  );
}
