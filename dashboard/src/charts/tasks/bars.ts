// What ran where and when, from the decisions of one episode.
import type { DecisionRow, RunDetail } from "../../api/types";

type Share = NonNullable<DecisionRow["cpu"]>;

/** A task as a whole on a CPU or a GPU, or a share of one that is split over both. */
export type BarKind = "cpu" | "gpu" | "split-cpu" | "split-gpu";

export interface Bar {
  /** Index into the rows. */
  row: number;
  start: number;
  finish: number;
  kind: BarKind;
  decision: DecisionRow;
}

export interface Row {
  /** Index of the device: CPUs first. */
  device: number;
  name: string;
}

export interface Layout {
  rows: Row[];
  bars: Bar[];
  /** Devices that have no row: nothing ran there, and there are too many to show them empty. */
  hidden: number;
  /** First start and last finish [s]. */
  begin: number;
  end: number;
}

/** More devices than these have a row only if something ran there. */
export const MAX_EMPTY_ROWS = 24;

/** Name of a device, also of one that the run does not tell. */
export function deviceName(
  device: number,
  detail: Pick<RunDetail, "devices" | "num_cpus">,
): string {
  return detail.devices[device] ?? `device ${device}`;
}

function sharesOf(decision: DecisionRow): [Share, BarKind][] {
  const { cpu, gpu } = decision;
  const isSplit = cpu !== null && gpu !== null;
  const shares: [Share, BarKind][] = [];
  if (cpu) shares.push([cpu, isSplit ? "split-cpu" : "cpu"]);
  if (gpu) shares.push([gpu, isSplit ? "split-gpu" : "gpu"]);
  return shares;
}

/** Lay the tasks of one episode out: a row a device, a bar a share. */
export function layOut(
  decisions: readonly DecisionRow[],
  detail: Pick<RunDetail, "devices" | "num_cpus">,
): Layout {
  const placed = decisions.flatMap((decision) =>
    sharesOf(decision).map(([share, kind]) => ({ share, kind, decision })),
  );
  const used = new Set(placed.map(({ share }) => share.device));
  const count = Math.max(detail.devices.length, ...[...used].map((device) => device + 1));
  const all = Array.from({ length: count }, (_, device) => device);
  const shown = count > MAX_EMPTY_ROWS ? all.filter((device) => used.has(device)) : all;
  const rowOf = new Map(shown.map((device, row) => [device, row]));
  const bars = placed.map(({ share, kind, decision }) => ({
    row: rowOf.get(share.device) ?? 0,
    start: share.start_s,
    finish: share.finish_s,
    kind,
    decision,
  }));
  return {
    rows: shown.map((device) => ({ device, name: deviceName(device, detail) })),
    bars,
    hidden: count - shown.length,
    begin: bars.reduce((begin, bar) => Math.min(begin, bar.start), bars[0]?.start ?? 0),
    end: bars.reduce((end, bar) => Math.max(end, bar.finish), 0),
  };
}

/** The part of a layout that has so many rows from a row on. */
export function rowsFrom(layout: Layout, first: number, count: number): Layout {
  return {
    ...layout,
    rows: layout.rows.slice(first, first + count),
    bars: layout.bars
      .filter(({ row }) => row >= first && row < first + count)
      .map((bar) => ({ ...bar, row: bar.row - first })),
  };
}

/** The task of a list that comes `step` places after the one at hand; from none, the first or last. */
export function neighbour(
  decisions: readonly DecisionRow[],
  sequence: number | null,
  step: number,
): number | null {
  if (decisions.length === 0) return null;
  const at = decisions.findIndex((decision) => decision.sequence === sequence);
  const from = at < 0 ? (step > 0 ? -1 : decisions.length) : at;
  const to = Math.min(Math.max(from + step, 0), decisions.length - 1);
  return decisions[to]?.sequence ?? null;
}

/** The last tasks of an episode: the number of the first, and how many to ask for. */
export function spanOfEpisode(
  episode: number,
  tasksPerEpisode: number,
  most: number,
): { first: number; limit: number } {
  const limit = Math.min(tasksPerEpisode, most);
  return { first: (episode + 1) * tasksPerEpisode - limit, limit };
}

/** How many tasks each episode of a run has; null: it has none yet. */
export function tasksPerEpisode(
  run: { tasks: number; next_episode: number } | null,
): number | null {
  if (!run || run.next_episode < 1 || run.tasks < 1) return null;
  return Math.round(run.tasks / run.next_episode);
}

/** The decisions of the newest episode among those that are given, and of that the last ones. */
export function newestEpisode(decisions: readonly DecisionRow[], most: number): DecisionRow[] {
  const episode = decisions.at(-1)?.episode;
  return decisions.filter((decision) => decision.episode === episode).slice(-most);
}
