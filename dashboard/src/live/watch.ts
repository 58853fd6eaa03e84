// Which run the page watches: the newest, or the one in the address (?run=3).
import { useSyncExternalStore } from "react";
import { LiveSocket } from "./socket";
import { liveStore } from "./store";

const MAX_RUN = 2 ** 31 - 1;
const listeners = new Set<() => void>();

/** The run that an address asks for; null: none, or nothing that could be one. */
export function runOfAddress(search: string): number | null {
  const text = new URLSearchParams(search).get("run") ?? "";
  if (!/^[1-9]\d{0,9}$/.test(text)) return null;
  const run = Number(text);
  return run <= MAX_RUN ? run : null;
}

let watched: number | null = runOfAddress(window.location.search);
const socket = new LiveSocket(liveStore, watched);

export function startWatching(): void {
  socket.start();
}

/** Try to connect at once. */
export function reconnect(): void {
  socket.connect();
}

/** Watch a run; null: follow the newest. */
export function watch(run: number | null): void {
  if (run === watched) return;
  watched = run;
  const address = new URL(window.location.href);
  if (run === null) address.searchParams.delete("run");
  else address.searchParams.set("run", String(run));
  window.history.replaceState(null, "", address);
  socket.watch(run);
  for (const listener of listeners) listener();
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** The run that was chosen; null: the newest is followed. */
export const useWatched = (): number | null => useSyncExternalStore(subscribe, () => watched);
