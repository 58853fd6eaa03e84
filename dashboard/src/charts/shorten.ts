/** A character of a label takes about so much [px]: a little more than most fonts need. */
const CHARACTER_PX = 7.6;

/** Name of a device in some width [px]: what is cut off is before its number. */
export function shorten(name: string, width: number): string {
  const most = Math.floor(width / CHARACTER_PX);
  if (name.length <= most) return name;
  const number = / #\d+$/.exec(name)?.[0] ?? "";
  return `${name.slice(0, Math.max(most - number.length - 1, 1))}…${number}`;
}
