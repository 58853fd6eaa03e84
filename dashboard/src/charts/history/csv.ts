// What a table shows, as a file.
import type { Quantity } from "../../api/types";

export type Value = Quantity | string | boolean;

/** Text of a field; one that a spreadsheet would take for a formula is kept a text. */
function field(value: Value): string {
  if (value === null) return "";
  if (typeof value !== "string" || value === "inf" || value === "-inf") return String(value);
  const safe = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

/** CSV by RFC 4180; what there is not is an empty field, what is infinite is inf. */
export function toCsv(header: readonly string[], rows: readonly (readonly Value[])[]): string {
  return [header, ...rows].map((row) => `${row.map(field).join(",")}\r\n`).join("");
}
