/** A character of a label takes about so much [px]: a little more than most fonts need. */
const CHARACTER_PX = 7.6;
/** The sign of what is left out takes as much as so many characters. */
const SIGN = 2;

/** Name of a device in some width [px]: what is cut off is before its number. */
export function shorten(name: string, width: number): string {
  const most = Math.floor(width / CHARACTER_PX);
  if (name.length <= most) return name;
  const number = / #\d+$/.exec(name)?.[0] ?? "";
  return `${name.slice(0, Math.max(most - number.length - SIGN, 1))}…${number}`;
}
