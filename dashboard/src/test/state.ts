// Messages for tests, as the server would send them.
import type { Change, EngineState, LaneState, RunSummary, Snapshot, State } from "../api/types";

export function aRun(part: Partial<RunSummary> = {}): RunSummary {
  return {
    run: 1,
    kind: "stream",
    status: "running",
    is_alive: true,
    started_at: 0,
    ended_at: null,
    command: "hybridcluster stream",
    schedulers: ["greedy", "oracle"],
    problem: "a100-node, lognormal",
    tasks: 0,
    next_episode: 0,
    clock_s: 0,
    notes: [],
    ...part,
  };
}

export function anEngine(part: Partial<EngineState> = {}): EngineState {
  return {
    episode: 0,
    clock_s: 0,
    placed: 0,
    speed: null,
    paused: false,
    phase: "",
    trouble: null,
    updated_at: 0,
    process: null,
    log: [],
    ...part,
  };
}

export function aLane(scheduler: string, part: Partial<LaneState> = {}): LaneState {
  return {
    scheduler,
    episodes: 1,
    window_episodes: 1,
    tasks: 200,
    model_version: 0,
    exploration: 0,
    now: {},
    window: {},
    all: {},
    percentiles: { all: {}, window: {} },
    series: {},
    devices: [],
    waits_s: null,
    difference: null,
    ...part,
  };
}

export function aState(part: Partial<State> = {}): State {
  return {
    run: aRun(),
    engine: anEngine(),
    lanes: { greedy: aLane("greedy"), oracle: aLane("oracle") },
    server: {
      version: "0",
      store: "results.sqlite",
      mode: "watch",
      started_at: 0,
      clients: 1,
      process: { pid: 1, cpu_percent: 0, rss_bytes: 0 },
      trouble: null,
      engine: {
        state: "none",
        may_start: false,
        pid: null,
        exit_code: null,
        command: null,
        log: [],
      },
    },
    replay: null,
    ...part,
  };
}

export const aSnapshot = (sequence: number, part: Partial<State> = {}): Snapshot => ({
  type: "snapshot",
  sequence,
  state: aState(part),
});

export const aChange = (sequence: number, part: Partial<Change> = {}): Change => ({
  type: "change",
  sequence,
  ...part,
});
