import { expect, it } from "vitest";
import { shorten } from "./shorten";

it("keeps the number of a device", () => {
  expect(shorten("a100-80gb-pcie #12", 84)).toBe("a100-… #12");
  expect(shorten("epyc #0", 84)).toBe("epyc #0");
  expect(shorten("a-machine-without-a-number", 84)).toBe("a-machine…");
  expect(shorten("a100-80gb-pcie #12", 10)).toBe("a… #12");
});
