// Measures by key, as the widgets need them.
import { useMemo } from "react";
import { useMeasures } from "../../api/queries";
import type { Measure } from "../../api/types";

/** Measures by key. */
export type Measures = ReadonlyMap<string, Measure>;

/** A measure by its key; one that the server does not know is shown as it is. */
export function measureOf(measures: Measures, key: string): Measure {
  return (
    measures.get(key) ?? {
      key,
      label: key,
      unit: "",
      shown_unit: "",
      scale: 1,
      digits: 2,
      lower_is_better: true,
      in_radar: false,
      over_episodes: "mean",
    }
  );
}

export const byKey = (measures: readonly Measure[]): Measures =>
  new Map(measures.map((measure) => [measure.key, measure]));

export function useMeasureMap(): Measures {
  const { data } = useMeasures();
  return useMemo(() => byKey(data ?? []), [data]);
}
