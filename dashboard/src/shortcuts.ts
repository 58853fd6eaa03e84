// Keys that work on the whole page. They can be switched off: single keys disturb some ways of typing.
import { useEffect, useSyncExternalStore } from "react";
import { attempt, pause, resume } from "./api/control";
import { open } from "./dialogs/opened";
import { phaseOf } from "./header/phase";
import { liveStore } from "./live/store";
import { setTheme } from "./theme";

const KEY = "hybridcluster.shortcuts";

export interface Shortcut {
  key: string;
  what: string;
  act: () => void;
}

function togglePause(): void {
  const { state } = liveStore.get();
  const phase = phaseOf(state);
  if (phase.canSteer) attempt((phase.isPaused ? resume : pause)(state?.run?.run ?? null));
}

function toggleTheme(): void {
  setTheme(document.documentElement.dataset.theme === "dark" ? "light" : "dark");
}

function focusRun(): void {
  document.querySelector<HTMLElement>(".page-header select")?.focus();
}

export const SHORTCUTS: readonly Shortcut[] = [
  { key: "p", what: "Pause or resume", act: togglePause },
  { key: "r", what: "Go to the choice of the run", act: focusRun },
  { key: "w", what: "Choose and arrange widgets", act: () => open({ kind: "widgets" }) },
  { key: "t", what: "Switch between dark and light", act: toggleTheme },
  { key: "?", what: "Show these keys", act: () => open({ kind: "shortcuts" }) },
];

let isOn = readIsOn();
const listeners = new Set<() => void>();

function readIsOn(): boolean {
  try {
    return localStorage.getItem(KEY) !== "off";
  } catch {
    return true;
  }
}

export function setShortcuts(value: boolean): void {
  isOn = value;
  try {
    localStorage.setItem(KEY, value ? "on" : "off");
  } catch {
    // A browser that keeps nothing: it holds until the page is left.
  }
  for (const listener of listeners) listener();
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export const useAreShortcutsOn = (): boolean => useSyncExternalStore(subscribe, () => isOn);

function isTyping(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement && target.closest("input, select, textarea, dialog") !== null
  );
}

/** Listen to the keys while the page is there. */
export function useShortcuts(): void {
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (!isOn || event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
      if (isTyping(event.target)) return;
      const shortcut = SHORTCUTS.find(({ key }) => key === event.key);
      if (!shortcut) return;
      event.preventDefault();
      shortcut.act();
    };
    document.addEventListener("keydown", onKey);
    return () => document.removeEventListener("keydown", onKey);
  }, []);
}
