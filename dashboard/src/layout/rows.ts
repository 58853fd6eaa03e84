/** Height of a row of the page, gap included [px]; see .grid in widgets.css. */
const ROW_PX = 92;

/** Rows of a widget with lines of a height [px], and with all that stands around these [px]. */
export function rowsFor(lines: number, linePx: number, aroundPx: number): number {
  return Math.ceil((aroundPx + linePx * lines) / ROW_PX);
}
