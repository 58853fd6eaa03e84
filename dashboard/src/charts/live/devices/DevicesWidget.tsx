import { useMemo } from "react";
import { useSlowLive } from "../../../live/slow";
import { useChartTheme } from "../../../theme";
import { useChosenScheduler } from "../../../widgets/chosen";
import { SchedulerSelect } from "../../../widgets/SchedulerSelect";
import { Chart } from "../../Chart";
import { useSchedulers } from "../../lanes";
import { useNarrow } from "../useNarrow";
import { deviceRows, devicesSummary, devicesTable } from "./devices";
import { devicesHeight, devicesOption } from "./devicesChart";
import { waitsOption, waitsTable } from "./waits";

/** Below this width there is no room for how far values go in groups [px]. */
const NARROW = 480;
const NO_DEVICES: never[] = [];

/** Load and queue of every device of a scheduler. */
export function DevicesWidget() {
  const schedulers = useSchedulers();
  const [scheduler, choose] = useChosenScheduler();
  const lane = useSlowLive(({ state }) => state?.lanes[scheduler]);
  const theme = useChartTheme();
  const [box, isNarrow] = useNarrow<HTMLDivElement>(NARROW);
  const devices = lane?.devices ?? NO_DEVICES;
  const rows = useMemo(() => deviceRows(devices), [devices]);
  const option = useMemo(() => devicesOption(rows, theme, isNarrow), [rows, theme, isNarrow]);
  const table = useMemo(() => devicesTable(devices), [devices]);
  const waits = lane?.waits_s ?? null;
  const waiting = useMemo(
    () => waits && { option: waitsOption(waits, theme), table: waitsTable(waits) },
    [waits, theme],
  );
  return (
    <>
      <div className="toolbar" ref={box}>
        <SchedulerSelect schedulers={schedulers} value={scheduler} onChange={choose} />
        {rows.length < devices.length && (
          <span className="note">
            {devices.length} devices in {rows.length} groups; the table has each
          </span>
        )}
      </div>
      {devices.length === 0 ? (
        <p className="empty">Nothing is known of the devices of {scheduler} yet.</p>
      ) : (
        <Chart
          label={`Load and queue of the devices, ${scheduler}`}
          summary={devicesSummary(devices)}
          option={option}
          table={table}
          height={devicesHeight(rows)}
        />
      )}
      {waiting && (
        <Chart
          label={`How long the devices are busy still, ${scheduler}`}
          option={waiting.option}
          table={waiting.table}
          height={170}
        />
      )}
    </>
  );
}
