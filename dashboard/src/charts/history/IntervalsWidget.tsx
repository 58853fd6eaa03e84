import { useMemo, useState } from "react";
import { useComparison, useMeasures } from "../../api/queries";
import { formatNumber, withUnit } from "../../format";
import { useChartTheme } from "../../theme";
import { Segments } from "../../widgets/Segments";
import { Chart } from "../Chart";
import { useLanes, useSchedulers } from "../lanes";
import { Choice } from "../live/controls";
import { measureOf, useMeasureMap } from "../live/measures";
import { useAsking, useSeen } from "../tasks/asking";
import { intervalOption, intervals, intervalTable, type Kind } from "./intervals";

const KINDS: readonly [Kind, string][] = [
  ["difference", "Differences"],
  ["mean", "Means"],
];
const SPANS: readonly ["all" | "window", string][] = [
  ["all", "All"],
  ["window", "Window"],
];
const DEFAULT = "";

/** How sure it is that one scheduler is better than another. */
export function IntervalsWidget() {
  const [box, isSeen] = useSeen<HTMLDivElement>();
  const { run, options } = useAsking(isSeen);
  const [key, setKey] = useState("objective");
  const [kind, setKind] = useState<Kind>("difference");
  const [span, setSpan] = useState<"all" | "window">("all");
  const [wanted, setWanted] = useState(DEFAULT);
  const theme = useChartTheme();
  const lanes = useLanes();
  const schedulers = useSchedulers();
  const { data: measures = [] } = useMeasures();
  const measure = measureOf(useMeasureMap(), key);
  const reference = schedulers.includes(wanted) ? wanted : null;
  const { data, error } = useComparison(run, { span, reference }, options);
  const answer = data?.run === run ? data : null;
  const ofRun = reference === null ? (answer?.reference ?? null) : null;
  const shown = useMemo(
    () => (answer ? intervals(answer, measure, kind) : []),
    [answer, measure, kind],
  );
  const option = useMemo(
    () => intervalOption(shown, measure, kind, lanes, theme),
    [shown, measure, kind, lanes, theme],
  );
  const table = useMemo(
    () => (answer ? intervalTable(answer, measures, kind) : { columns: [], rows: [] }),
    [answer, measures, kind],
  );
  const offered = measures.filter(({ key: of }) => answer?.lanes.some((one) => of in one.means));
  const what = kind === "mean" ? "Means" : `Differences to ${answer?.reference ?? "the reference"}`;
  return (
    <div className="stack" ref={box}>
      <div className="toolbar">
        <Segments label="What" options={KINDS} value={kind} onChange={setKind} />
        <Segments label="Episodes" options={SPANS} value={span} onChange={setSpan} />
        <Choice
          label="Metric"
          value={key}
          options={offered.map((one) => ({ value: one.key, label: withUnit(one) }))}
          onChange={setKey}
        />
        <Choice
          label="Reference"
          value={reference ?? DEFAULT}
          options={[
            { value: DEFAULT, label: ofRun === null ? "the run's" : `${ofRun} (the run's)` },
            ...schedulers.map((name) => ({ value: name, label: name })),
          ]}
          onChange={setWanted}
        />
      </div>
      {error && <p role="alert">{error.message}</p>}
      {!answer && !error && <p className="empty">Loading …</p>}
      {answer && (
        <>
          <Chart
            label={`${what}: ${withUnit(measure)}, with 95 % intervals`}
            option={option}
            table={table}
            height={shown.length * 22 + 50}
          />
          <p className="note">
            Episodes {formatNumber(answer.first)} to {formatNumber(answer.end - 1)}; lines are 95 %
            intervals
            {kind === "difference" && answer.reference && `, less ${answer.reference}`}
          </p>
        </>
      )}
    </div>
  );
}
