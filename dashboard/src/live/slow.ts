// The live state for what is drawn: no eye follows ten charts that change ten times a second.
import { type Live, type LiveSource, liveStore, useLive } from "./store";

/** Charts change at most once in so many milliseconds. */
export const DRAW_MS = 250;

/** Tells what a source tells, but at most once in a while; the newest is never left out. */
export class SlowSource implements LiveSource {
  private readonly source: LiveSource;
  private readonly everyMs: number;
  private readonly listeners = new Set<() => void>();
  private shown: Live;
  private toldAt = Number.NEGATIVE_INFINITY;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private leave: (() => void) | undefined;

  constructor(source: LiveSource, everyMs: number) {
    this.source = source;
    this.everyMs = everyMs;
    this.shown = source.get();
  }

  readonly get = (): Live => this.shown;

  readonly subscribe = (listener: () => void): (() => void) => {
    if (this.listeners.size === 0) {
      this.leave = this.source.subscribe(() => this.changed());
      this.shown = this.source.get();
    }
    this.listeners.add(listener);
    return () => {
      this.listeners.delete(listener);
      if (this.listeners.size > 0) return;
      this.leave?.();
      clearTimeout(this.timer);
      this.timer = undefined;
    };
  };

  private changed(): void {
    if (this.timer !== undefined) return;
    const left = this.toldAt + this.everyMs - performance.now();
    if (left <= 0) this.tell();
    else this.timer = setTimeout(() => this.tell(), left);
  }

  private tell(): void {
    this.timer = undefined;
    this.toldAt = performance.now();
    this.shown = this.source.get();
    for (const listener of this.listeners) listener();
  }
}

const slowSource = new SlowSource(liveStore, DRAW_MS);

/** As `useLive`, for what is drawn. */
export function useSlowLive<T>(
  selector: (live: Live) => T,
  equal: (a: T, b: T) => boolean = Object.is,
): T {
  return useLive(selector, equal, slowSource);
}
