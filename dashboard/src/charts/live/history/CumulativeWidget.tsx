import { useMemo, useState } from "react";
import { Choice } from "../controls";
import { measureOf, useMeasureMap } from "../measures";
import { sumOf } from "./curves";
import { HistoryView } from "./HistoryView";

type Summed = "objective" | "energy_j" | "electricity_cost";
const SUMMED = [
  { value: "objective", label: "objective" },
  { value: "energy_j", label: "energy" },
  { value: "electricity_cost", label: "electricity cost" },
] as const;

/** Objective, energy and electricity cost of all episodes so far. */
export function CumulativeWidget() {
  const [key, setKey] = useState<Summed>("objective");
  const measures = useMeasureMap();
  const source = useMemo(() => sumOf(key), [key]);
  const name = SUMMED.find(({ value }) => value === key)?.label ?? key;
  return (
    <HistoryView
      label={`Sum of the ${name} so far, by episode`}
      measure={measureOf(measures, key)}
      source={source}
      choices={<Choice label="sum of" value={key} options={SUMMED} onChange={setKey} />}
      missing={
        key === "electricity_cost" ? (
          <>
            There is no price of electricity. Start the engine with{" "}
            <code>--electricity-price PRICE</code> (of a kWh).
          </>
        ) : (
          "Nothing has been played yet."
        )
      }
    />
  );
}
