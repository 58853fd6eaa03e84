import type { Quantity } from "../../../api/types";
import { toFinite } from "../../../format";

/** The line of a sparkline in a box of that size, from its least to its greatest value.
 *
 * It has holes where there are no values; a value alone between two holes is a short dash.
 */
export function sparkPath(values: readonly Quantity[], width: number, height: number): string {
  const numbers = values.map(toFinite);
  const known = numbers.filter((value) => value !== null);
  if (known.length === 0) return "";
  const least = Math.min(...known);
  const span = Math.max(...known) - least;
  const step = values.length > 1 ? width / (values.length - 1) : 0;
  const y = (value: number) => (span > 0 ? height * (1 - (value - least) / span) : height / 2);
  let path = "";
  numbers.forEach((value, i) => {
    if (value === null) return;
    const isFirst = i === 0 || numbers[i - 1] === null;
    const isAlone = isFirst && (numbers[i + 1] ?? null) === null;
    const [across, down] = [round(i * step), round(y(value))];
    if (isAlone) path += `M${Math.max(0, across - 1)} ${down}h2`;
    else path += `${isFirst ? "M" : "L"}${across} ${down}`;
  });
  return path;
}

const round = (value: number): number => Math.round(value * 10) / 10;

/** The least and the greatest value that can be drawn; null: there is none. */
export function extremes(values: readonly Quantity[]): { least: number; most: number } | null {
  const known = values.map(toFinite).filter((value) => value !== null);
  if (known.length === 0) return null;
  return { least: Math.min(...known), most: Math.max(...known) };
}
