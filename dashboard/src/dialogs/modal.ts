// Whether a modal dialog is open: what lies outside of it can be neither pressed nor heard.
import { useEffect, useSyncExternalStore } from "react";

let depth = 0;
const listeners = new Set<() => void>();

function add(step: number): void {
  depth += step;
  for (const listener of listeners) listener();
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** Say that a modal dialog is open, as long as the component is there. */
export function useModal(): void {
  useEffect(() => {
    add(1);
    return () => add(-1);
  }, []);
}

export const useIsModal = (): boolean => useSyncExternalStore(subscribe, () => depth > 0);
