import { useMemo, useState } from "react";
import { useSlowLive } from "../../../live/slow";
import { useChartTheme } from "../../../theme";
import { Chart } from "../../Chart";
import { useLanes } from "../../lanes";
import { Choice, type Span, SpanChoice } from "../controls";
import { NO_LANES } from "../lanes";
import { measureOf, useMeasureMap } from "../measures";
import { barsOf, barsSummary, COMPARED, type Compared, comparisonTable } from "./bars";
import { barsHeight, barsOption } from "./barsChart";

/** A measure of each scheduler as a bar, with the bound. */
export function ComparisonBarsWidget() {
  const lanes = useLanes();
  const [key, setKey] = useState<Compared>("objective");
  const [span, setSpan] = useState<Span>("window");
  const states = useSlowLive(({ state }) => state?.lanes ?? NO_LANES);
  const measures = useMeasureMap();
  const theme = useChartTheme();
  const measure = measureOf(measures, key);
  const bars = useMemo(() => barsOf(states, span, measure), [states, span, measure]);
  const option = useMemo(
    () => barsOption(bars, measure, lanes, theme),
    [bars, measure, lanes, theme],
  );
  const table = useMemo(() => comparisonTable(states, span, measures), [states, span, measures]);
  const options = COMPARED.map((value) => ({ value, label: measureOf(measures, value).label }));
  return (
    <>
      <div className="toolbar">
        <Choice label="by" value={key} options={options} onChange={setKey} />
        <SpanChoice value={span} onChange={setSpan} />
      </div>
      <Chart
        label={`Schedulers by ${measure.label}`}
        summary={barsSummary(bars, measure)}
        option={option}
        table={table}
        height={barsHeight(bars)}
      />
      {bars.bars.some(({ isCut }) => isCut) && (
        <p className="note">≫: the bar is longer than there is room for.</p>
      )}
    </>
  );
}
