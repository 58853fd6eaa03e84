// How the schedulers compare now, over the window, and over all episodes.
import { Fragment, useMemo, useState } from "react";
import { useComparison, useMeasures } from "../api/queries";
import type { LaneState, MeanValue, Measure } from "../api/types";
import { LaneName } from "../charts/LaneName";
import { useSchedulers } from "../charts/lanes";
import { formatDifference, formatNumber, formatValue, NONE, toNumber, withUnit } from "../format";
import { useRun } from "../live/run";
import { type Live, useLive } from "../live/store";
import {
  bestValue,
  type ComparisonRow,
  isColumn,
  liveRows,
  type Span,
  sortRows,
  storedRows,
} from "./comparison";
import { Segments } from "./Segments";
import { SortHeader, type Sorting } from "./SortHeader";

const SPANS: [Span, string][] = [
  ["now", "Now"],
  ["window", "Window"],
  ["all", "All"],
];
const ASK_EVERY_MS = 5_000;
const NO_LANES: Record<string, LaneState> = {};

function Difference({ value, measure }: { value: MeanValue | undefined; measure: Measure }) {
  if (!value) return NONE;
  const half = toNumber(value.half_width);
  const mean = toNumber(value.mean);
  const isSure = half !== null && mean !== null && Math.abs(mean) > half;
  const isBetter = mean !== null && mean < 0 === measure.lower_is_better;
  const verdict = isBetter ? "better" : "worse";
  return (
    <>
      {formatDifference(value.mean, measure)}
      <span className="interval"> ± {formatValue(value.half_width, measure)}</span>
      {isSure && (
        <span className={isBetter ? "good" : "bad"} title={`${verdict} than the reference`}>
          <span aria-hidden="true">{isBetter ? " ▼" : " ▲"}</span>
          <span className="unseen">, {verdict}</span>
        </span>
      )}
    </>
  );
}

function Value({
  row,
  measure,
  best,
}: {
  row: ComparisonRow;
  measure: Measure;
  best: number | null;
}) {
  const value = row.values[measure.key];
  const isBest = best !== null && toNumber(value) === best;
  const text = formatValue(value, measure);
  if (!isBest) return text;
  return (
    <b className="best">
      <span aria-hidden="true">★ </span>
      {text}
      <span className="unseen"> (best)</span>
    </b>
  );
}

/** The rows of a span; the store is asked for differences, and if there is nothing live. */
function useRows(span: Span, reference: string | null) {
  const run = useRun();
  const schedulers = useSchedulers();
  const lanes = useLive(({ state }) => state?.lanes ?? NO_LANES);
  const isLive = Object.keys(lanes).length > 0;
  const isStored = reference !== null || !isLive;
  const params = { span: span === "all" ? ("all" as const) : ("window" as const), reference };
  const { data, error } = useComparison(run, span === "now" ? { ...params, episodes: 1 } : params, {
    enabled: isStored,
    every: ASK_EVERY_MS,
  });
  const rows = useMemo(() => {
    if (!isStored) return liveRows(lanes, schedulers, span);
    return data && data.run === run ? storedRows(data, schedulers) : [];
  }, [isStored, lanes, schedulers, span, data, run]);
  return { rows, schedulers, error: isStored ? error : null, reference: data?.reference ?? null };
}

function ReferenceChooser(props: {
  schedulers: readonly string[];
  value: string | null;
  onChange: (value: string | null) => void;
}) {
  return (
    <label className="field">
      Less
      <select
        value={props.value ?? ""}
        onChange={({ target }) => props.onChange(target.value || null)}
      >
        <option value="">nothing: values</option>
        {props.schedulers.map((scheduler) => (
          <option key={scheduler}>{scheduler}</option>
        ))}
      </select>
    </label>
  );
}

/** Whether it is known how sure a difference is: it takes some hundred episodes. */
const hasInterval = ({ mean, low, high }: NonNullable<LaneState["difference"]>): boolean =>
  mean !== null && low !== null && high !== null;

