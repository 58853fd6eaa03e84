import { useMemo, useState } from "react";
import { useMeasures } from "../../../api/queries";
import { useSlowLive } from "../../../live/slow";
import { useChartTheme } from "../../../theme";
import { Chart } from "../../Chart";
import { useLanes } from "../../lanes";
import { type LongSpan, LongSpanChoice } from "../controls";
import { LanePicker, useShown } from "../LanePicker";
import { NO_LANES } from "../lanes";
import { ORACLE, radarNotes, radarOf, radarTable } from "./radar";
import { radarOption } from "./radarChart";

const NO_MEASURES: never[] = [];
/** Schedulers that are shown until one chooses: more cannot be told apart. */
const DEFAULT_SHOWN = 8;

/** Makespan, energy, wait and decision time of schedulers relative to the oracle's. */
export function RadarWidget() {
  const lanes = useLanes();
  const [span, setSpan] = useState<LongSpan>("all");
  const states = useSlowLive(({ state }) => state?.lanes ?? NO_LANES);
  const measures = useMeasures().data ?? NO_MEASURES;
  const theme = useChartTheme();
  const defaults = useMemo(() => {
    const names = lanes.map(({ scheduler }) => scheduler);
    const [oracle, others] = [
      names.filter((name) => name === ORACLE),
      names.filter((name) => name !== ORACLE),
    ];
    return [...oracle, ...others.slice(0, DEFAULT_SHOWN - oracle.length)];
  }, [lanes]);
  const { shown, toggle } = useShown(defaults);
  const radar = useMemo(() => radarOf(states, span, measures), [states, span, measures]);
  const option = useMemo(
    () => radarOption(radar, shown, lanes, theme),
    [radar, shown, lanes, theme],
  );
  const table = useMemo(() => radarTable(radar), [radar]);
  const notes = radarNotes(radar, shown).join(" ");
  if (radar.axes.length < 3) return <p className="empty">Waiting for what is measured …</p>;
  return (
    <>
      <div className="toolbar">
        <LongSpanChoice value={span} onChange={setSpan} />
      </div>
      <Chart
        label="Schedulers relative to the oracle"
        summary={notes}
        option={option}
        table={table}
        height={270}
      />
      <LanePicker lanes={lanes} shown={shown} onToggle={toggle} />
      <p className="note">{notes}</p>
    </>
  );
}
