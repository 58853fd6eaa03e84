// What the watched run is doing, and what may be asked of it.
import type { State } from "../api/types";

export interface Phase {
  /** In a word or two. */
  text: string;
  isPaused: boolean;
  /** Whether something plays that can be paused and slowed. */
  canSteer: boolean;
  /** Simulated seconds a second, of a replay episodes; null: as fast as it goes. */
  speed: number | null;
  isReplay: boolean;
}

const STATUS = { running: "No engine", interrupted: "Interrupted", finished: "Finished" } as const;

export function phaseOf(state: State | null): Phase {
  const still = { isPaused: false, canSteer: false, speed: null, isReplay: false };
  if (state?.replay) {
    const { paused, speed } = state.replay;
    return {
      text: paused ? "Paused" : "Playing",
      isPaused: paused,
      canSteer: true,
      speed,
      isReplay: true,
    };
  }
  if (state?.engine) {
    const { paused, speed } = state.engine;
    const text = paused ? "Paused" : "Playing";
    return { text, isPaused: paused, canSteer: true, speed, isReplay: false };
  }
  if (!state?.run) return { ...still, text: "No run" };
  return { ...still, text: STATUS[state.run.status] };
}
