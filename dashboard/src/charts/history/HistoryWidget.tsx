import { type RefObject, useCallback, useMemo, useRef, useState } from "react";
import { attempt } from "../../api/control";
import { exportRun, saveBlob } from "../../api/download";
import { useHistory } from "../../api/queries";
import type { Measure } from "../../api/types";
import { Disclosure } from "../../Disclosure";
import { formatNumber, withUnit } from "../../format";
import { useChartTheme } from "../../theme";
import type { Sorting } from "../../widgets/SortHeader";
import { useWidgetView } from "../../widgets/view";
import { Chart, type Zoomer } from "../Chart";
import { useLanes } from "../lanes";
import { Choice } from "../live/controls";
import { aboveZero, curvesOf, isWide, phasesOf, retrainings } from "../live/history/curves";
import { historyOption } from "../live/history/historyChart";
import { type History, mergePages } from "../live/history/merge";
import { LanePicker, useShown } from "../live/LanePicker";
import { type Measures, measureOf, useMeasureMap } from "../live/measures";
import { useAsking, useSeen } from "../tasks/asking";
import { ZoomButtons } from "../ZoomButtons";
import { GroupTable } from "./GroupTable";
import { groupsCsv, hasBound, zoomable } from "./groups";
import {
  ask,
  type Choice as Chosen,
  granularities,
  groupRows,
  infinite,
  MAX_GROUPS,
  measured,
  type Stretch,
  seen,
  sortGroups,
  sourceOf,
} from "./rollups";

const AUTO = "auto";
const MEAN = "mean ";
const SUM = "sum ";
const NO_HISTORY: History = { granularity: 1, lanes: {}, marks: [] };

const nameOfChoice = ({ metric, isSum }: Chosen) => `${isSum ? SUM : MEAN}${metric}`;
const choiceOf = (name: string): Chosen => ({
  metric: name.slice((name.startsWith(SUM) ? SUM : MEAN).length),
  isSum: name.startsWith(SUM),
});

/** What can be looked at: each metric that was measured, and its sum if there is one. */
function choices(history: History, measures: Measures) {
  const listed = (isSum: boolean) => {
    const found = measured(history.lanes, isSum);
    const known = [...measures.keys()].filter((key) => found.has(key));
    const others = [...found].filter((key) => !measures.has(key)).sort();
    const labels = [...known, ...others].map((key) => withUnit(measureOf(measures, key)));
    return [...known, ...others].map((metric, place) => {
      const label = labels[place] ?? metric;
      const isOnly = labels.indexOf(label) === labels.lastIndexOf(label);
      return {
        value: nameOfChoice({ metric, isSum }),
        label: `${isSum ? "summed up: " : ""}${label}${isOnly ? "" : ` (${metric})`}`,
      };
    });
  };
  return [...listed(false), ...listed(true)];
}

function ExportMenu({ run, onShown }: { run: number; onShown: () => void }) {
  const schedulers = [
    ["episodes", "csv", "All episodes as CSV"],
    ["episodes", "parquet", "All episodes as Parquet"],
    ["decisions", "csv", "All decisions as CSV"],
    ["decisions", "parquet", "All decisions as Parquet"],
  ] as const;
  return (
    <Disclosure
      name={`Export history of run ${run}`}
      panel={(close) => (
        <>
          <button
            type="button"
            onClick={() => {
              close();
              onShown();
            }}
          >
            What is shown as CSV
          </button>
          {schedulers.map(([table, format, label]) => (
            <button
              key={label}
              type="button"
              onClick={() => {
                close();
                attempt(exportRun(run, table, format));
              }}
            >
              {label}
            </button>
          ))}
        </>
      )}
    >
      Export <span aria-hidden="true">▾</span>
    </Disclosure>
  );
}

interface ShownProps {
  history: History;
  choice: Chosen;
  measure: Measure;
  shown: ReadonlySet<string>;
  stretch: Stretch;
  zoomer: RefObject<Zoomer | null>;
  sorting: Sorting<string>;
  onSort: (sorting: Sorting<string>) => void;
}

