import { useState } from "react";
import { formatMeasure, formatValue } from "../../../format";
import { useSlowLive } from "../../../live/slow";
import { DataTable } from "../../../widgets/DataTable";
import { useWidgetView } from "../../../widgets/view";
import { LaneName } from "../../LaneName";
import { useLanes } from "../../lanes";
import { Choice } from "../controls";
import { NO_LANES } from "../lanes";
import { measureOf, useMeasureMap } from "../measures";
import { Sparkline } from "./Sparkline";
import { extremes } from "./sparkline";
import { seriesOf, trendKey, trendTable } from "./trend";

/** Gap or objective of each scheduler over the window, as small lines. */
export function TrendWidget() {
  const lanes = useLanes();
  const states = useSlowLive(({ state }) => state?.lanes ?? NO_LANES);
  const measures = useMeasureMap();
  const view = useWidgetView();
  const [chosen, setChosen] = useState<"gap" | "objective" | null>(null);
  const key = chosen ?? trendKey(states);
  const measure = measureOf(measures, key);
  const options = (["gap", "objective"] as const).map((value) => ({
    value,
    label: measureOf(measures, value).label,
  }));
  const label = `${measure.label} over the window`;
  const window = Math.max(0, ...Object.values(states).map((lane) => lane.window_episodes));
  return (
    <>
      <div className="toolbar">
        <Choice label="of" value={key} options={options} onChange={setChosen} />
        <span className="note">
          last {window} episodes; each line from its least to its most, its newest value in bold
        </span>
      </div>
      {view === "table" ? (
        <DataTable label={label} {...trendTable(states, measure)} />
      ) : (
        <ul className="trends" aria-label={label}>
          {lanes.flatMap((lane) => {
            const state = states[lane.scheduler];
            if (!state) return [];
            const values = seriesOf(state, key);
            const between = extremes(values);
            return (
              <li key={lane.scheduler}>
                <LaneName scheduler={lane.scheduler} place={lane.place} />
                <Sparkline values={values} lane={lane} />
                <b>{formatMeasure(values.at(-1), measure)}</b>
                <small>
                  {between &&
                    `${formatValue(between.least, measure)} to ${formatValue(between.most, measure)}`}
                </small>
              </li>
            );
          })}
        </ul>
      )}
    </>
  );
}
