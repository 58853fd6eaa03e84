// The layout of this browser: kept in localStorage, shared by the grid and the menu.
import { useSyncExternalStore } from "react";
import { WIDGETS } from "../widgets/registry";
import { initialLayout, type Layout, readLayout, writeLayout } from "./layout";

const KEY = "hybridcluster.layout";
const listeners = new Set<() => void>();
let layout: Layout | null = null;

function stored(): string | null {
  try {
    return localStorage.getItem(KEY);
  } catch {
    return null;
  }
}

function get(): Layout {
  layout ??= readLayout(stored(), WIDGETS);
  return layout;
}

function set(next: Layout): void {
  layout = next;
  try {
    localStorage.setItem(KEY, writeLayout(next));
  } catch {
    // A browser that keeps nothing: it holds until the page is left.
  }
  for (const listener of listeners) listener();
}

/** Change the layout, and remember it. */
export function updateLayout(step: (layout: Layout) => Layout): void {
  const next = step(get());
  if (next !== get()) set(next);
}

/** Back to what a new browser shows. */
export function resetLayout(): void {
  set(initialLayout(WIDGETS));
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export const useLayout = (): Layout => useSyncExternalStore(subscribe, get);
