// What steers an engine, a replay, or the store. What comes of it shows in the live state.
import { announce, announceError } from "../announce";
import { sendJson } from "./client";
import { queryClient } from "./queries";
import type { Accepted, Confirmation, Deleted, StartRequest } from "./types";

const post = (path: string, body: unknown) => sendJson<Accepted>("POST", path, body);

/** Send a command; what speaks against it is announced. Says whether it was taken. */
export async function attempt(action: Promise<unknown>, done?: string): Promise<boolean> {
  try {
    await action;
  } catch (error) {
    announceError(error);
    return false;
  }
  if (done) announce(done);
  return true;
}

export const pause = (run: number | null) => post("/api/pause", { run });
export const resume = (run: number | null) => post("/api/resume", { run });
/** Speed null: as fast as it goes. */
export const setSpeed = (run: number | null, speed: number | null) =>
  post("/api/speed", { run, speed });
export const seek = (episode: number) => post("/api/seek", { episode });
export const startEngine = (settings: Partial<StartRequest>) => post("/api/start", settings);
export const stopEngine = () => post("/api/stop", { run: null });

/** What a deletion would delete, and the token to do it. */
export const askDeletion = (run: number) => sendJson<Confirmation>("DELETE", `/api/runs/${run}`);

export async function deleteRun({ run, confirmation }: Confirmation): Promise<Deleted> {
  const query = new URLSearchParams({ confirmation });
  const deleted = await sendJson<Deleted>("DELETE", `/api/runs/${run}?${query}`);
  await queryClient.invalidateQueries({ queryKey: ["/api/runs"] });
  return deleted;
}
