import { describe, expect, it } from "vitest";
import { aChange, aLane, anEngine, aRun, aSnapshot } from "../test/state";
import { Gap, merge } from "./merge";

describe("merge", () => {
  const first = merge(null, aSnapshot(7));

  it("takes only what a change has, and keeps the rest as the same objects", () => {
    const { state, sequence } = merge(first, aChange(8, { engine: anEngine({ episode: 3 }) }));
    expect(sequence).toBe(8);
    expect(state.engine?.episode).toBe(3);
    expect(state.lanes).toBe(first.state.lanes);
    expect(state.run).toBe(first.state.run);
  });

  it("replaces single lanes and keeps their order", () => {
    const lane = aLane("greedy", { tasks: 400 });
    const { lanes } = merge(first, aChange(8, { lanes: { greedy: lane } })).state;
    expect(Object.keys(lanes)).toEqual(["greedy", "oracle"]);
    expect(lanes.greedy).toBe(lane);
    expect(lanes.oracle).toBe(first.state.lanes.oracle);
  });

  it("takes null as: there is none now", () => {
    expect(merge(first, aChange(8, { engine: null })).state.engine).toBeNull();
  });

  it("forgets the lanes of another run", () => {
    const change = aChange(8, { run: aRun({ run: 2 }), lanes: { random: aLane("random") } });
    expect(Object.keys(merge(first, change).state.lanes)).toEqual(["random"]);
  });

  it.each([7, 9, 1])("refuses a change with sequence %d after 7", (sequence) => {
    expect(() => merge(first, aChange(sequence))).toThrow(Gap);
  });

  it("refuses a change before any snapshot", () => {
    expect(() => merge(null, aChange(1))).toThrow(Gap);
  });

  it("takes a snapshot whatever came before", () => {
    expect(merge(first, aSnapshot(99, { run: null })).state.run).toBeNull();
  });
});
