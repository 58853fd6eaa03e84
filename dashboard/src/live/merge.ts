import type { Change, Message, State } from "../api/types";

/** A message was left out: only a fresh snapshot helps. */
export class Gap extends Error {
  override name = "Gap";
}

export interface Newest {
  sequence: number;
  state: State;
}

function changed(state: State, change: Change): State {
  const next: State = { ...state };
  if (change.run !== undefined) {
    // Lanes of another run say nothing about this one.
    if (change.run?.run !== state.run?.run) next.lanes = {};
    next.run = change.run;
  }
  if (change.engine !== undefined) next.engine = change.engine;
  if (change.server !== undefined && change.server !== null) next.server = change.server;
  if (change.replay !== undefined) next.replay = change.replay;
  if (change.lanes) next.lanes = { ...next.lanes, ...change.lanes };
  return next;
}

/** The state after a message; parts that it does not touch stay the same objects.
 *
 * @throws Gap if the message does not follow what we have.
 */
export function merge(before: Newest | null, message: Message): Newest {
  if (message.type === "snapshot") return { sequence: message.sequence, state: message.state };
  if (before === null || message.sequence !== before.sequence + 1) {
    throw new Gap(`message ${message.sequence} after ${before?.sequence ?? "none"}`);
  }
  return { sequence: message.sequence, state: changed(before.state, message) };
}
