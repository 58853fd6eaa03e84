import type { LogLine } from "../api/types";

const MAX_LINES = 500;

/** Lines of several lists without those that are in two of them, the newest first; not too many. */
export function newestFirst(...lists: readonly (readonly LogLine[])[]): LogLine[] {
  const seen = new Map<string, LogLine>();
  for (const line of lists.flat()) seen.set(`${line.at} ${line.text}`, line);
  return [...seen.values()].sort((a, b) => b.at - a.at).slice(0, MAX_LINES);
}
