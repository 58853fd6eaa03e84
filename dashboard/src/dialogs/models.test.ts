import { expect, it } from "vitest";
import { modelLines } from "./models";

const model = (scheduler: string, version: number, score: Record<string, number> = {}) => ({
  scheduler,
  version,
  episode: 100 * version,
  made_at: 0,
  exploration: 0,
  score,
});

it("is a line a scheduler, with its versions and the newest score", () => {
  const forests = Array.from({ length: 25 }, (_, i) =>
    model("random-forest-online", i + 1, { agreement: i / 100, held_out: 1 }),
  );
  expect(modelLines([...forests, model("dqn-online", 3)])).toEqual([
    "random-forest-online: versions 1 … 25; newest score: agreement 0.240, held out 1.000",
    "dqn-online: version 3",
  ]);
  expect(modelLines([])).toEqual(["–"]);
});
