import type { Measure } from "../../../api/types";
import { formatShort, formatValue, withUnit } from "../../../format";
import type { ChartTheme } from "../../../theme";
import type { ChartOption } from "../../echarts";
import type { Lane } from "../../lanes";
import { laneFill } from "../../series";
import { names } from "../axes";
import { type Bars, barText } from "./bars";

const ROW_HEIGHT = 28;

export const barsHeight = ({ bars }: Bars): number => 56 + ROW_HEIGHT * Math.max(bars.length, 1);

/** A bar for each scheduler with its value as text; the bound is a line across them. */
export function barsOption(
  { bars, limit, bound }: Bars,
  measure: Measure,
  lanes: readonly Lane[],
  theme: ChartTheme,
): ChartOption {
  const look = new Map(lanes.map((lane) => [lane.scheduler, lane]));
  const texts = bars.map((bar) => barText(bar, measure));
  return {
    tooltip: {
      trigger: "item",
      formatter: (item) => {
        const { dataIndex, name } = item as unknown as { dataIndex: number; name: string };
        return `${name}: ${texts[dataIndex] ?? ""}`;
      },
    },
    grid: {
      left: 4,
      right: 14,
      top: 22,
      bottom: 4,
      outerBoundsMode: "same",
      outerBoundsContain: "all",
    },
    xAxis: {
      type: "value",
      min: 0,
      max: limit * measure.scale,
      name: withUnit(measure),
      nameLocation: "middle",
      axisLabel: {
        formatter: (value: number) => formatShort(value),
        showMaxLabel: false,
        hideOverlap: true,
      },
    },
    yAxis: [
      names(
        bars.map(({ scheduler }) => scheduler),
        theme,
      ),
      // The values stand beside the bars, where nothing is behind them.
      { ...names(texts, theme), position: "right", axisLine: { show: false } },
    ],
    series: [
      {
        id: "values",
        type: "bar",
        barWidth: "74%",
        emphasis: { disabled: true },
        data: bars.map(({ scheduler, value }) => {
          const lane = look.get(scheduler);
          return {
            value: value === null ? 0 : Math.min(value, limit) * measure.scale,
            ...(lane ? { itemStyle: laneFill(lane, theme).itemStyle } : {}),
          };
        }),
        markLine: {
          silent: true,
          symbol: "none",
          lineStyle: { color: theme.ink, type: "dashed", width: 2 },
          label: {
            show: true,
            position: "start",
            color: theme.ink,
            formatter: `bound ${bound === null ? "" : formatValue(bound, measure)}`,
          },
          data: bound === null ? [] : [{ xAxis: bound * measure.scale }],
        },
      },
    ],
  };
}
