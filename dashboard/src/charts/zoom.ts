// What part of an axis is seen, in percent of all.
export type Range = [start: number, end: number];
export type ZoomStep = "in" | "out" | "left" | "right" | "all";

const LEAST = 0.5;

/** A range of a width around a middle, moved to where there is something. */
function around(middle: number, width: number): Range {
  const wide = Math.min(Math.max(width, LEAST), 100);
  const start = Math.min(Math.max(middle - wide / 2, 0), 100 - wide);
  return [start, start + wide];
}

/** The range after a step: twice as near or far, or half a width aside. */
export function zoomed([start, end]: Range, step: ZoomStep): Range {
  const width = end - start;
  const middle = (start + end) / 2;
  if (step === "in") return around(middle, width / 2);
  if (step === "out") return around(middle, width * 2);
  if (step === "left") return around(middle - width / 2, width);
  if (step === "right") return around(middle + width / 2, width);
  return [0, 100];
}

/** The range moved so that it shows another, which is in its middle if it had to move. */
export function shown([start, end]: Range, [from, to]: Range): Range {
  if (from >= start && to <= end) return [start, end];
  return around((from + to) / 2, Math.max(end - start, to - from));
}
