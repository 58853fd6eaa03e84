// A scheduler's name with the line and symbol that it has in the charts.
import { laneStyle, useLanes } from "./lanes";

/** The line and the symbol of the lane at a place; decoration, as the name stands beside it. */
export function LaneMark({ place }: { place: number }) {
  const { colour, dash, path } = useLanes()[place] ?? laneStyle(place);
  return (
    <svg className={`lane-mark lane-${colour}`} viewBox="0 0 32 12" aria-hidden="true">
      <line x1="0" y1="6" x2="32" y2="6" strokeWidth="2" strokeDasharray={dash.join(" ")} />
      <path d={path} transform="translate(16 6) scale(4.5)" fillRule="evenodd" />
    </svg>
  );
}

export function LaneName({ scheduler, place }: { scheduler: string; place: number }) {
  return (
    <span className="lane-name">
      {place >= 0 && <LaneMark place={place} />}
      {scheduler}
    </span>
  );
}
