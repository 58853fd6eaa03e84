import { useMemo, useState } from "react";
import { useComparison } from "../../../api/queries";
import { useRun } from "../../../live/run";
import { useChartTheme } from "../../../theme";
import { Chart } from "../../Chart";
import { type LongSpan, LongSpanChoice } from "../controls";
import { winsHeight, winsOption, winsSummary, winsTable, winsWidth } from "./wins";

const REFRESH_MS = 5_000;
const NOTHING = { lanes: [], wins: [] };

/** How often each scheduler is better than each other. */
export function WinsWidget() {
  const run = useRun();
  const [span, setSpan] = useState<LongSpan>("all");
  const answer = useComparison(run, { span }, { every: REFRESH_MS });
  const theme = useChartTheme();
  const wins = answer.data ?? NOTHING;
  const option = useMemo(() => winsOption(wins, theme), [wins, theme]);
  const table = useMemo(() => winsTable(wins), [wins]);
  return (
    <>
      <div className="toolbar">
        <LongSpanChoice value={span} onChange={setSpan} />
        <span className="note">
          % of the episodes in which the row is better than the column; ties count for neither
        </span>
      </div>
      {wins.lanes.length < 2 ? (
        <p className="empty">
          {answer.error
            ? answer.error.message
            : answer.isPending
              ? "Loading …"
              : "It takes two schedulers, and an episode, to compare."}
        </p>
      ) : (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to by keyboard, too
        <section className="wide" tabIndex={0} aria-label="Matrix, scrolls sideways">
          <div style={{ minWidth: winsWidth(wins) }}>
            <Chart
              label="How often each scheduler is better than each other"
              summary={winsSummary(wins)}
              option={option}
              table={table}
              height={winsHeight(wins)}
            />
          </div>
        </section>
      )}
    </>
  );
}
