// Whether what is shown is what is so: live, on its way back, or a replay.
import { useEffect, useState } from "react";
import { askToken } from "../api/token";
import { useIsReplay } from "../live/run";
import { type Connection as Kind, useLive } from "../live/store";
import { reconnect } from "../live/watch";

function useSecondsUntil(until: number | null): number {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    if (until === null) return;
    setNow(Date.now());
    const timer = setInterval(() => setNow(Date.now()), 500);
    return () => clearInterval(timer);
  }, [until]);
  return until === null ? 0 : Math.max(0, Math.ceil((until - now) / 1000));
}

function words(kind: Kind["kind"], isReplay: boolean, isPlaying: boolean): string {
  // Of a run that nothing plays, nothing is live but the connection.
  if (kind === "live") return isReplay ? "Replay" : isPlaying ? "Live" : "Connected";
  if (kind === "connecting") return "Connecting …";
  if (kind === "asleep") return "Asleep";
  if (kind === "gone") return "No such run";
  return kind === "locked" ? "Locked" : "Reconnecting";
}

export function Connection() {
  const connection = useLive((live) => live.connection);
  const isReplay = useIsReplay();
  const isPlaying = useLive(({ state }) => Boolean(state?.engine));
  const isWaiting = connection.kind === "waiting";
  const seconds = useSecondsUntil(isWaiting ? connection.until : null);
  const { kind } = connection;
  return (
    <span className={`badge connection ${kind}`}>
      <span className="dot" aria-hidden="true" />
      <span role="status">{words(kind, isReplay, isPlaying)}</span>
      {isWaiting && <span className="countdown">in {seconds} s</span>}
      {isWaiting && (
        <button type="button" className="link" onClick={reconnect}>
          now
        </button>
      )}
      {kind === "locked" && (
        <button type="button" className="link" onClick={askToken}>
          token
        </button>
      )}
    </span>
  );
}
