import { useMemo, useState } from "react";
import { Choice } from "../controls";
import { measureOf, useMeasureMap } from "../measures";
import { meanOf, sumOf } from "./curves";
import { HistoryView } from "./HistoryView";

const KINDS = [
  { value: "sum", label: "so far" },
  { value: "mean", label: "of each group" },
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
      choices={<Choice label="regret" value={kind} options={KINDS} onChange={setKind} />}
      missing="There is no regret without bounds: this run has none."
    />
  );
}
