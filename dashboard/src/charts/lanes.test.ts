import { describe, expect, it } from "vitest";
import { lanesOf, NUM_COLOURS } from "./lanes";

describe("the look of schedulers", () => {
  it("tells fifteen of them apart without their colour", () => {
    const looks = lanesOf(Array.from({ length: 15 }, (_, i) => `s${i}`));
    expect(new Set(looks.map(({ dash, symbol }) => `${dash.join()} ${symbol}`)).size).toBe(15);
  });

  it("gives who learns the colour of the frozen twin, with another dash and symbol", () => {
    const [forest, , online] = lanesOf(["random-forest", "greedy", "random-forest-online"]);
    expect(online?.colour).toBe(forest?.colour);
    expect(online?.dash).not.toEqual(forest?.dash);
    expect(online?.symbol).not.toBe(forest?.symbol);
  });

  it("is that of any other without a twin", () => {
    expect(lanesOf(["greedy", "dqn-online"])[1]?.colour).toBe(1 % NUM_COLOURS);
  });
});
