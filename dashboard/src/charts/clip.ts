export interface Rectangle {
  x: number;
  y: number;
  width: number;
  height: number;
}

/** The part of a rectangle that lies in another; null: none does. */
export function clip(inner: Rectangle, outer: Rectangle): Rectangle | null {
  const x = Math.max(inner.x, outer.x);
  const y = Math.max(inner.y, outer.y);
  const width = Math.min(inner.x + inner.width, outer.x + outer.width) - x;
  const height = Math.min(inner.y + inner.height, outer.y + outer.height) - y;
  return width > 0 && height > 0 ? { x, y, width, height } : null;
}
