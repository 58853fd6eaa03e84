// Zooming by buttons: for the keyboard, and for fingers.
import type { RefObject } from "react";
import type { Zoomer } from "./Chart";
import { type ZoomStep, zoomed } from "./zoom";

const STEPS: readonly { step: ZoomStep; sign: string; name: string }[] = [
  { step: "in", sign: "+", name: "Zoom in" },
  { step: "out", sign: "−", name: "Zoom out" },
  { step: "left", sign: "◂", name: "Move left" },
  { step: "right", sign: "▸", name: "Move right" },
  { step: "all", sign: "↔", name: "Show all" },
];

export function ZoomButtons({ zoomer }: { zoomer: RefObject<Zoomer | null> }) {
  const take = (step: ZoomStep) => {
    const { current } = zoomer;
    current?.set(...zoomed(current.get(), step));
  };
  return (
    <fieldset className="buttons" aria-label="Zoom">
      {STEPS.map(({ step, sign, name }) => (
        <button key={step} type="button" className="quiet" title={name} onClick={() => take(step)}>
          <span aria-hidden="true">{sign}</span>
          <span className="unseen">{name}</span>
        </button>
      ))}
    </fieldset>
  );
}
