import { expect, it } from "vitest";
import { clip } from "./clip";

const outer = { x: 0, y: 0, width: 10, height: 10 };

it("keeps what lies inside", () => {
  expect(clip({ x: -5, y: 2, width: 8, height: 20 }, outer)).toEqual({
    x: 0,
    y: 2,
    width: 3,
    height: 8,
  });
  expect(clip({ x: 10, y: 2, width: 5, height: 5 }, outer)).toBeNull();
});
