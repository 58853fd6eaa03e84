import { type RefObject, useCallback, useId, useMemo, useRef, useState } from "react";
import { useDecisions, useRunDetail } from "../../api/queries";
import type { DecisionRow, RunDetail } from "../../api/types";
import { formatNumber } from "../../format";
import { useChartTheme } from "../../theme";
import { chooseTask, useChosenScheduler, useChosenTask } from "../../widgets/chosen";
import { SchedulerSelect } from "../../widgets/SchedulerSelect";
import { Chart, type ChartSelection, type Zoomer } from "../Chart";
import { useSchedulers } from "../lanes";
import { ZoomButtons } from "../ZoomButtons";
import { shown } from "../zoom";
import { type Asking, useAsking, useSeen } from "./asking";
import { layOut, newestEpisode, rowsFrom, spanOfEpisode } from "./bars";
import { describe, ganttOption, ganttTable, MAX_ROWS_SEEN } from "./gantt";
import { openAudit } from "./openAudit";
import { Select } from "./Select";

const MOST = [50, 100, 200, 500, 1_000, 2_000] as const;

/** Decisions of an episode, null: of the newest; at most so many, the last ones. */
function useEpisode(asking: Asking, scheduler: string, episode: number | null, most: number) {
  const { run, perEpisode, before, options } = asking;
  const params =
    episode !== null && perEpisode !== null
      ? spanOfEpisode(episode, perEpisode, most)
      : { last: most, ...(before === undefined ? {} : { before }) };
  const { data, error } = useDecisions(
    run,
    { scheduler, ...params },
    { ...options, enabled: options.enabled && scheduler !== "" },
  );
  const isOurs = data?.run === run && data.scheduler === scheduler;
  const decisions = useMemo(
    () => (isOurs && data ? newestEpisode(data.decisions, most) : null),
    [isOurs, data, most],
  );
  return { decisions, error };
}

interface EpisodeProps {
  episode: number | null;
  newest: number | null;
  onChange: (episode: number | null) => void;
}

function EpisodeChooser({ episode, newest, onChange }: EpisodeProps) {
  const id = useId();
  const last = newest ?? 0;
  const at = episode ?? last;
  return (
    <span className="field">
      <label htmlFor={id}>Episode</label>
      <button
        type="button"
        className="quiet"
        title="Earlier episode"
        disabled={newest === null || at <= 0}
        onClick={() => onChange(at - 1)}
      >
        <span aria-hidden="true">◂</span>
        <span className="unseen">Earlier episode</span>
      </button>
      <input
        id={id}
        type="number"
        min={0}
        max={last}
        step={1}
        value={at}
        onChange={({ target }) => {
          const wanted = target.valueAsNumber;
          if (Number.isInteger(wanted) && wanted >= 0 && wanted <= last) onChange(wanted);
        }}
      />
      <button
        type="button"
        className="quiet"
        title="Later episode"
        disabled={newest === null || at >= last}
        onClick={() => onChange(at + 1)}
      >
        <span aria-hidden="true">▸</span>
        <span className="unseen">Later episode</span>
      </button>
      <button type="button" aria-pressed={episode === null} onClick={() => onChange(null)}>
        Newest
      </button>
    </span>
  );
}

interface PickerProps {
  decisions: readonly DecisionRow[];
  detail: RunDetail;
  chosen: number | null;
  onChoose: (decision: DecisionRow) => void;
}

/** The tasks as a slider: what the pointer does in the chart, for the keyboard and for fingers. */
function TaskPicker({ decisions, detail, chosen, onChoose }: PickerProps) {
  const id = useId();
  const at = decisions.findIndex(({ sequence }) => sequence === chosen);
  const decision = decisions[at];
  const words = decision ? describe(decision, detail) : "No task of this episode is chosen.";
  return (
    <div className="picker">
      <label htmlFor={id}>Task</label>
      <input
        id={id}
        type="range"
        min={0}
        max={Math.max(decisions.length - 1, 0)}
        value={Math.max(at, 0)}
        aria-valuetext={words}
        onChange={({ target }) => {
          const wanted = decisions[target.valueAsNumber];
          if (wanted) onChoose(wanted);
        }}
        onKeyDown={(event) => {
          const wanted = decision ?? decisions[0];
          if (event.key === "Enter" && wanted) openAudit(wanted.sequence);
        }}
      />
      <button
        type="button"
        disabled={!decision}
        onClick={() => decision && openAudit(decision.sequence)}
      >
        Audit
      </button>
      <p className="note">{words}</p>
    </div>
  );
}

interface RowPagerProps {
  row: number;
  length: number;
  onChange: (row: number) => void;
}

/** Turn to other devices: there are more than a chart can show. */
function RowPager({ row, length, onChange }: RowPagerProps) {
  const end = Math.min(row + MAX_ROWS_SEEN, length);
  return (
    <nav className="row" aria-label="Devices that are shown">
      <button
        type="button"
        disabled={row === 0}
        onClick={() => onChange(Math.max(row - MAX_ROWS_SEEN, 0))}
      >
        Devices before
      </button>
      <span>
        {row + 1} to {end} of {length}
      </span>
      <button type="button" disabled={end >= length} onClick={() => onChange(end)}>
        Next devices
      </button>
    </nav>
  );
}

