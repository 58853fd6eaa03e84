import type { ChartTheme } from "../../theme";

/** Room for a name beside a chart [px]: the longest of ours, "random-forest-online", fits. */
export const NAME_WIDTH = 148;

/** An axis with a text for each row, the first on top. */
export function names(data: string[], theme: ChartTheme) {
  return {
    type: "category" as const,
    inverse: true,
    data,
    axisTick: { show: false },
    axisLabel: {
      interval: 0,
      color: theme.ink,
      width: NAME_WIDTH,
      overflow: "truncate" as const,
    },
  };
}
