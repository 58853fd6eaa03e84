import { useMemo, useState } from "react";
import { useSlowLive } from "../../../live/slow";
import { useChartTheme } from "../../../theme";
import { Chart } from "../../Chart";
import { Choice, type LongSpan, LongSpanChoice } from "../controls";
import { NO_LANES } from "../lanes";
import {
  percentileRows,
  percentilesHeight,
  percentilesNote,
  percentilesOption,
  percentilesTable,
  QUANTITIES,
  type Quantity,
} from "./percentiles";

/** How long tasks wait and take: median, 90th and 99th percentile of each scheduler. */
export function PercentilesWidget() {
  const [quantity, setQuantity] = useState<Quantity>("wait_s");
  const [span, setSpan] = useState<LongSpan>("all");
  const lanes = useSlowLive(({ state }) => state?.lanes ?? NO_LANES);
  const theme = useChartTheme();
  const { label, unit } = QUANTITIES.find(({ value }) => value === quantity) ?? {
    label: quantity,
    unit: "",
  };
  const rows = useMemo(() => percentileRows(lanes, span, quantity), [lanes, span, quantity]);
  const option = useMemo(() => percentilesOption(rows, unit, theme), [rows, unit, theme]);
  const table = useMemo(() => percentilesTable(rows, unit), [rows, unit]);
  const note = percentilesNote(rows);
  return (
    <>
      <div className="toolbar">
        <Choice label="of" value={quantity} options={QUANTITIES} onChange={setQuantity} />
        <LongSpanChoice value={span} onChange={setSpan} />
      </div>
      {rows.length === 0 ? (
        <p className="empty">This was not measured in this run.</p>
      ) : (
        <Chart
          label={`Percentiles of the ${label} of tasks`}
          summary={note}
          option={option}
          table={table}
          height={percentilesHeight(rows)}
        />
      )}
      {note && <p className="note">{note}</p>}
    </>
  );
}
