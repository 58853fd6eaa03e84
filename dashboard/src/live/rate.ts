import type { State } from "../api/types";

const SPAN_MS = 8_000;
const LEAST_MS = 1_000;

/** Tasks a second (0 while it is paused), from what the messages of the last seconds say was played. */
export class RateMeter {
  private seen: { at: number; tasks: number }[] = [];
  private run: number | null = null;

  reset(): void {
    this.seen = [];
  }

  /** The rate after a message at a time [ms]; null: too little is known. */
  measure(state: State, now: number): number | null {
    if (state.run === null || state.engine === null) {
      this.reset();
      return null;
    }
    if (state.engine.paused) {
      this.reset();
      return 0;
    }
    if (this.run !== state.run.run) this.reset();
    this.run = state.run.run;
    // What is placed starts anew with an episode, a little before the store has those of the last.
    const before = this.seen.at(-1)?.tasks ?? 0;
    const tasks = Math.max(before, state.run.tasks + state.engine.placed);
    this.seen.push({ at: now, tasks });
    while (this.seen.length > 2 && now - (this.seen[1]?.at ?? now) > SPAN_MS) this.seen.shift();
    const first = this.seen[0];
    if (!first || now - first.at < LEAST_MS) return null;
    return ((tasks - first.tasks) / (now - first.at)) * 1000;
  }
}
