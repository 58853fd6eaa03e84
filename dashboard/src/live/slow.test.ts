import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { SlowSource } from "./slow";
import type { Live, LiveSource } from "./store";

class Source implements LiveSource {
  live = { rate: 0 } as Live;
  listeners = new Set<() => void>();
  get = () => this.live;
  subscribe = (listener: () => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };
  change(rate: number) {
    this.live = { ...this.live, rate };
    for (const listener of this.listeners) listener();
  }
}

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

it("of ten changes a second four are told, and the last one is", () => {
  const source = new Source();
  const slow = new SlowSource(source, 250);
  const told: (number | null)[] = [];
  slow.subscribe(() => told.push(slow.get().rate));
  for (let i = 1; i <= 10; i += 1) {
    source.change(i);
    vi.advanceTimersByTime(100);
  }
  vi.advanceTimersByTime(250);
  expect(told.length).toBeLessThanOrEqual(5);
  expect(told[0]).toBe(1);
  expect(told.at(-1)).toBe(10);
});

it("listens to its source only while somebody listens to it", () => {
  const source = new Source();
  const slow = new SlowSource(source, 250);
  const leave = slow.subscribe(() => {});
  const other = slow.subscribe(() => {});
  expect(source.listeners.size).toBe(1);
  leave();
  other();
  expect(source.listeners.size).toBe(0);
  source.change(7);
  slow.subscribe(() => {});
  expect(slow.get().rate).toBe(7);
});
