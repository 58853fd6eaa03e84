// Short notices: shown for a while, and read out.
import { useSyncExternalStore } from "react";

export interface Notice {
  id: number;
  text: string;
  /** "refusal": it did not work. "quiet": read out only. */
  kind: "refusal" | "done" | "quiet";
}

const SHOWN_MS = { refusal: 15_000, done: 6_000, quiet: 3_000 };
const MAX_NOTICES = 5;

let notices: readonly Notice[] = [];
let lastId = 0;
const listeners = new Set<() => void>();

function set(next: readonly Notice[]): void {
  notices = next;
  for (const listener of listeners) listener();
}

export function dismiss(id: number): void {
  set(notices.filter((notice) => notice.id !== id));
}

export function announce(text: string, kind: Notice["kind"] = "done"): void {
  lastId += 1;
  const id = lastId;
  const others = notices.filter((notice) => notice.text !== text);
  set([...others, { id, text, kind }].slice(-MAX_NOTICES));
  setTimeout(() => dismiss(id), SHOWN_MS[kind]);
}

/** Say why something did not work. */
export function announceError(error: unknown): void {
  announce(error instanceof Error ? error.message : String(error), "refusal");
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export const useNotices = (): readonly Notice[] => useSyncExternalStore(subscribe, () => notices);
