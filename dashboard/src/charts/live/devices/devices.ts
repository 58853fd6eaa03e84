import type { DeviceState } from "../../../api/types";
import { formatNumber, formatPercent, toFinite } from "../../../format";
import type { TableData } from "../../../widgets/DataTable";

/** Rows of a chart at most; more devices than that are shown in groups of neighbours. */
export const MAX_ROWS = 16;

/** The mean of some values, and how far they go. */
export interface Extent {
  mean: number | null;
  least: number | null;
  most: number | null;
}

/** A device, or neighbours of the same kind. */
export interface DeviceRow {
  label: string;
  kind: DeviceState["kind"];
  count: number;
  load: Extent;
  queue: Extent;
  window: number | null;
  all: number | null;
}

export function extentOf(values: readonly (number | null)[]): Extent {
  const known = values.filter((value) => value !== null);
  if (known.length === 0) return { mean: null, least: null, most: null };
  const sum = known.reduce((total, value) => total + value, 0);
  return { mean: sum / known.length, least: Math.min(...known), most: Math.max(...known) };
}

/** The rows of a chart: CPUs and GPUs share them by how many they are. */
export function deviceRows(devices: readonly DeviceState[], most = MAX_ROWS): DeviceRow[] {
  const cpus = devices.filter(({ kind }) => kind === "cpu");
  const gpus = devices.filter(({ kind }) => kind === "gpu");
  if (devices.length <= most) return [...cpus, ...gpus].map((device) => rowOf([device]));
  const share = Math.round((most * cpus.length) / devices.length);
  const ofCpus = cpus.length && Math.max(1, Math.min(share, gpus.length ? most - 1 : most));
  return [...groups(cpus, ofCpus), ...groups(gpus, most - ofCpus)].map(rowOf);
}

/** Splits a list into at most so many stretches, as equal as can be. */
export function groups<T>(items: readonly T[], most: number): T[][] {
  const count = Math.min(items.length, most);
  return Array.from({ length: count }, (_, i) =>
    items.slice(
      Math.floor((items.length * i) / count),
      Math.floor((items.length * (i + 1)) / count),
    ),
  );
}

function rowOf(devices: readonly DeviceState[]): DeviceRow {
  const [first, last] = [devices[0], devices.at(-1)];
  return {
    label: devices.length === 1 ? (first?.name ?? "") : rangeLabel(first?.name, last?.name),
    kind: first?.kind ?? "cpu",
    count: devices.length,
    load: extentOf(devices.map(({ load }) => toFinite(load))),
    queue: extentOf(devices.map(({ queue }) => toFinite(queue))),
    window: extentOf(devices.map((device) => toFinite(device.window_utilisation))).mean,
    all: extentOf(devices.map(({ utilisation }) => toFinite(utilisation))).mean,
  };
}

/** "a100 #0" to "a100 #12" is "#0–12 a100": what tells them apart is not cut off. */
function rangeLabel(first = "", last = ""): string {
  const [head, number] = last.split(" #");
  const from = first.split(" #")[1];
  if (number !== undefined && first === `${head} #${from}`) return `#${from}–${number} ${head}`;
  return `${first} – ${last}`;
}

/** Text at a bar: the value, and of several devices how far they go. */
export function loadText({ load, count }: DeviceRow, isShort = false): string {
  if (load.mean === null) return "–";
  const mean = formatPercent(load.mean);
  if (count === 1 || isShort) return mean;
  return `${mean} (${formatNumber((load.least ?? 0) * 100)}–${formatNumber((load.most ?? 0) * 100)})`;
}

export function queueText({ queue, count }: DeviceRow, isShort = false): string {
  if (queue.mean === null) return "–";
  const mean = formatNumber(queue.mean, 1);
  return count === 1 || isShort ? mean : `${mean} (to ${formatNumber(queue.most, 1)})`;
}

/** Every device by itself. */
export function devicesTable(devices: readonly DeviceState[]): TableData {
  return {
    columns: [
      { label: "device" },
      { label: "kind" },
      { label: "load, newest episode", isNumber: true },
      { label: "load, window", isNumber: true },
      { label: "load, all", isNumber: true },
      { label: "queue, newest episode", isNumber: true },
    ],
    rows: devices.map((device) => [
      device.name,
      device.kind.toUpperCase(),
      formatPercent(device.load, 1),
      formatPercent(device.window_utilisation, 1),
      formatPercent(device.utilisation, 1),
      formatNumber(device.queue, 2),
    ]),
    note: "Load: the part of the makespan in which the device works. Queue: how many shares wait for it, on average.",
  };
}

/** One sentence about all devices. */
export function devicesSummary(devices: readonly DeviceState[]): string {
  return (["cpu", "gpu"] as const)
    .map((kind) => ({ kind, of: devices.filter((device) => device.kind === kind) }))
    .filter(({ of }) => of.length > 0)
    .map(({ kind, of }) => {
      const load = extentOf(of.map((device) => toFinite(device.load))).mean;
      return `${of.length} ${kind.toUpperCase()}${of.length > 1 ? "s" : ""}: ${formatPercent(load)} busy`;
    })
    .join(", ");
}
