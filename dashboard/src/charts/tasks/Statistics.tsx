// The frame of widgets that sum up the last tasks of a scheduler.
import type { ReactNode } from "react";
import { useStatistics } from "../../api/queries";
import type { StatisticsAnswer } from "../../api/types";
import { formatNumber } from "../../format";
import { useChosenScheduler } from "../../widgets/chosen";
import { SchedulerSelect } from "../../widgets/SchedulerSelect";
import { useSchedulers } from "../lanes";
import { type Asking, useAsking, useSeen } from "./asking";
import { SpanSelect } from "./Select";
import { useSpan } from "./span";

/** The last tasks of a scheduler, of which the answer for another one is never shown. */
export function useStatisticsOf(scheduler: string, { run, before, options }: Asking) {
  const [last] = useSpan();
  const { data, error } = useStatistics(
    run,
    { scheduler, last, ...(before === undefined ? {} : { before }) },
    { ...options, enabled: options.enabled && scheduler !== "" },
  );
  const isOurs = data?.run === run && data.scheduler === scheduler;
  return { answer: isOurs ? data : null, error };
}

export interface StatisticsProps {
  /** More to choose. */
  tools?: ReactNode;
  children: (answer: StatisticsAnswer) => ReactNode;
}

export function Statistics({ tools, children }: StatisticsProps) {
  const [box, isSeen] = useSeen<HTMLDivElement>();
  const asking = useAsking(isSeen);
  const schedulers = useSchedulers();
  const [scheduler, choose] = useChosenScheduler();
  const { answer, error } = useStatisticsOf(scheduler, asking);
  return (
    <div className="stack" ref={box}>
      <div className="toolbar">
        <SchedulerSelect schedulers={schedulers} value={scheduler} onChange={choose} />
        <SpanSelect />
        {tools}
      </div>
      {error && <p role="alert">{error.message}</p>}
      {!answer && !error && <p className="empty">Loading …</p>}
      {answer && answer.tasks === 0 && <p className="empty">No decisions are kept.</p>}
      {answer && answer.tasks > 0 && (
        <>
          <div className="fill">{children(answer)}</div>
          <p className="note">
            {formatNumber(answer.tasks)} tasks of {scheduler}, numbers {formatNumber(answer.first)}{" "}
            to {formatNumber(answer.first + answer.tasks - 1)}
          </p>
        </>
      )}
    </div>
  );
}