function Shown(props: ShownProps) {
  const { history, choice, measure, shown, stretch, zoomer, sorting, onSort } = props;
  const { first, end } = stretch;
  const theme = useChartTheme();
  const view = useWidgetView();
  const all = useLanes();
  const lanes = useMemo(() => all.filter(({ scheduler }) => shown.has(scheduler)), [all, shown]);
  const label = `${choice.isSum ? "Summed up: " : ""}${withUnit(measure)}`;
  const found = useMemo(() => {
    const every = curvesOf(history, sourceOf(choice), measure.scale);
    const curves = every.filter(({ lane }) => shown.has(lane));
    const isLog = isWide(curves);
    const above = isLog ? aboveZero(curves) : { curves, left: 0 };
    const retrained = new Map(
      [...retrainings(history)].map(([name, marks]) => [name, marks.map((mark) => mark.episode)]),
    );
    const drawn = {
      curves: above.curves,
      lanes,
      phases: phasesOf(history),
      retrained,
      label,
      digits: measure.digits,
      isLog,
    };
    return {
      option: zoomable(historyOption(drawn, theme), { first, end }),
      left: above.left + infinite(history.lanes, choice),
      isLog,
    };
  }, [history, choice, measure, shown, lanes, label, theme, first, end]);
  const setZoomer = useCallback(
    (next: Zoomer | null) => {
      zoomer.current = next;
    },
    [zoomer],
  );
  if (view === "table")
    return (
      <GroupTable
        label={label}
        rows={groupRows(history.lanes, choice)}
        lanes={lanes}
        measure={measure}
        isBounded={hasBound(choice)}
        sorting={sorting}
        onSort={onSort}
      />
    );
  return (
    <>
      <Chart
        label={`${label} over the episodes of the run`}
        summary={found.isLog ? "The axis is logarithmic" : ""}
        option={found.option}
        table={{ columns: [], rows: [] }}
        height={200}
        onZoomer={setZoomer}
      />
      {(found.isLog || found.left > 0) && (
        <p className="note">
          {found.isLog && "The axis is logarithmic: the schedulers are far apart. "}
          {found.left > 0 &&
            `${formatNumber(found.left)} values have no place on it (the table has them).`}
        </p>
      )}
    </>
  );
}

/** How the run went: any metric, any schedulers, as fine as one likes. */
export function HistoryWidget() {
  const [box, isSeen] = useSeen<HTMLDivElement>();
  const { run, newest, before, options } = useAsking(isSeen);
  const [name, setName] = useState(nameOfChoice({ metric: "objective", isSum: false }));
  const [granularity, setGranularity] = useState(AUTO);
  const [chosenStretch, setStretch] = useState<(Stretch & { run: number | null }) | null>(null);
  const [sorting, setSorting] = useState<Sorting<string>>({ key: "first", order: "desc" });
  const zoomer = useRef<Zoomer | null>(null);
  const measures = useMeasureMap();
  const lanes = useLanes();
  const { shown, toggle } = useShown(useMemo(() => lanes.map((lane) => lane.scheduler), [lanes]));
  const episodes = newest === null ? 0 : newest + 1;
  const stretch = chosenStretch?.run === run ? chosenStretch : null;
  const wanted = granularity === AUTO ? null : Number(granularity);
  const asked = ask(episodes, stretch, wanted);
  const { data, error } = useHistory(
    run,
    { granularity: asked.granularity, first: asked.first, limit: MAX_GROUPS },
    { ...options, enabled: options.enabled && episodes > 0 },
  );
  const { first, end, left } = asked;
  const isWhole = stretch === null && before === undefined;
  const history = useMemo(
    () => (data?.run === run && data ? mergePages([data], isWhole ? undefined : end) : NO_HISTORY),
    [data, run, end, isWhole],
  );
  const choice = useMemo(() => choiceOf(name), [name]);
  const measure = useMemo(() => measureOf(measures, choice.metric), [measures, choice]);
  const offered = choices(history, measures);
  const names = Object.keys(history.lanes).filter((scheduler) => shown.has(scheduler));
  const steps = granularities(stretch ? stretch.end - stretch.first : episodes);
  const save = () => {
    const rows = sortGroups(groupRows(history.lanes, choice), sorting);
    const text = groupsCsv(rows, names, choice);
    saveBlob(new Blob([text], { type: "text/csv" }), `run-${run}-${name.replace(" ", "-")}.csv`);
  };
  const look = () => {
    const { current } = zoomer;
    if (current) setStretch({ run, ...seen({ first, end }, current.get()) });
    current?.set(0, 100);
  };
  if (run === null) return <p className="empty">No run yet.</p>;
  return (
    <div className="stack" ref={box}>
      <div className="toolbar">
        <Choice
          label="Metric"
          value={name}
          options={
            offered.some(({ value }) => value === name)
              ? offered
              : [{ value: name, label: withUnit(measure) }, ...offered]
          }
          onChange={setName}
        />
        <Choice
          label="Episodes of a group"
          value={granularity}
          options={[
            { value: AUTO, label: `as fits (${formatNumber(asked.granularity)})` },
            ...steps.map((step) => ({ value: String(step), label: formatNumber(step) })),
          ]}
          onChange={setGranularity}
        />
        <ZoomButtons zoomer={zoomer} />
        <button type="button" onClick={look}>
          Load what is seen
        </button>
        <button type="button" disabled={stretch === null} onClick={() => setStretch(null)}>
          Whole run
        </button>
        <ExportMenu run={run} onShown={save} />
      </div>
      {error && <p role="alert">{error.message}</p>}
      {history === NO_HISTORY && !error && <p className="empty">Loading …</p>}
      <Shown
        history={history}
        choice={choice}
        measure={measure}
        shown={shown}
        stretch={{ first, end }}
        zoomer={zoomer}
        sorting={sorting}
        onSort={setSorting}
      />
      <LanePicker lanes={lanes} shown={shown} onToggle={toggle} />
      <p className="note">
        Episodes {formatNumber(first)} to {formatNumber(Math.max(end - 1, 0))} of run {run}, in
        groups of {formatNumber(asked.granularity)}
        {left > 0 &&
          `; ${formatNumber(left)} groups before these are left out, as they are too many`}
      </p>
    </div>
  );
}
