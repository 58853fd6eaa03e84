import type { Quantity } from "../../../api/types";
import type { LaneStyle } from "../../lanes";
import { sparkPath } from "./sparkline";

const WIDTH = 200;
const HEIGHT = 22;

/** A small line without axes; its words stand beside it. */
export function Sparkline({ values, lane }: { values: readonly Quantity[]; lane: LaneStyle }) {
  return (
    <svg
      className={`sparkline lane-${lane.colour}`}
      viewBox={`0 -2 ${WIDTH} ${HEIGHT + 4}`}
      preserveAspectRatio="none"
      aria-hidden="true"
    >
      <path d={sparkPath(values, WIDTH, HEIGHT)} vectorEffect="non-scaling-stroke" />
    </svg>
  );
}
