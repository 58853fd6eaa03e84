import { describe, expect, it } from "vitest";
import { deviceStyle } from "../../series";
import { device, THEME } from "../testing";
import {
  deviceRows,
  devicesSummary,
  devicesTable,
  groups,
  loadText,
  MAX_ROWS,
  queueText,
} from "./devices";
import { devicesHeight, devicesOption } from "./devicesChart";
import { waitsOption, waitsTable } from "./waits";

const many = (kind: "cpu" | "gpu", count: number) =>
  Array.from({ length: count }, (_, i) =>
    device({ name: `${kind}-x #${i}`, kind, load: i / count, queue: i }),
  );

describe("the rows of devices", () => {
  it("are the devices themselves, CPUs first, if there is room", () => {
    const rows = deviceRows([device({ name: "a100 #0", kind: "gpu" }), device()]);
    expect(rows.map(({ label, kind, count }) => [label, kind, count])).toEqual([
      ["epyc #0", "cpu", 1],
      ["a100 #0", "gpu", 1],
    ]);
  });

  it("are groups of neighbours of one kind if there are two hundred", () => {
    const rows = deviceRows([...many("cpu", 40), ...many("gpu", 160)]);
    expect(rows).toHaveLength(MAX_ROWS);
    expect(rows.reduce((sum, { count }) => sum + count, 0)).toBe(200);
    expect(rows.filter(({ kind }) => kind === "cpu")).toHaveLength(3);
    expect(rows.at(-1)?.label).toBe("#147–159 gpu-x");
    const last = rows.at(-1);
    expect(last?.load.least).toBeCloseTo(147 / 160);
    expect(last?.load.most).toBeCloseTo(159 / 160);
    expect(last?.load.mean).toBeCloseTo(153 / 160);
  });

  it("show the only CPU among many GPUs, and the only GPU among many CPUs", () => {
    const kinds = (cpus: number, gpus: number) =>
      deviceRows([...many("cpu", cpus), ...many("gpu", gpus)]).map(({ kind }) => kind);
    expect(kinds(1, 199).filter((kind) => kind === "cpu")).toHaveLength(1);
    expect(kinds(199, 1).filter((kind) => kind === "gpu")).toHaveLength(1);
    expect(kinds(0, 200)).toHaveLength(MAX_ROWS);
    expect(kinds(200, 0)).toHaveLength(MAX_ROWS);
    expect(kinds(0, 0)).toEqual([]);
  });

  it("write what is known, and a dash for what is not", () => {
    const [known, unknown] = deviceRows([device(), device({ load: null, queue: null })]);
    expect(known && loadText(known)).toBe("50 %");
    expect(known && queueText(known)).toBe("1.0");
    expect(unknown && loadText(unknown)).toBe("–");
    expect(unknown && queueText(unknown)).toBe("–");
  });

  it("write of groups how far they go", () => {
    const [row] = deviceRows(many("gpu", 4), 1);
    expect(row && loadText(row)).toBe("38 % (0–75)");
    expect(row && queueText(row)).toBe("1.5 (to 3.0)");
  });
});

it("a list is split into stretches that differ by one at most", () => {
  expect(groups([1, 2, 3, 4, 5, 6, 7], 3)).toEqual([
    [1, 2],
    [3, 4],
    [5, 6, 7],
  ]);
  expect(groups([1], 3)).toEqual([[1]]);
  expect(groups([], 3)).toEqual([]);
});

it("the table has every device", () => {
  expect(devicesTable(many("gpu", 200)).rows).toHaveLength(200);
  expect(devicesTable([device()]).rows[0]).toEqual([
    "epyc #0",
    "CPU",
    "50.0 %",
    "45.0 %",
    "40.0 %",
    "1.00",
  ]);
});

it("the summary says how busy CPUs and GPUs are", () => {
  const devices = [device(), device({ load: 1 }), device({ kind: "gpu", load: 0.25 })];
  expect(devicesSummary(devices)).toBe("2 CPUs: 75 % busy, 1 GPU: 25 % busy");
  expect(devicesSummary([])).toBe("");
});

it("the chart has a bar for each row, in percent, and grows with them", () => {
  const rows = deviceRows([device({ load: 0.25 }), device({ load: null, kind: "gpu" })]);
  const series = devicesOption(rows, THEME).series as { id: string; data: { value: number }[] }[];
  expect(series.find(({ id }) => id === "load")?.data.map(({ value }) => value)).toEqual([25, 0]);
  expect(devicesHeight(deviceRows(many("gpu", 16)))).toBeGreaterThan(devicesHeight(rows));
});

it("the chart tells CPUs from GPUs as the chart of tasks does, in colour and in stripes", () => {
  const rows = deviceRows([device(), device({ kind: "gpu" })]);
  const { legend, series } = devicesOption(rows, THEME) as {
    legend: { data: unknown[] };
    series: { id: string; name: string; itemStyle: object; data: { itemStyle: object }[] }[];
  };
  const drawn = series.find(({ id }) => id === "load")?.data.map(({ itemStyle }) => itemStyle);
  expect(drawn).toEqual([deviceStyle("cpu", THEME), deviceStyle("gpu", THEME)]);
  expect(drawn?.map((style) => "decal" in style)).toEqual([false, true]);
  for (const [place, name] of ["CPU now", "GPU now"].entries()) {
    expect(legend.data).toContain(name);
    expect(series.find((one) => one.name === name)?.itemStyle).toEqual(drawn?.[place]);
  }
});

describe("how long devices are busy still", () => {
  it("is a bar a device, CPUs beside GPUs", () => {
    const waits = { cpus: [0], gpus: [0, 2.5] };
    const series = waitsOption(waits, THEME).series as { data: number[] }[];
    expect(series.map(({ data }) => data)).toEqual([[0], [0, 2.5]]);
    expect(waitsTable(waits).rows).toEqual([
      ["1.", "0.00 s", "0.00 s"],
      ["2.", "–", "2.50 s"],
    ]);
  });

  it("is nothing of no devices", () => {
    expect(waitsTable({}).rows).toEqual([]);
  });
});
