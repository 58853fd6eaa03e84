// Which dialog is open: one at a time.
import { useSyncExternalStore } from "react";

export type Opened =
  | { kind: "shortcuts" }
  | { kind: "widgets" }
  | { kind: "start" }
  | { kind: "run"; run: number }
  | { kind: "delete"; run: number };

let opened: Opened | null = null;
const listeners = new Set<() => void>();

/** Open a dialog; null: close it. */
export function open(next: Opened | null): void {
  opened = next;
  for (const listener of listeners) listener();
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export const useOpened = (): Opened | null => useSyncExternalStore(subscribe, () => opened);