interface PlanProps {
  decisions: readonly DecisionRow[];
  detail: RunDetail;
  scheduler: string;
  zoomer: RefObject<Zoomer | null>;
}

function Plan({ decisions, detail, scheduler, zoomer }: PlanProps) {
  const theme = useChartTheme();
  const chosen = useChosenTask();
  const [wantedRow, setRow] = useState(0);
  const layout = useMemo(() => layOut(decisions, detail), [decisions, detail]);
  const { length } = layout.rows;
  const row = wantedRow < length ? wantedRow : 0;
  const option = useMemo(
    () => ganttOption(rowsFrom(layout, row, MAX_ROWS_SEEN), detail, theme, chosen),
    [layout, row, detail, theme, chosen],
  );
  const table = useMemo(
    () => ({
      ...ganttTable(decisions, detail),
      onSelect: (row: number) => {
        const decision = decisions[row];
        if (decision) openAudit(decision.sequence);
      },
    }),
    [decisions, detail],
  );
  const setZoomer = useCallback(
    (next: Zoomer | null) => {
      zoomer.current = next;
    },
    [zoomer],
  );
  const select = ({ data }: ChartSelection) => {
    const { decision } = (data ?? {}) as { decision?: DecisionRow };
    if (decision) openAudit(decision.sequence);
  };
  const choose = (decision: DecisionRow) => {
    chooseTask(decision.sequence);
    const { current } = zoomer;
    const bars = layout.bars.filter((bar) => bar.decision === decision);
    const [bar] = bars;
    if (bar && bars.every((one) => one.row < row || one.row >= row + MAX_ROWS_SEEN))
      setRow(bar.row - (bar.row % MAX_ROWS_SEEN));
    const { begin, end } = layout;
    if (!current || !bar || end <= begin) return;
    const percent = (value: number) => ((value - begin) / (end - begin)) * 100;
    const from = percent(Math.min(...bars.map((bar) => bar.start)));
    const to = percent(Math.max(...bars.map((bar) => bar.finish)));
    const now = current.get();
    const next = shown(now, [from, to]);
    if (next[0] !== now[0] || next[1] !== now[1]) current.set(...next);
  };
  const first = decisions[0];
  const last = decisions.at(-1);
  return (
    <>
      <div className="fill">
        <Chart
          label={`Gantt chart of ${scheduler}: a row a device, a bar a share of a task`}
          summary={
            first && last
              ? `Episode ${last.episode}, tasks ${first.task} to ${last.task}, ` +
                `to ${formatNumber(layout.end, 1)} s`
              : "No tasks"
          }
          option={option}
          table={table}
          height={Math.min(Math.max(length, 4), MAX_ROWS_SEEN) * 24 + 110}
          onSelect={select}
          onZoomer={setZoomer}
        />
      </div>
      {length > MAX_ROWS_SEEN && <RowPager row={row} length={length} onChange={setRow} />}
      <TaskPicker decisions={decisions} detail={detail} chosen={chosen} onChoose={choose} />
      {layout.hidden > 0 && (
        <p className="note">
          Devices that are left out, as none of these tasks ran on them:{" "}
          {formatNumber(layout.hidden)}
        </p>
      )}
    </>
  );
}

/** Where and when the tasks of an episode ran. */
export function Gantt() {
  const [box, isSeen] = useSeen<HTMLDivElement>();
  const asking = useAsking(isSeen);
  const schedulers = useSchedulers();
  const [scheduler, choose] = useChosenScheduler();
  const [chosenEpisode, setEpisode] = useState<number | null>(null);
  const [most, setMost] = useState<number>(200);
  const zoomer = useRef<Zoomer | null>(null);
  const { newest } = asking;
  // Another run may be shorter, and a replay may go back.
  const episode =
    chosenEpisode !== null && newest !== null && chosenEpisode <= newest ? chosenEpisode : null;
  const { data: detail, error: noDetail } = useRunDetail(asking.run, { enabled: isSeen });
  const { decisions, error } = useEpisode(asking, scheduler, episode, most);
  const isLoading = !decisions || detail?.summary.run !== asking.run;
  const trouble = error ?? noDetail;
  return (
    <div className="stack" ref={box}>
      <div className="toolbar">
        <SchedulerSelect schedulers={schedulers} value={scheduler} onChange={choose} />
        <EpisodeChooser episode={episode} newest={newest} onChange={setEpisode} />
        <Select
          label="At most"
          value={most}
          options={MOST.map((value) => ({ value, label: `${formatNumber(value)} tasks` }))}
          onChange={setMost}
        />
        <ZoomButtons zoomer={zoomer} />
      </div>
      {trouble && <p role="alert">{trouble.message}</p>}
      {isLoading && !trouble && <p className="empty">Loading …</p>}
      {decisions?.length === 0 && <p className="empty">No decisions of this episode are kept.</p>}
      {!isLoading && detail && decisions.length > 0 && (
        <Plan decisions={decisions} detail={detail} scheduler={scheduler} zoomer={zoomer} />
      )}
    </div>
  );
}
