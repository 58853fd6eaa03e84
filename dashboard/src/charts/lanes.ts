// How a scheduler looks, by its place among the lanes: a colour, and a dash and a symbol that tell it
// apart without the colour. Five dashes and seven symbols have no common divisor: 35 pairs.
import { useMemo } from "react";
import { shallowEqual, useLive } from "../live/store";

export const NUM_COLOURS = 8;
const DASHES: readonly (readonly number[])[] = [[], [6, 3], [2, 3], [10, 3, 2, 3], [12, 4]];
const SYMBOLS = ["circle", "rect", "triangle", "diamond", "cross", "ring", "square"] as const;

export type LaneSymbol = (typeof SYMBOLS)[number];

/** Paths in a box from -1 to 1, for ECharts (`path://`) and for SVG alike. */
const PATHS: Record<LaneSymbol, string> = {
  circle: "M-1 0A1 1 0 1 1 1 0A1 1 0 1 1 -1 0Z",
  rect: "M-.9 -.9H.9V.9H-.9Z",
  triangle: "M0 -1L1 .85H-1Z",
  diamond: "M0 -1.1L1 0L0 1.1L-1 0Z",
  cross: "M-.35 -1H.35V-.35H1V.35H.35V1H-.35V.35H-1V-.35H-.35Z",
  ring: "M-1 0A1 1 0 1 1 1 0A1 1 0 1 1 -1 0ZM-.5 0A.5 .5 0 1 0 .5 0A.5 .5 0 1 0 -.5 0Z",
  square: "M-.9 -.9H.9V.9H-.9ZM-.45 -.45V.45H.45V-.45Z",
};

export interface LaneStyle {
  /** Place in the palette: the CSS variable `--lane-N` has the colour. */
  colour: number;
  /** Lengths of dash and gap [px]; empty: solid. */
  dash: readonly number[];
  symbol: LaneSymbol;
  /** Outline in a box from -1 to 1. */
  path: string;
}

/** The look of the scheduler at a place, from 0. */
export function laneStyle(place: number): LaneStyle {
  const symbol = SYMBOLS[place % SYMBOLS.length] ?? "circle";
  return {
    colour: place % NUM_COLOURS,
    dash: DASHES[place % DASHES.length] ?? [],
    symbol,
    path: PATHS[symbol],
  };
}

export interface Lane extends LaneStyle {
  scheduler: string;
  place: number;
}

/** Ends the names of schedulers that learn; before it stands the name of the frozen twin. */
const ONLINE = "-online";

/** Lanes by name. A name that is not among `schedulers` gets no look: ask only for those.
 *
 * One that learns has the colour of its frozen twin, and a dash and a symbol of its own.
 */
export function lanesOf(schedulers: readonly string[]): Lane[] {
  return schedulers.map((scheduler, place) => {
    const style = laneStyle(place);
    const twin = scheduler.endsWith(ONLINE)
      ? schedulers.indexOf(scheduler.slice(0, -ONLINE.length))
      : -1;
    return { scheduler, place, ...style, ...(twin < 0 ? {} : { colour: laneStyle(twin).colour }) };
  });
}

const NOBODY: string[] = [];

/** Names of the schedulers of the watched run, in the order of the lanes. */
export function useSchedulers(): string[] {
  return useLive(({ state }) => {
    if (!state) return NOBODY;
    return state.run?.schedulers ?? Object.keys(state.lanes);
  }, shallowEqual);
}

/** Lanes of the watched run. */
export function useLanes(): Lane[] {
  const schedulers = useSchedulers();
  return useMemo(() => lanesOf(schedulers), [schedulers]);
}
