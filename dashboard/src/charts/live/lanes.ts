import type { LaneState } from "../../api/types";

/** By scheduler, in the order of the lanes. */
export type Lanes = Readonly<Record<string, LaneState>>;

export const NO_LANES: Lanes = {};
