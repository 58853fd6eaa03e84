/** How many points a chart has at most: more are not seen on any screen. */
export const MAX_POINTS = 400;
/** Groups of a page: a page that is whole is fetched once, the newest again and again. */
export const PAGE_GROUPS = 100;

const STEPS = [1, 2, 5];

/** Episodes of a group: 1, 2, 5, 10, 20, ... so that a run of that length has few enough points. */
export function chooseGranularity(episodes: number): number {
  for (let decade = 1; ; decade *= 10) {
    for (const step of STEPS) {
      const granularity = step * decade;
      if (Math.ceil(episodes / granularity) <= MAX_POINTS) return granularity;
    }
  }
}

/** A page of groups: from which episode on, and whether nothing is added to it any more. */
export interface Page {
  first: number;
  isWhole: boolean;
}

/** The pages of a run of that length, the oldest first; of an empty run none. */
export function pagesOf(episodes: number, granularity: number): Page[] {
  const length = granularity * PAGE_GROUPS;
  const pages: Page[] = [];
  for (let first = 0; first < episodes; first += length) {
    pages.push({ first, isWhole: first + length <= episodes });
  }
  return pages;
}
