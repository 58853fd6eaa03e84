// The one wrapper of ECharts: it draws what it is given, in the theme, and has a table behind it.
import type { EChartsType } from "echarts/core";
import { useEffect, useRef, useState } from "react";
import { type ChartTheme, useChartTheme } from "../theme";
import { DataTable, type TableData } from "../widgets/DataTable";
import { useWidgetView } from "../widgets/view";
import type { ChartOption } from "./echarts";

/** What of a clicked item charts need. */
export interface ChartSelection {
  componentType: string;
  seriesIndex?: number;
  seriesName?: string;
  dataIndex: number;
  name: string;
  value: unknown;
  data: unknown;
}

export interface ChartProps {
  /** What is shown, in words: the accessible name of the picture. */
  label: string;
  /** What it shows now, in a sentence: read after the name. */
  summary?: string;
  /** Keep the same object while nothing has changed (useMemo). */
  option: ChartOption;
  /** The same values as text: what the table view shows. */
  table: TableData;
  /** Least height [px]; it fills its widget. */
  height?: number;
  /** Called with what was clicked; give the table's `onSelect` too, for the keyboard. */
  onSelect?: (selection: ChartSelection) => void;
  /** Called with what zooms it by other means than the pointer; null: it is gone. */
  onZoomer?: (zoomer: Zoomer | null) => void;
}

/** What of the first axis that can be zoomed is seen, in percent of all. */
export interface Zoomer {
  get: () => [start: number, end: number];
  set: (start: number, end: number) => void;
}

const OUT_OF_SIGHT = "200px";

/** What every chart has unless it says otherwise. */
function themeObject(theme: ChartTheme) {
  const axis = {
    axisLine: { lineStyle: { color: theme.line } },
    axisTick: { lineStyle: { color: theme.line } },
    axisLabel: { color: theme.muted },
    nameTextStyle: { color: theme.muted },
    splitLine: { lineStyle: { color: theme.grid } },
    splitArea: { show: false },
    minorSplitLine: { lineStyle: { color: theme.grid } },
  };
  const text = { color: theme.ink, fontFamily: theme.font };
  return {
    backgroundColor: "transparent",
    color: theme.lanes,
    textStyle: text,
    title: { textStyle: text, subtextStyle: { color: theme.muted } },
    legend: {
      textStyle: { color: theme.ink },
      inactiveColor: theme.muted,
      pageTextStyle: { color: theme.ink },
      pageIconColor: theme.ink,
      pageIconInactiveColor: theme.line,
    },
    tooltip: {
      backgroundColor: theme.raised,
      borderColor: theme.line,
      textStyle: { color: theme.ink },
    },
    categoryAxis: axis,
    valueAxis: axis,
    logAxis: axis,
    timeAxis: axis,
    radar: {
      axisName: { color: theme.ink },
      axisLine: { lineStyle: { color: theme.grid } },
      splitLine: { lineStyle: { color: theme.grid } },
      splitArea: { show: false },
    },
    visualMap: { textStyle: { color: theme.ink } },
    dataZoom: {
      textStyle: { color: theme.muted },
      borderColor: theme.line,
      handleStyle: { color: theme.raised, borderColor: theme.muted },
    },
    markLine: { label: { color: theme.ink } },
  };
}

/** Nothing moves, and no text of ours becomes HTML: the policy allows no inline style. */
function completed(option: ChartOption): ChartOption {
  const { tooltip } = option;
  if (!tooltip || Array.isArray(tooltip)) return { animation: false, ...option };
  return {
    animation: false,
    ...option,
    tooltip: { confine: true, ...tooltip, renderMode: "richText" },
  };
}

function zoomerOf(chart: EChartsType): Zoomer {
  return {
    get: () => {
      const { dataZoom } = chart.getOption() as { dataZoom?: { start?: number; end?: number }[] };
      return [dataZoom?.[0]?.start ?? 0, dataZoom?.[0]?.end ?? 100];
    },
    set: (start, end) => chart.dispatchAction({ type: "dataZoom", dataZoomIndex: 0, start, end }),
  };
}

function Canvas(props: Omit<ChartProps, "table">) {
  const { label, summary, option, height = 180, onSelect, onZoomer } = props;
  const theme = useChartTheme();
  const box = useRef<HTMLDivElement>(null);
  const [chart, setChart] = useState<EChartsType | null>(null);
  const [isSeen, setSeen] = useState(false);
  const select = useRef(onSelect);
  select.current = onSelect;
  const zoom = useRef(onZoomer);
  zoom.current = onZoomer;

  useEffect(() => {
    const element = box.current;
    if (!element) return;
    let made: EChartsType | null = null;
    let isGone = false;
    const sizes = new ResizeObserver(() => made?.resize());
    const sight = new IntersectionObserver(
      (entries) => setSeen(entries.at(-1)?.isIntersecting ?? false),
      {
        rootMargin: OUT_OF_SIGHT,
      },
    );
    import("./echarts").then(({ init }) => {
      if (isGone) return;
      made = init(element, themeObject(theme), { renderer: "canvas" });
      made.on("click", (event) => select.current?.(event as unknown as ChartSelection));
      sizes.observe(element);
      sight.observe(element);
      setChart(made);
      zoom.current?.(zoomerOf(made));
    });
    return () => {
      isGone = true;
      sizes.disconnect();
      sight.disconnect();
      zoom.current?.(null);
      made?.dispose();
      setChart(null);
    };
  }, [theme]);

  // What is out of sight is drawn when it comes into sight: a busy stream costs only what is seen.
  useEffect(() => {
    if (!chart || !isSeen || chart.isDisposed()) return;
    chart.setOption(completed(option), { replaceMerge: ["series"], lazyUpdate: true });
  }, [chart, isSeen, option]);

  const words = summary ? `${label}. ${summary}` : label;
  return (
    <div className="chart" style={{ minHeight: height }}>
      <div className="chart-canvas" ref={box} role="img" aria-label={words} />
    </div>
  );
}

/** A chart, or its table if the widget that it is in is switched to that. */
export function Chart({ table, ...rest }: ChartProps) {
  const view = useWidgetView();
  if (view === "table") return <DataTable label={rest.label} {...table} />;
  return <Canvas {...rest} />;
}
