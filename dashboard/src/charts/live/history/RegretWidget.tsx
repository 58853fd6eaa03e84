import { useMemo, useState } from "react";
import { Segments } from "../../../widgets/Segments";
import { measureOf, useMeasureMap } from "../measures";
import { meanOf, sumOf } from "./curves";
import { HistoryView } from "./HistoryView";

const KINDS = [
  ["sum", "So far"],
  ["mean", "Mean"],
] as const;

/** Regret over the episodes, with drifts and retrainings. */
export function RegretWidget() {
  const [kind, setKind] = useState<"sum" | "mean">("sum");
  const measures = useMeasureMap();
  const source = useMemo(() => (kind === "sum" ? sumOf : meanOf)("regret"), [kind]);
  const measure = measureOf(measures, kind === "sum" ? "cumulative_regret" : "regret");
  return (
    <HistoryView
      label={kind === "sum" ? "Regret so far, by episode" : "Mean regret, by episode"}
      measure={measure}
      source={source}
      choices={<Segments label="Regret" options={KINDS} value={kind} onChange={setKind} />}
      missing="There is no regret without bounds: this run has none."
    />
  );
}
