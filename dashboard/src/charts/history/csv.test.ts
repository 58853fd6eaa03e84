// @vitest-environment node
import { expect, it } from "vitest";
import { toCsv } from "./csv";

it("writes what RFC 4180 says", () => {
  expect(
    toCsv(
      ["episode", 'a "b"', "c,d"],
      [
        [0, null, "inf"],
        [1.5, -2e-7, "x\ny"],
      ],
    ),
  ).toBe('episode,"a ""b""","c,d"\r\n0,,inf\r\n1.5,-2e-7,"x\ny"\r\n');
});

it("makes no formula of a name", () => {
  expect(toCsv(["name"], [["=HYPERLINK(1)"], ["-inf"], [-3]])).toBe(
    "name\r\n'=HYPERLINK(1)\r\n-inf\r\n-3\r\n",
  );
});
