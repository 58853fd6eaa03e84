import { useMemo } from "react";
import { useChartTheme } from "../../theme";
import { Chart } from "../Chart";
import type { Correlation } from "./cells";
import { correlationOption, correlationTable } from "./matrix";
import { Statistics } from "./Statistics";

function Matrix({ correlation }: { correlation: Correlation }) {
  const theme = useChartTheme();
  const option = useMemo(() => correlationOption(correlation, theme), [correlation, theme]);
  const table = useMemo(() => correlationTable(correlation), [correlation]);
  return (
    <Chart label="Correlation of what a task is with what it cost" option={option} table={table} />
  );
}

export function Correlations() {
  return (
    <Statistics>
      {({ correlation }) =>
        correlation ? (
          <Matrix correlation={correlation} />
        ) : (
          <p className="empty">There are too few tasks to tell.</p>
        )
      }
    </Statistics>
  );
}
