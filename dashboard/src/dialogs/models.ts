import type { RunDetail } from "../api/types";
import { formatNumber, NONE } from "../format";

type Model = RunDetail["models"][number];

/** What was learned in a run, a line a scheduler: after hours there are hundreds of versions. */
export function modelLines(models: readonly Model[]): string[] {
  const schedulers = [...new Set(models.map(({ scheduler }) => scheduler))];
  if (schedulers.length === 0) return [NONE];
  return schedulers.map((name) => lineOf(models.filter(({ scheduler }) => scheduler === name)));
}

/** The line of one scheduler's models. */
function lineOf(models: readonly Model[]): string {
  const [first, ...others] = models.toSorted((a, b) => a.version - b.version);
  if (!first) return NONE;
  const newest = others.at(-1);
  const versions = newest
    ? `versions ${first.version} … ${newest.version}`
    : `version ${first.version}`;
  const scores = Object.entries((newest ?? first).score).map(
    ([name, value]) => `${name.replaceAll("_", " ")} ${formatNumber(value, 3)}`,
  );
  const score = scores.length ? `; newest score: ${scores.join(", ")}` : "";
  return `${first.scheduler}: ${versions}${score}`;
}
