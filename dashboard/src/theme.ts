// Dark, light or as the system says; and the colours of the style sheet for what draws on a canvas.
import { useSyncExternalStore } from "react";
import { NUM_COLOURS } from "./charts/lanes";

export type ThemeChoice = "system" | "dark" | "light";
const CHOICES: readonly ThemeChoice[] = ["system", "dark", "light"];
const KEY = "hybridcluster.theme";

/** The colours of the page now, as CSS writes them. */
export interface ChartTheme {
  isDark: boolean;
  /** The system sets its own colours: only those are used. */
  isForced: boolean;
  /** Whether things may move. */
  isAnimated: boolean;
  ink: string;
  muted: string;
  line: string;
  grid: string;
  surface: string;
  raised: string;
  accent: string;
  good: string;
  bad: string;
  warn: string;
  lanes: string[];
  font: string;
}

const dark = matchMedia("(prefers-color-scheme: dark)");
const forced = matchMedia("(forced-colors: active)");
const still = matchMedia("(prefers-reduced-motion: reduce)");
const listeners = new Set<() => void>();

let choice: ThemeChoice = readChoice();
let current: ChartTheme | null = null;

function readChoice(): ThemeChoice {
  try {
    const stored = localStorage.getItem(KEY);
    return CHOICES.find((known) => known === stored) ?? "system";
  } catch {
    return "system";
  }
}

/** Set the attribute that the style sheet looks at, and tell everybody. */
export function applyTheme(): void {
  const isDark = choice === "system" ? dark.matches : choice === "dark";
  document.documentElement.dataset.theme = isDark ? "dark" : "light";
  current = null;
  for (const listener of listeners) listener();
}

for (const query of [dark, forced, still]) query.addEventListener("change", applyTheme);

export function setTheme(value: ThemeChoice): void {
  choice = value;
  try {
    localStorage.setItem(KEY, value);
  } catch {
    // A browser that keeps nothing: it holds until the page is left.
  }
  applyTheme();
}

function read(): ChartTheme {
  const style = getComputedStyle(document.documentElement);
  const colour = (name: string) => style.getPropertyValue(`--${name}`).trim();
  return {
    isDark: document.documentElement.dataset.theme === "dark",
    isForced: forced.matches,
    isAnimated: !still.matches,
    ink: colour("ink"),
    muted: colour("muted"),
    line: colour("line"),
    grid: colour("grid"),
    surface: colour("surface"),
    raised: colour("raised"),
    accent: colour("accent"),
    good: colour("good"),
    bad: colour("bad"),
    warn: colour("warn"),
    lanes: Array.from({ length: NUM_COLOURS }, (_, place) => colour(`lane-${place}`)),
    font: colour("font"),
  };
}

function getTheme(): ChartTheme {
  current ??= read();
  return current;
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export const useChartTheme = (): ChartTheme => useSyncExternalStore(subscribe, getTheme);
export const useThemeChoice = (): ThemeChoice => useSyncExternalStore(subscribe, () => choice);
