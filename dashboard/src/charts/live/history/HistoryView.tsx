// What the charts over the episodes of a run share.
import { type ReactNode, useMemo, useState } from "react";
import type { Measure, Quantity } from "../../../api/types";
import { formatNumber, formatValue, withUnit } from "../../../format";
import { shallowEqual, useLive } from "../../../live/store";
import { useChartTheme } from "../../../theme";
import { Chart } from "../../Chart";
import { useLanes } from "../../lanes";
import { Choice } from "../controls";
import { LanePicker, useShown } from "../LanePicker";
import { aboveZero, curvesOf, isWide, phasesOf, retrainings, type Source } from "./curves";
import { historyOption, MAX_PINS } from "./historyChart";
import { historyTable } from "./historyTable";
import { useRunHistory } from "./useRunHistory";

type Scale = "auto" | "linear" | "log";
const SCALES = [
  { value: "auto", label: "automatic" },
  { value: "linear", label: "linear" },
  { value: "log", label: "logarithmic" },
] as const;

export interface HistoryViewProps {
  label: string;
  measure: Measure;
  source: Source;
  /** What is chosen besides the axis. */
  choices: ReactNode;
  /** What is said if no lane has such a value. */
  missing: ReactNode;
}

/** Lines over the episodes of the watched run. */
export function HistoryView({ label, measure, source, choices, missing }: HistoryViewProps) {
  const { run, episodes, end } = useLive(
    ({ state }) => ({
      run: state?.run?.run ?? null,
      episodes: state?.run?.next_episode ?? 0,
      end: state?.replay ? state.replay.position + 1 : Number.POSITIVE_INFINITY,
    }),
    shallowEqual,
  );
  const { history, loaded, pages, error } = useRunHistory(run, episodes, end);
  const lanes = useLanes();
  const theme = useChartTheme();
  const [scale, setScale] = useState<Scale>("auto");
  const names = useMemo(() => lanes.map(({ scheduler }) => scheduler), [lanes]);
  const { shown, toggle } = useShown(names);
  const curves = useMemo(
    () => curvesOf(history, source, measure.scale),
    [history, source, measure.scale],
  );
  const drawn = useMemo(() => {
    const chosen = curves.filter(({ lane }) => shown.has(lane));
    const isLog = scale === "log" || (scale === "auto" && isWide(chosen));
    return { isLog, ...(isLog ? aboveZero(chosen) : { curves: chosen, left: 0 }) };
  }, [curves, shown, scale]);
  const models = useMemo(() => retrainings(history), [history]);
  const phases = useMemo(() => phasesOf(history), [history]);
  const option = useMemo(
    () =>
      historyOption(
        {
          curves: drawn.curves,
          lanes,
          phases,
          retrained: new Map([...models].map(([lane, of]) => [lane, of.map((m) => m.episode)])),
          label: withUnit(measure),
          digits: measure.digits,
          isLog: drawn.isLog,
        },
        theme,
      ),
    [drawn, lanes, phases, models, measure, theme],
  );
  const table = useMemo(
    () =>
      historyTable(history, source, (value: Quantity | undefined) => formatValue(value, measure)),
    [history, source, measure],
  );
  const notes = [
    history.granularity > 1 && `A point is ${formatNumber(history.granularity)} episodes.`,
    phases.length > 0 && "Shaded and dashed: the problem drifts.",
    models.size > 0 && "Pins: the scheduler goes on with a model that has learned.",
    [...models.values()].some((of) => of.length > MAX_PINS) &&
      "Of many retrainings only some have pins; the table has all.",
    drawn.left > 0 &&
      `${formatNumber(drawn.left)} points at zero, below or next to it are not on the axis.`,
    loaded < pages && `Loading page ${loaded + 1} of ${pages} …`,
    error && `${error.message}.`,
  ].filter((note) => note !== false && note !== null);
  return (
    <>
      <div className="toolbar">
        {choices}
        <Choice label="axis" value={scale} options={SCALES} onChange={setScale} />
      </div>
      {curves.length === 0 ? (
        <p className="empty">{error ? error.message : loaded < pages ? "Loading …" : missing}</p>
      ) : (
        <Chart label={label} summary={notes.join(" ")} option={option} table={table} height={220} />
      )}
      <LanePicker lanes={lanes} shown={shown} onToggle={toggle} />
      {notes.length > 0 && <p className="note">{notes.join(" ")}</p>}
    </>
  );
}
