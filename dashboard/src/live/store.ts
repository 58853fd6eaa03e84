// What the socket has told, for widgets: each re-renders only when the part that it selects changes.
import { useCallback, useRef, useSyncExternalStore } from "react";
import type { Message, State } from "../api/types";
import { merge, type Newest } from "./merge";
import { RateMeter } from "./rate";

export type Connection =
  | { kind: "connecting" }
  | { kind: "live" }
  | { kind: "waiting"; until: number; tries: number }
  | { kind: "asleep" }
  /** There is no such run, or no longer. */
  | { kind: "gone"; run: number }
  | { kind: "locked" };

export interface Live {
  /** null: nothing has come yet. It stays the last one while the connection is away. */
  state: State | null;
  connection: Connection;
  /** Tasks a second, measured over the last messages; null: not known yet. */
  rate: number | null;
}

/** What tells the live state. */
export interface LiveSource {
  get: () => Live;
  subscribe: (listener: () => void) => () => void;
}

export class LiveStore implements LiveSource {
  private live: Live = { state: null, connection: { kind: "connecting" }, rate: null };
  private newest: Newest | null = null;
  private readonly meter = new RateMeter();
  private readonly listeners = new Set<() => void>();

  readonly get = (): Live => this.live;

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  /** Take a message that came at a time [ms].
   *
   * @throws Gap if one was left out.
   */
  take(message: Message, now: number): void {
    this.newest = merge(this.newest, message);
    const { state } = this.newest;
    const { connection } = this.live;
    this.set({
      state,
      rate: this.meter.measure(state, now),
      connection: connection.kind === "live" ? connection : { kind: "live" },
    });
  }

  /** The connection is away or not yet there: what comes next must be a snapshot. */
  setConnection(connection: Connection): void {
    this.newest = null;
    this.set({ connection });
  }

  /** Forget the run that was shown: another is asked for. */
  clear(): void {
    this.newest = null;
    this.meter.reset();
    this.set({ state: null, rate: null });
  }

  private set(part: Partial<Live>): void {
    this.live = { ...this.live, ...part };
    for (const listener of this.listeners) listener();
  }
}

export const liveStore = new LiveStore();

/** The part of the live state that a selector gives; re-renders when it changes by `equal`. */
export function useLive<T>(
  selector: (live: Live) => T,
  equal: (a: T, b: T) => boolean = Object.is,
  store: LiveSource = liveStore,
): T {
  const last = useRef<{ live: Live; selector: unknown; value: T } | null>(null);
  const get = useCallback(() => {
    const live = store.get();
    const before = last.current;
    if (before && before.live === live && before.selector === selector) return before.value;
    const fresh = selector(live);
    const value = before && equal(before.value, fresh) ? before.value : fresh;
    last.current = { live, selector, value };
    return value;
  }, [selector, equal, store]);
  return useSyncExternalStore(store.subscribe, get);
}

/** Equal if all fields are: for selectors that build an object or a list. */
export function shallowEqual<T>(a: T, b: T): boolean {
  if (Object.is(a, b)) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  const keys = Object.keys(a) as (keyof T)[];
  if (keys.length !== Object.keys(b).length) return false;
  return keys.every((key) => Object.is(a[key], b[key]));
}
