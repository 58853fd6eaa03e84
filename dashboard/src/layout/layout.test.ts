import { describe, expect, it } from "vitest";
import { change, initialLayout, move, moveTo, readLayout, resize, writeLayout } from "./layout";

const SPECS = [
  { id: "a", columns: 6 },
  { id: "b", columns: 6 },
  { id: "c", columns: 12 },
];
const initial = initialLayout(SPECS);
const order = (layout: readonly { id: string }[]) => layout.map(({ id }) => id).join("");
const stored = (widgets: unknown, version: unknown = 1) => JSON.stringify({ version, widgets });

describe("what was stored", () => {
  it("comes back as it was written", () => {
    const layout = change(move(initial, "c", -1), "a", { isHidden: true, view: "table" });
    expect(readLayout(writeLayout(layout), SPECS)).toEqual(layout);
  });

  it.each([
    ["nothing", null],
    ["no JSON", "{"],
    ["no object", "7"],
    ["another version", stored([{ id: "c" }], 2)],
    ["no list", stored({ id: "c" })],
    ["too much", `${stored([{ id: "c" }])}${" ".repeat(30_000)}`],
  ])("is as if new with %s", (_, text) => {
    expect(readLayout(text, SPECS)).toEqual(initial);
  });

  it("is believed only where it makes sense", () => {
    const text = stored([
      null,
      "b",
      { id: "gone", columns: 6 },
      { id: "c", columns: 5, isHidden: "yes", view: "film", more: 1 },
      { id: "c", columns: 6 },
      { id: "a", columns: 4, isHidden: true, view: "table" },
    ]);
    expect(readLayout(text, SPECS)).toEqual([
      { id: "c", columns: 12, isHidden: false, view: "chart" },
      { id: "a", columns: 4, isHidden: true, view: "table" },
      { id: "b", columns: 6, isHidden: false, view: "chart" },
    ]);
  });

  it("has new widgets after the one that they follow", () => {
    const text = stored([{ id: "c" }, { id: "a" }]);
    expect(order(readLayout(text, SPECS))).toBe("cab");
    expect(order(readLayout(stored([{ id: "b" }]), SPECS))).toBe("abc");
  });
});

describe("arranging", () => {
  it("moves past the next that is shown", () => {
    expect(order(move(initial, "a", 1))).toBe("bac");
    const hidden = change(initial, "b", { isHidden: true });
    expect(order(move(hidden, "a", 1))).toBe("bca");
    expect(order(move(hidden, "c", -1))).toBe("cab");
  });

  it("stays at the ends", () => {
    expect(move(initial, "a", -1)).toBe(initial);
    expect(move(initial, "c", 1)).toBe(initial);
    expect(move(initial, "unknown", 1)).toBe(initial);
  });

  it("takes the place of what it is dropped on", () => {
    expect(order(moveTo(initial, "a", "c"))).toBe("bca");
    expect(order(moveTo(initial, "c", "a"))).toBe("cab");
    expect(moveTo(initial, "a", "a")).toBe(initial);
  });

  it("steps through the widths", () => {
    expect(resize(initial, "a", 1)[0]?.columns).toBe(8);
    expect(resize(initial, "a", -1)[0]?.columns).toBe(4);
    expect(resize(initial, "c", 1)).toBe(initial);
  });
});
