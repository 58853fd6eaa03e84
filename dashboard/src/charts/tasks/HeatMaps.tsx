import { useId, useMemo, useState } from "react";
import type { HeatMap } from "../../api/types";
import { useChartTheme } from "../../theme";
import { useWidgetView } from "../../widgets/view";
import { Chart } from "../Chart";
import { LaneName } from "../LaneName";
import { useSchedulers } from "../lanes";
import { useAsking, useSeen } from "./asking";
import { type HeatMapView, hasView } from "./cells";
import { heatMapOption, heatMapTable } from "./matrix";
import { Select, SpanSelect } from "./Select";
import { Statistics, useStatisticsOf } from "./Statistics";

const VIEWS: readonly { value: HeatMapView; label: string }[] = [
  { value: "chosen", label: "as chosen" },
  { value: "difference", label: "less the oracle's" },
];

/** All schedulers at once are asked about less often. */
const MANY_MS = 15_000;

const NO_WORK = "The times of these tasks were measured; they tell no size and intensity.";

interface MapProps {
  map: HeatMap;
  view: HeatMapView;
  scheduler: string;
  isSmall?: boolean;
}

function One({ map, view, scheduler, isSmall = false }: MapProps) {
  const theme = useChartTheme();
  const option = useMemo(
    () => heatMapOption(map, view, theme, isSmall),
    [map, view, theme, isSmall],
  );
  const table = useMemo(() => heatMapTable(map, view), [map, view]);
  if (!hasView(map, view))
    return <p className="empty">The oracle decided on none of these tasks.</p>;
  const what = view === "chosen" ? "GPU fraction" : "GPU fraction less the oracle's";
  return (
    <Chart
      label={`${what} of ${scheduler} by size and intensity`}
      option={option}
      table={table}
      height={isSmall ? 90 : 180}
    />
  );
}

function Small({
  scheduler,
  place,
  view,
}: {
  scheduler: string;
  place: number;
  view: HeatMapView;
}) {
  const [box, isSeen] = useSeen<HTMLElement>();
  const { options, ...asking } = useAsking(isSeen);
  const every = options.every === false ? false : Math.max(options.every, MANY_MS);
  const { answer, error } = useStatisticsOf(scheduler, {
    ...asking,
    options: { ...options, every },
  });
  return (
    <figure ref={box}>
      <figcaption>
        <LaneName scheduler={scheduler} place={place} />
      </figcaption>
      {error && <p role="alert">{error.message}</p>}
      {!answer && !error && <p className="empty">Loading …</p>}
      {answer &&
        (answer.heat_map ? (
          <One map={answer.heat_map} view={view} scheduler={scheduler} isSmall />
        ) : (
          <p className="empty">{answer.tasks > 0 ? NO_WORK : "No decisions are kept."}</p>
        ))}
    </figure>
  );
}

function AllToggle({ isOn, onChange }: { isOn: boolean; onChange: (isOn: boolean) => void }) {
  const id = useId();
  return (
    <span className="field">
      <input
        type="checkbox"
        id={id}
        checked={isOn}
        onChange={({ target }) => onChange(target.checked)}
      />
      <label htmlFor={id}>all schedulers</label>
    </span>
  );
}

/** Where schedulers put which tasks, and how that differs from what the oracle does. */
export function HeatMaps() {
  const schedulers = useSchedulers();
  const isTable = useWidgetView() === "table";
  const [view, setView] = useState<HeatMapView>("chosen");
  const [isAll, setAll] = useState(false);
  const tools = (
    <>
      <Select label="GPU fraction" value={view} options={VIEWS} onChange={setView} />
      <AllToggle isOn={isAll} onChange={setAll} />
    </>
  );
  if (isAll)
    return (
      <div className="stack">
        <div className="toolbar">
          <SpanSelect />
          {tools}
        </div>
        <div className={isTable ? "multiples wide" : "multiples small"}>
          {schedulers.map((scheduler, place) => (
            <Small key={scheduler} scheduler={scheduler} place={place} view={view} />
          ))}
        </div>
        <p className="note">
          Sizes grow to the right, intensities upwards.{" "}
          {view === "chosen"
            ? "The stronger the colour, the more runs on GPUs; the table has the numbers."
            : "The two colours are more and less than the oracle; the table has the signs."}
        </p>
      </div>
    );
  return (
    <Statistics tools={tools}>
      {({ heat_map, scheduler }) =>
        heat_map ? (
          <One map={heat_map} view={view} scheduler={scheduler} />
        ) : (
          <p className="empty">{NO_WORK}</p>
        )
      }
    </Statistics>
  );
}
