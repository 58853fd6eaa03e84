// When widgets of tasks ask the server, and about what: only while they are seen, every few seconds.
import { type RefObject, useEffect, useRef, useState } from "react";
import { shallowEqual, useLive } from "../../live/store";
import { tasksPerEpisode } from "./bars";

const ALIVE_MS = 4_000;
/** A run that is not played may still be: another machine's engine, a resumed one. */
const STILL_MS = 30_000;
/** A replay moves ten times a second; it is followed as often as this. */
const FOLLOW_MS = 1_000;

/** Whether an element is on the screen, or nearly. */
export function useSeen<T extends Element>(): [RefObject<T | null>, boolean] {
  const target = useRef<T>(null);
  const [isSeen, setSeen] = useState(false);
  useEffect(() => {
    const element = target.current;
    if (!element) return;
    const sight = new IntersectionObserver(
      (entries) => setSeen(entries.at(-1)?.isIntersecting ?? false),
      {
        rootMargin: "100px",
      },
    );
    sight.observe(element);
    return () => sight.disconnect();
  }, []);
  return [target, isSeen];
}

/** A value that changes at most once in so many milliseconds; the last one always comes. */
export function useThrottled<T>(value: T, everyMs: number): T {
  const [shown, setShown] = useState(value);
  const changedAt = useRef(Number.NEGATIVE_INFINITY);
  useEffect(() => {
    const wait = changedAt.current + everyMs - performance.now();
    const timer = setTimeout(
      () => {
        changedAt.current = performance.now();
        setShown(value);
      },
      Math.max(wait, 0),
    );
    return () => clearTimeout(timer);
  }, [value, everyMs]);
  return shown;
}

export interface Asking {
  run: number | null;
  /** Tasks of each episode; null: not known yet. */
  perEpisode: number | null;
  /** Number of the newest episode; in a replay the one that is shown. */
  newest: number | null;
  /** In a replay: the number of the first task that has not come yet. */
  before: number | undefined;
  options: { enabled: boolean; every: number | false };
}

/** What to ask about the watched run. */
export function useAsking(isSeen: boolean): Asking {
  const known = useLive(
    ({ state }) => ({
      run: state?.run?.run ?? null,
      perEpisode: tasksPerEpisode(state?.run ?? null),
      last: (state?.run?.next_episode ?? 0) - 1,
      position: state?.replay?.position ?? null,
      isPlayed: state?.engine != null && !state.engine.paused,
    }),
    shallowEqual,
  );
  const newest = useThrottled(known.position ?? known.last, FOLLOW_MS);
  const { run, perEpisode, position, isPlayed } = known;
  const isReplay = position !== null;
  return {
    run,
    perEpisode,
    newest: newest >= 0 ? newest : null,
    before: isReplay && perEpisode !== null ? (newest + 1) * perEpisode : undefined,
    options: {
      // Before its position is known a replay would show tasks that are still to come.
      enabled: isSeen && !(isReplay && perEpisode === null),
      every: isReplay ? false : isPlayed ? ALIVE_MS : STILL_MS,
    },
  };
}
