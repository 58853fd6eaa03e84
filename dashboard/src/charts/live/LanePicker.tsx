// The legend of a chart as buttons: it shows how each scheduler looks, and hides it or shows it.
import { useMemo, useState } from "react";
import { LaneMark } from "../LaneName";
import type { Lane } from "../lanes";

export function LanePicker({
  lanes,
  shown,
  onToggle,
}: {
  lanes: readonly Lane[];
  shown: ReadonlySet<string>;
  onToggle: (scheduler: string) => void;
}) {
  return (
    <fieldset className="lane-picker">
      <legend className="unseen">Schedulers that are shown</legend>
      {lanes.map((lane) => (
        <button
          key={lane.scheduler}
          type="button"
          aria-pressed={shown.has(lane.scheduler)}
          onClick={() => onToggle(lane.scheduler)}
        >
          <LaneMark place={lane.place} />
          {lane.scheduler}
        </button>
      ))}
    </fieldset>
  );
}

/** Which schedulers a chart shows: by default these, until one chooses. */
export function useShown(defaults: readonly string[]) {
  const [changed, setChanged] = useState<ReadonlyMap<string, boolean>>(new Map());
  const shown = useMemo(() => {
    const names = new Set(defaults);
    for (const [name, isShown] of changed) {
      if (isShown) names.add(name);
      else names.delete(name);
    }
    return names;
  }, [defaults, changed]);
  const toggle = (name: string) => setChanged(new Map(changed).set(name, !shown.has(name)));
  return { shown, toggle };
}
