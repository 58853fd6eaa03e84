import type { ProcessState } from "../../../api/types";
import type { Live } from "../../../live/store";

/** Samples that are kept: ten minutes of one a second. */
export const CAPACITY = 600;
/** Samples are not closer than this [ms]. */
export const LEAST_MS = 1_000;

/** What two processes cost at a time; nan: the process is not there. */
export interface Sample {
  /** Unix time [ms]. */
  at: number;
  engineCpu: number;
  engineBytes: number;
  serverCpu: number;
  serverBytes: number;
}

const WIDTH = 5;

/** The last samples, in memory of constant size. */
export class SampleRing {
  private readonly values: Float64Array;
  private readonly capacity: number;
  private count = 0;
  private next = 0;

  constructor(capacity = CAPACITY) {
    this.capacity = capacity;
    this.values = new Float64Array(capacity * WIDTH);
  }

  get length(): number {
    return this.count;
  }

  /** Take a sample; one that is too close to the last, or before it, is left out. */
  add(sample: Sample): boolean {
    if (this.count > 0 && sample.at < this.at(this.count - 1).at + LEAST_MS) return false;
    const { at, engineCpu, engineBytes, serverCpu, serverBytes } = sample;
    this.values.set([at, engineCpu, engineBytes, serverCpu, serverBytes], this.next * WIDTH);
    this.next = (this.next + 1) % this.capacity;
    this.count = Math.min(this.count + 1, this.capacity);
    return true;
  }

  /** The sample at a place, from the oldest. */
  at(place: number): Sample {
    const slot = (this.next - this.count + place + this.capacity) % this.capacity;
    const read = (field: number) => this.values[slot * WIDTH + field] ?? Number.NaN;
    return {
      at: read(0),
      engineCpu: read(1),
      engineBytes: read(2),
      serverCpu: read(3),
      serverBytes: read(4),
    };
  }

  /** All samples, the oldest first. */
  list(): Sample[] {
    return Array.from({ length: this.count }, (_, place) => this.at(place));
  }
}

/** What the live state says of the processes at a time [ms]; null: there is no state. */
export function sampleOf({ state }: Live, at: number): Sample | null {
  if (!state) return null;
  const cpu = (process: ProcessState | null | undefined) => process?.cpu_percent ?? Number.NaN;
  const bytes = (process: ProcessState | null | undefined) => process?.rss_bytes ?? Number.NaN;
  const engine = state.engine?.process;
  const server = state.server.process;
  return {
    at,
    engineCpu: cpu(engine),
    engineBytes: bytes(engine),
    serverCpu: cpu(server),
    serverBytes: bytes(server),
  };
}
