// How values are written: by their measure, with infinite and missing ones said as such.
import type { Measure, Quantity } from "./api/types";

/** What stands for a value that there is not. */
export const NONE = "–";
const INFINITY = "∞";
const THIN = "\u202f";
const MINUS = "\u2212";

/** What the wire writes as a number of JavaScript; null: there is none. */
export function toNumber(value: Quantity | undefined): number | null {
  if (value === "inf") return Number.POSITIVE_INFINITY;
  if (value === "-inf") return Number.NEGATIVE_INFINITY;
  return value ?? null;
}

/** As `toNumber`, but only what can be drawn. */
export function toFinite(value: Quantity | undefined): number | null {
  const number = toNumber(value);
  return number !== null && Number.isFinite(number) ? number : null;
}

function grouped(digits: number): Intl.NumberFormat {
  return new Intl.NumberFormat("en", {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  });
}

/** A number with so many digits after the point, thousands set apart; from a million on with three
 * significant digits and a power of ten. */
export function formatNumber(value: Quantity | undefined, digits = 0): string {
  const number = toNumber(value);
  if (number === null || Number.isNaN(number)) return NONE;
  const sign = number < 0 ? MINUS : "";
  const size = Math.abs(number);
  if (!Number.isFinite(size)) return sign + INFINITY;
  if (size >= 1e6) return sign + size.toExponential(2).replace("e+", "e");
  const text = grouped(digits).format(size).replaceAll(",", THIN);
  // What rounds to zero has no sign.
  return /[1-9]/.test(text) ? sign + text : text;
}

/** A number in few characters: 12.3 k, 4.56 M. */
export function formatShort(value: Quantity | undefined): string {
  const number = toNumber(value);
  if (number === null || !Number.isFinite(number)) return formatNumber(value);
  const size = Math.abs(number);
  if (size > 0 && size < 1e-3) return number.toExponential(1).replace("-", MINUS);
  if (size >= 1e15) return formatNumber(number);
  return new Intl.NumberFormat("en", { notation: "compact", maximumSignificantDigits: 3 })
    .format(number)
    .replace("-", MINUS);
}

/** A value of a measure in its shown unit, without the unit. */
export function formatValue(value: Quantity | undefined, measure: Measure): string {
  const number = toNumber(value);
  return formatNumber(number === null ? null : number * measure.scale, measure.digits);
}

/** A value of a measure in its shown unit, with the unit. */
export function formatMeasure(value: Quantity | undefined, measure: Measure): string {
  const text = formatValue(value, measure);
  return text === NONE || measure.shown_unit === "" ? text : `${text} ${measure.shown_unit}`;
}

/** A difference of a measure, with its sign. */
export function formatDifference(value: Quantity | undefined, measure: Measure): string {
  const text = formatValue(value, measure);
  const number = toNumber(value);
  return number !== null && number > 0 && /[1-9∞]/.test(text) ? `+${text}` : text;
}

/** The name of a measure with its shown unit, for a heading or an axis. */
export function withUnit(measure: Measure): string {
  return measure.shown_unit === "" ? measure.label : `${measure.label} [${measure.shown_unit}]`;
}

/** A duration in the two largest units that it has: 2 d 3 h, 4 min 05 s, 1.25 s. */
export function formatDuration(seconds: Quantity | undefined): string {
  const number = toNumber(seconds);
  if (number === null || !Number.isFinite(number)) return formatNumber(number);
  if (number < 0) return MINUS + formatDuration(-number);
  if (number < 10) return `${formatNumber(number, 2)} s`;
  const whole = Math.round(number);
  const parts: [number, string][] = [
    [Math.floor(whole / 86_400), "d"],
    [Math.floor(whole / 3600) % 24, "h"],
    [Math.floor(whole / 60) % 60, "min"],
    [whole % 60, "s"],
  ];
  const first = parts.findIndex(([count]) => count > 0);
  return parts
    .slice(first, first + 2)
    .map(([count, unit]) => `${count >= 10_000 ? formatNumber(count) : count} ${unit}`)
    .join(" ");
}

/** Bytes in binary units. */
export function formatBytes(value: Quantity | undefined): string {
  const number = toNumber(value);
  if (number === null || !Number.isFinite(number)) return formatNumber(number);
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let size = number;
  let place = 0;
  while (Math.abs(size) >= 1024 && place < units.length - 1) {
    size /= 1024;
    place += 1;
  }
  return `${formatNumber(size, place === 0 || size >= 100 ? 0 : 1)} ${units[place]}`;
}

/** The moment at some seconds since 1970; null: there is none, or no calendar has it. */
export function momentOf(at: number | null | undefined): Date | null {
  if (at === null || at === undefined) return null;
  const moment = new Date(at * 1000);
  return Number.isNaN(moment.getTime()) ? null : moment;
}

/** A Unix time [s] as the date and time here. */
export function formatTime(at: number | null | undefined): string {
  const moment = momentOf(at);
  if (!moment) return NONE;
  return new Intl.DateTimeFormat("sv-SE", { dateStyle: "short", timeStyle: "medium" }).format(
    moment,
  );
}

/** A share of one as percent. */
export function formatPercent(value: Quantity | undefined, digits = 0): string {
  const number = toNumber(value);
  return number === null ? NONE : `${formatNumber(number * 100, digits)} %`;
}
