import { useMemo } from "react";
import { useChartTheme } from "../../../theme";
import { Chart } from "../../Chart";
import { processesOption, processesSummary, processesTable } from "./processes";
import { useSamples } from "./useSamples";

/** CPU and memory of engine and server over the last minutes. */
export function ProcessesWidget() {
  const samples = useSamples();
  const theme = useChartTheme();
  const option = useMemo(() => processesOption(samples, theme), [samples, theme]);
  const table = useMemo(() => processesTable(samples), [samples]);
  const summary = processesSummary(samples);
  return (
    <>
      <Chart
        label="CPU and memory of engine and server"
        summary={summary}
        option={option}
        table={table}
        height={220}
      />
      <p className="note">{summary}</p>
    </>
  );
}