/** J less the reference over the whole run, with an interval that holds at all times at once. */
function RunDifference({ scheduler, measure }: { scheduler: string; measure: Measure }) {
  const difference = useLive(({ state }) => state?.lanes[scheduler]?.difference ?? null);
  if (!difference || !hasInterval(difference)) return NONE;
  const { mean, low, high, differs } = difference;
  return (
    <>
      {formatDifference(mean, measure)}
      <span className="interval">
        {" "}
        [{formatDifference(low, measure)}, {formatDifference(high, measure)}]
      </span>
      {!differs && <span className="interval"> undecided</span>}
    </>
  );
}

/** To whom the lanes are compared over the whole run; null: no interval is known yet. */
function referenceOf({ state }: Live): string | null {
  const differences = Object.values(state?.lanes ?? NO_LANES).map((lane) => lane.difference);
  return differences.find((known) => known && hasInterval(known))?.reference ?? null;
}

export function Comparison() {
  const [span, setSpan] = useState<Span>("window");
  const [wanted, setWanted] = useState<string | null>(null);
  const [sorting, setSorting] = useState<Sorting<string>>({ key: "objective", order: "asc" });
  const { data: measures = [] } = useMeasures();
  const all = useSchedulers();
  const reference = wanted !== null && all.includes(wanted) ? wanted : null;
  const { rows, schedulers, error } = useRows(span, reference);
  const ofRun = useLive(referenceOf);
  const shown = measures.filter((measure) => isColumn(measure, rows, span, reference !== null));
  const best = new Map(shown.map((measure) => [measure.key, bestValue(rows, measure)]));
  const sorted = sortRows(rows, sorting);
  const objective = measures.find(({ key }) => key === "objective");
  const hasDifference = reference === null && ofRun !== null && objective !== undefined;
  const episodes = Math.max(0, ...rows.map((row) => row.episodes));
  return (
    <>
      <div className="toolbar">
        <Segments label="Episodes" options={SPANS} value={span} onChange={setSpan} />
        <ReferenceChooser schedulers={schedulers} value={reference} onChange={setWanted} />
        <span className="hint">
          {span === "now"
            ? "the newest episode"
            : `${formatNumber(episodes)} ${episodes === 1 ? "episode" : "episodes"}`}
        </span>
      </div>
      {error && <p role="alert">{error.message}</p>}
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by the keyboard */}
      <section className="table-box" aria-label="Comparison: table" tabIndex={0}>
        <table>
          <caption className="unseen">
            {reference ? `Differences to ${reference}` : "Mean values"} of each scheduler
          </caption>
          <thead>
            <tr>
              <SortHeader
                label="scheduler"
                name="scheduler"
                sorting={sorting}
                onSort={setSorting}
              />
              {shown.map((measure) => (
                <Fragment key={measure.key}>
                  <SortHeader
                    label={withUnit(measure)}
                    name={measure.key}
                    sorting={sorting}
                    onSort={setSorting}
                    isNumber
                  />
                  {hasDifference && measure === objective && (
                    <th scope="col" className="number">
                      J less {ofRun} <span className="interval">[95 %], whole run</span>
                    </th>
                  )}
                </Fragment>
              ))}
            </tr>
          </thead>
          <tbody>
            {sorted.map((row) => (
              <tr key={row.scheduler}>
                <th scope="row">
                  <LaneName scheduler={row.scheduler} place={row.place} />
                  {row.scheduler === (reference ?? ofRun) && (
                    <span className="interval"> reference</span>
                  )}
                </th>
                {shown.map((measure) => (
                  <Fragment key={measure.key}>
                    <td className="number">
                      {reference === null ? (
                        <Value row={row} measure={measure} best={best.get(measure.key) ?? null} />
                      ) : (
                        <Difference value={row.differences[measure.key]} measure={measure} />
                      )}
                    </td>
                    {hasDifference && measure === objective && (
                      <td className="number">
                        <RunDifference scheduler={row.scheduler} measure={measure} />
                      </td>
                    )}
                  </Fragment>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
        {rows.length === 0 && !error && <p className="empty">No episode has been measured yet.</p>}
      </section>
    </>
  );
}
