import type { ComparisonAnswer } from "../../../api/types";
import { formatPercent, NONE, toFinite } from "../../../format";
import type { ChartTheme } from "../../../theme";
import type { TableData } from "../../../widgets/DataTable";
import type { ChartOption } from "../../echarts";
import { NAME_WIDTH, names } from "../axes";

export type Wins = Pick<ComparisonAnswer, "lanes" | "wins">;

const CELL = 28;

/** Least width [px]: on a phone many schedulers scroll sideways. */
export const winsWidth = ({ lanes }: Wins): number => NAME_WIDTH + 24 * lanes.length;

export const winsHeight = ({ lanes }: Wins): number => 40 + CELL * Math.max(lanes.length, 2);

/** Shares of the episodes in which the row's scheduler is the better one, as colours and numbers.
 *
 * The columns have the numbers of the rows: names would not fit beside one another.
 */
export function winsOption({ lanes, wins }: Wins, theme: ChartTheme): ChartOption {
  const numbers = lanes.map((_, i) => `${i + 1}`);
  const [low, middle, high] = theme.isDark
    ? ["#5b2a63", "#2a3340", "#0f5f57"]
    : ["#e8b7e2", "#eef1f5", "#8fd3c4"];
  return {
    tooltip: {
      formatter: (item) => {
        const { value } = item as unknown as { value: [number, number, number] };
        return winText(lanes, value[1], value[0], value[2]);
      },
    },
    grid: {
      left: 4,
      right: 8,
      top: 4,
      bottom: 4,
      outerBoundsMode: "same",
      outerBoundsContain: "all",
    },
    xAxis: {
      type: "category",
      position: "top",
      data: numbers,
      axisTick: { show: false },
      axisLabel: { interval: 0, color: theme.ink },
      name: "better than",
      nameLocation: "middle",
      nameGap: 22,
    },
    yAxis: names(
      lanes.map(({ scheduler }, i) => `${i + 1}  ${scheduler}`),
      theme,
    ),
    visualMap: {
      show: false,
      min: 0,
      max: 1,
      inRange: { color: [low ?? "", middle ?? "", high ?? ""] },
    },
    series: [
      {
        id: "wins",
        type: "heatmap",
        data: cells(wins),
        itemStyle: { borderColor: theme.surface, borderWidth: 1 },
        label: {
          show: true,
          color: theme.ink,
          fontSize: lanes.length > 10 ? 9 : 11,
          formatter: ({ value }) => {
            const share = Array.isArray(value) ? value[2] : null;
            return typeof share === "number" ? `${Math.round(share * 100)}` : "";
          },
        },
        emphasis: { disabled: true },
      },
    ],
  };
}

/** (column, row, share); nobody is compared with themselves. */
function cells(wins: Wins["wins"]): [number, number, number][] {
  return wins.flatMap((row, i) =>
    row.flatMap((share, j): [number, number, number][] => {
      const value = toFinite(share);
      return i === j || value === null ? [] : [[j, i, value]];
    }),
  );
}

function winText(lanes: Wins["lanes"], row: number, column: number, share: number): string {
  const name = (place: number) => lanes[place]?.scheduler ?? NONE;
  return `${name(row)} is better than\n${name(column)} in ${formatPercent(share, 1)} of the episodes`;
}

export function winsTable({ lanes, wins }: Wins): TableData {
  return {
    columns: [
      { label: "better in % of the episodes" },
      ...lanes.map(({ scheduler }) => ({ label: `than ${scheduler}`, isNumber: true })),
    ],
    rows: lanes.map(({ scheduler }, i) => [
      scheduler,
      ...lanes.map((_, j) => (i === j ? "" : formatPercent(wins[i]?.[j], 1))),
    ]),
    note: "By the objective; the best scheduler comes first.",
  };
}

/** Who wins most, in a sentence. */
export function winsSummary({ lanes, wins }: Wins): string {
  const [first, second] = lanes;
  if (!first || !second) return "";
  return `${first.scheduler} is the best; it is better than ${second.scheduler} in ${formatPercent(wins[0]?.[1], 1)} of the episodes`;
}
