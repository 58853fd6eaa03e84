import { useMemo } from "react";
import type { Histogram } from "../../api/types";
import { useChartTheme } from "../../theme";
import { DataTable } from "../../widgets/DataTable";
import { useWidgetView } from "../../widgets/view";
import { Chart } from "../Chart";
import { describeHistogram, histogramOption, histogramTable, SHOWN, type Shown } from "./histogram";
import { Statistics } from "./Statistics";

function One({ histogram, shown }: { histogram: Histogram; shown: Shown }) {
  const theme = useChartTheme();
  const option = useMemo(() => histogramOption(histogram, shown, theme), [histogram, shown, theme]);
  const table = useMemo(() => histogramTable({ [shown.key]: histogram }), [histogram, shown]);
  return (
    <Chart
      label={`Tasks by ${shown.label}`}
      summary={describeHistogram(histogram, shown)}
      option={option}
      table={table}
      height={150}
    />
  );
}

function All({ histograms }: { histograms: Record<string, Histogram> }) {
  const view = useWidgetView();
  const table = useMemo(() => histogramTable(histograms), [histograms]);
  if (view === "table")
    return <DataTable label="Tasks by size, intensity, GPU fraction" {...table} />;
  return (
    <div className="multiples">
      {SHOWN.map((shown) => {
        const histogram = histograms[shown.key];
        return histogram && <One key={shown.key} histogram={histogram} shown={shown} />;
      })}
    </div>
  );
}

export function Histograms() {
  return <Statistics>{({ histograms }) => <All histograms={histograms} />}</Statistics>;
}
