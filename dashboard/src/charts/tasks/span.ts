// How many of the last tasks the statistics look at: the same in all widgets that show them.
import { useSyncExternalStore } from "react";

export const SPANS = [500, 2_000, 5_000, 20_000] as const;

let span: number = 5_000;
const listeners = new Set<() => void>();

function set(next: number): void {
  span = next;
  for (const listener of listeners) listener();
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function useSpan(): [number, (span: number) => void] {
  return [useSyncExternalStore(subscribe, () => span), set];
}
