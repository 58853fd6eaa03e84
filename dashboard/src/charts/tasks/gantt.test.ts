// @vitest-environment node
import { describe, expect, it } from "vitest";
import { layOut } from "./bars";
import { decision, theme } from "./examples";
import { barText, ganttOption, ganttTable, describe as inWords } from "./gantt";

const detail = { devices: ["epyc #0", "a100 #0"], num_cpus: 1 };
const split = decision({ sequence: 205, episode: 1, task: 5, gpu_fraction: 0.6 });
const whole = decision({ sequence: 206, task: 6, gpu: null, gpu_fraction: 0 });
const fallen = decision({ sequence: 207, task: 7, gpu: null, gpu_fraction: 1, fallback: true });

interface Series {
  name: string;
  data: { value: number[] }[];
  itemStyle: { decal?: { rotation: number } };
  renderItem: (params: object, api: object) => Drawn | null;
}

interface Drawn {
  shape: { x: number; y: number; width: number; height: number };
  style: { decal?: object; lineWidth: number };
  textContent: { style: { text: string } };
}

function seriesOf(decisions: (typeof split)[], chosen: number | null = null): Series[] {
  const option = ganttOption(layOut(decisions, detail), detail, theme, chosen);
  return option.series as unknown as Series[];
}

/** Draws as ECharts does, 100 px a second and 30 px a row, in a frame that begins at 0. */
function draw(series: Series | undefined, dataIndex = 0, width = 1000): Drawn | null {
  return (
    series?.renderItem(
      { dataIndex, coordSys: { x: 0, y: 0, width, height: 300 } },
      {
        coord: ([x = 0, row = 0]: number[]) => [x * 100, row * 30 + 15],
        size: () => [100, 30],
      },
    ) ?? null
  );
}

describe("the bars", () => {
  it("tell what is whole and what is part of a split task without their colour", () => {
    const found = seriesOf([split, whole]);
    expect(found.map(({ name, data }) => [name, data.map(({ value }) => value)])).toEqual([
      ["CPU", [[0, 0.5, 2]]],
      ["GPU", []],
      ["CPU part", [[0, 0.5, 2]]],
      ["GPU part", [[1, 0, 1]]],
    ]);
    const turns = found.map(({ itemStyle }) => itemStyle.decal?.rotation);
    expect(turns[0]).toBeUndefined();
    expect(turns[2]).not.toBe(turns[3]);
  });

  it("are drawn from start to finish in the row of their device", () => {
    const [, , cpu, gpu] = seriesOf([split]);
    expect(draw(cpu)?.shape).toMatchObject({ x: 50, width: 150 });
    const drawn = draw(gpu);
    expect(drawn?.shape).toMatchObject({ x: 0, width: 100 });
    expect((drawn?.shape.y ?? 0) + (drawn?.shape.height ?? 0) / 2).toBeCloseTo(45);
    expect(drawn?.style.decal).toBeDefined();
  });

  it("end at the frame, and are not drawn outside", () => {
    const [cpu] = seriesOf([whole]);
    expect(draw(cpu, 0, 80)?.shape).toMatchObject({ x: 50, width: 30 });
    expect(draw(cpu, 0, 40)).toBeNull();
  });

  it("have as much of their text as fits", () => {
    const [, , cpu] = seriesOf([split]);
    expect(draw(cpu)?.textContent.style.text).toBe("5: 40 %");
    expect(draw(cpu, 0, 80)?.textContent.style.text).toBe("5");
    expect(draw(cpu, 0, 55)?.textContent.style.text).toBe("");
    expect(barText(split, "split-gpu").long).toBe("5: 60 %");
    expect(barText(fallen, "cpu").short).toBe("!7");
  });

  it("mark the chosen task", () => {
    const width = (chosen: number | null) => draw(seriesOf([split], chosen)[2])?.style.lineWidth;
    expect(width(205)).toBeGreaterThan(width(206) ?? 0);
    expect(width(null)).toBe(width(206));
  });
});

it("time begins with the first of the tasks that are shown", () => {
  const late = decision({ cpu: { device: 0, start_s: 7, finish_s: 9 }, gpu: null });
  expect(ganttOption(layOut([late], detail), detail, theme, null).xAxis).toMatchObject({
    min: 7,
    max: 9,
  });
});

it("words tell both shares, when they run, and what it cost", () => {
  expect(inWords(split, detail)).toBe(
    "Task 5 of episode 1 (number 205 of the run): 40 % on epyc #0 from 0.50 to 2.00 s and " +
      "60 % on a100 #0 from 0.00 to 1.00 s; wait 0.50 s, response 2.00 s, energy 350.0 J",
  );
  expect(inWords(fallen, detail)).toContain("on epyc #0 from 0.50 to 2.00 s; it did not fit");
});

it("the table has a row a task", () => {
  const { columns, rows } = ganttTable([split, fallen], detail);
  for (const row of rows) expect(row).toHaveLength(columns.length);
  expect(rows[0]?.slice(0, 6)).toEqual([5, 205, "60 %", "epyc #0", "0.50", "2.00"]);
  expect(rows[1]?.slice(6)).toEqual([
    "–",
    "–",
    "–",
    "0.50",
    "2.00",
    "350.0",
    "did not fit on a GPU",
  ]);
});
