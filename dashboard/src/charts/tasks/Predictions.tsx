// What learned schedulers saw and thought of each action, as small bars with their numbers.
import { useId } from "react";
import type { AuditAnswer, AuditLane, Prediction } from "../../api/types";
import { formatNumber, formatPercent, NONE } from "../../format";
import { LaneName } from "../LaneName";
import { actionRows, digitsOf, ORACLE, whyNotBest } from "./judgement";

type Learned = AuditLane & { prediction: Prediction };

const KINDS: Record<Prediction["kind"], { heading: string; hint: string }> = {
  probability: {
    heading: "probability",
    hint: "Bars: from 0 to 1.",
  },
  q_value: {
    heading: "Q value",
    hint: "Bars: from the least to the greatest; only differences matter.",
  },
};

function Bar({ length }: { length: number | null }) {
  if (length === null) return null;
  return (
    <svg className="bar" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">
      <rect className="whole" width="100" height="10" />
      <rect className="part" width={Math.max(length * 100, 0.5)} height="10" />
    </svg>
  );
}

function Features({ features }: { features: Prediction["features"] }) {
  const entries = Object.entries(features);
  if (entries.length === 0) return null;
  return (
    <details>
      <summary>What it saw: {formatNumber(entries.length)} features</summary>
      <dl className="features">
        {entries.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value === null ? NONE : formatNumber(value, 3)}</dd>
          </div>
        ))}
      </dl>
    </details>
  );
}

interface OneProps {
  lane: Learned;
  gpuFractions: readonly number[];
  oracles: number | null;
  place: number;
}

function One({ lane, gpuFractions, oracles, place }: OneProps) {
  const heading = useId();
  const { prediction, decision, scheduler } = lane;
  const { heading: what, hint } = KINDS[prediction.kind];
  const rows = actionRows(prediction, gpuFractions, decision.action, oracles);
  const digits = digitsOf(prediction);
  const why = whyNotBest(rows, decision);
  return (
    <section className="prediction" aria-labelledby={heading}>
      <h3 id={heading}>
        <LaneName scheduler={scheduler} place={place} />
        <span className="muted"> model {decision.model_version}</span>
      </h3>
      {prediction.why_not !== null && <p className="note">Not known: {prediction.why_not}</p>}
      {rows.length > 0 && (
        <table aria-labelledby={heading}>
          <thead>
            <tr>
              <th scope="col" className="number">
                GPU
              </th>
              <th scope="col" colSpan={2}>
                {what}
              </th>
              <th scope="col">choice</th>
            </tr>
          </thead>
          <tbody>
            {rows.map((row) => (
              <tr key={row.action} className={row.isChosen ? "chosen" : undefined}>
                <th scope="row" className="number">
                  {formatPercent(row.gpuFraction)}
                </th>
                <td>
                  <Bar length={row.length} />
                </td>
                <td className="number">{formatNumber(row.value, digits)}</td>
                <td>
                  {row.isChosen && <span className="mark">▲ chosen </span>}
                  {row.isOracles && <span className="mark">◆ oracle</span>}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {rows.length > 0 && <p className="note">{hint}</p>}
      {why && <p className="note">{why}</p>}
      <Features features={prediction.features} />
    </section>
  );
}

interface PredictionsProps {
  answer: AuditAnswer;
  lanes: readonly Learned[];
  schedulers: readonly string[];
  oracles: number | null;
}

export function Predictions({ answer, lanes, schedulers, oracles }: PredictionsProps) {
  if (lanes.length === 0) return null;
  return (
    <>
      <div className="predictions">
        {lanes.map((lane) => (
          <One
            key={lane.scheduler}
            lane={lane}
            gpuFractions={answer.gpu_fractions}
            oracles={oracles}
            place={schedulers.indexOf(lane.scheduler)}
          />
        ))}
      </div>
      {oracles === null && <p className="note">What {ORACLE} chose is not kept for this task.</p>}
    </>
  );
}
