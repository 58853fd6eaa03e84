import { type FormEvent, useEffect, useId, useState } from "react";
import { useAudit, useRunDetail } from "../../api/queries";
import type { AuditAnswer, AuditLane, DecisionRow, RunDetail } from "../../api/types";
import {
  formatBytes,
  formatNumber,
  formatPercent,
  formatShort,
  NONE,
  toNumber,
} from "../../format";
import { useLive } from "../../live/store";
import { chooseTask, useChosenTask } from "../../widgets/chosen";
import { DataTable, type TableData } from "../../widgets/DataTable";
import { LaneName } from "../LaneName";
import { useSchedulers } from "../lanes";
import { useAsking, useSeen } from "./asking";
import { deviceName } from "./bars";
import { forgotten, learned, ORACLE, oraclesAction } from "./judgement";
import { signed } from "./matrix";
import { Predictions } from "./Predictions";

/** What a choice cost, in percent of the oracle's J. */
export function costText(cost: AuditLane["cost"]): string {
  const value = toNumber(cost);
  if (value === null) return NONE;
  return Number.isFinite(value) ? `${signed(value * 100, 2)} %` : `+${formatNumber(cost)} %`;
}

function ranOn({ decision }: AuditLane, detail: RunDetail): string {
  const { cpu, gpu, fallback } = decision;
  const names = [cpu, gpu].flatMap((share) => (share ? [deviceName(share.device, detail)] : []));
  return `${names.join(" + ") || NONE}${fallback ? " (did not fit on a GPU)" : ""}`;
}

/** What each scheduler did, a row each. */
export function auditTable(
  { lanes }: AuditAnswer,
  detail: RunDetail,
  schedulers: readonly string[],
): TableData {
  const number = (label: string) => ({ label, isNumber: true });
  return {
    columns: [
      { label: "scheduler" },
      number("GPU fraction"),
      { label: "same as the oracle" },
      number("cost"),
      { label: "ran on" },
      number("wait [s]"),
      number("response [s]"),
      number("energy [J]"),
      number("CPU free in [s]"),
      number("GPU free in [s]"),
      number("model"),
    ],
    rows: lanes.map((lane) => {
      const { decision, scheduler, cost } = lane;
      const oracle = lanes.find((other) => other.scheduler === ORACLE)?.decision;
      const same = oracle ? (oracle.action === decision.action ? "yes" : "no") : NONE;
      return [
        <LaneName key="name" scheduler={scheduler} place={schedulers.indexOf(scheduler)} />,
        formatPercent(decision.gpu_fraction),
        scheduler === ORACLE ? NONE : same,
        costText(cost),
        ranOn(lane, detail),
        formatNumber(decision.wait_s, 2),
        formatNumber(decision.response_s, 2),
        formatNumber(decision.energy_j, 1),
        formatNumber(decision.cpu_wait_s, 2),
        formatNumber(decision.gpu_wait_s, 2),
        decision.model_version,
      ];
    }),
  };
}

/** What is known of the work of a task: which row of the table it is where that has times alone. */
function workOf(task: DecisionRow): [string, string][] {
  if (task.size_flop === null)
    return task.pool_row === null ? [] : [["row of the workload", formatNumber(task.pool_row)]];
  return [
    ["size", `${formatShort(task.size_flop)} FLOP`],
    ["intensity", `${formatShort(task.intensity_flop_per_byte)} FLOP/B`],
  ];
}

function Facts({ answer }: { answer: AuditAnswer }) {
  const task = answer.lanes[0]?.decision;
  if (!task) return null;
  const facts: [string, string][] = [
    ["episode", formatNumber(answer.episode)],
    ["task in it", formatNumber(answer.task)],
    ["arrives at", `${formatNumber(task.arrival_s, 2)} s`],
    ...workOf(task),
    ["memory", formatBytes(task.memory_bytes)],
  ];
  return (
    <dl className="facts">
      {facts.map(([name, value]) => (
        <div className="fact" key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

function Found({ answer, detail }: { answer: AuditAnswer; detail: RunDetail }) {
  const schedulers = useSchedulers();
  const table = auditTable(answer, detail, schedulers);
  const gone = forgotten(answer, detail.summary.schedulers);
  const oracles = oraclesAction(answer);
  return (
    <>
      <Facts answer={answer} />
      <DataTable label={`What was decided on task ${answer.sequence}`} {...table} />
      {answer.why_no_cost !== null && <p className="note">No cost: {answer.why_no_cost}</p>}
      {gone.length > 0 && (
        <p className="note">Decisions on it are no longer kept: {gone.join(", ")}</p>
      )}
      <Predictions
        answer={answer}
        lanes={learned(answer.lanes)}
        schedulers={schedulers}
        oracles={oracles}
      />
    </>
  );
}

interface NumberProps {
  task: number | null;
  last: number | null;
}

/** Choose a task by its number, or the one before or after. */
function TaskNumber({ task, last }: NumberProps) {
  const id = useId();
  const [text, setText] = useState("");
  useEffect(() => setText(task === null ? "" : String(task)), [task]);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (text) chooseTask(Number(text));
  };
  const step = (by: number) => () => chooseTask(Math.max((task ?? 0) + by, 0));
  return (
    <form className="toolbar" onSubmit={submit}>
      <span className="field">
        <label htmlFor={id}>Task</label>
        <input
          id={id}
          type="number"
          min={0}
          max={last ?? undefined}
          step={1}
          required
          value={text}
          onChange={({ target }) => setText(target.value)}
        />
      </span>
      <button type="submit">Show</button>
      <button type="button" disabled={task === null || task <= 0} onClick={step(-1)}>
        Previous
      </button>
      <button
        type="button"
        disabled={task === null || (last !== null && task >= last)}
        onClick={step(1)}
      >
        Next
      </button>
      <button type="button" disabled={last === null} onClick={() => chooseTask(last)}>
        Newest
      </button>
    </form>
  );
}

/** What each scheduler saw, thought, chose and got for a task. */
export function Audit() {
  const [box, isSeen] = useSeen<HTMLDivElement>();
  const { run, newest, perEpisode } = useAsking(isSeen);
  const tasks = useLive(({ state }) => (state?.replay ? null : (state?.run?.tasks ?? null)));
  const come = tasks ?? (newest !== null && perEpisode !== null ? (newest + 1) * perEpisode : 0);
  const task = useChosenTask();
  const { data: detail, error: noDetail } = useRunDetail(run, { enabled: isSeen });
  const { data, error } = useAudit(run, task, { enabled: isSeen });
  const answer = data?.run === run && data.sequence === task ? data : null;
  const isKnown = detail?.summary.run === run;
  const trouble = task === null ? null : (error ?? noDetail);
  return (
    <div className={task === null ? "stack audit unchosen" : "stack audit"} ref={box}>
      <TaskNumber task={task} last={come > 0 ? come - 1 : null} />
      {task === null && (
        <p className="empty">Choose a task: by its number in the run, or in the Gantt chart.</p>
      )}
      {trouble && <p role="alert">{trouble.message}</p>}
      {task !== null && !answer && !trouble && <p className="empty">Loading …</p>}
      {answer && isKnown && !trouble && <Found answer={answer} detail={detail} />}
    </div>
  );
}
