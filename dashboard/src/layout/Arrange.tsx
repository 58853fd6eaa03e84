// The button of a widget that moves, resizes and hides it: by what it opens, or by keys on itself.
import { type KeyboardEvent, useCallback } from "react";
import { announce } from "../announce";
import { Disclosure } from "../Disclosure";
import type { WidgetSpec } from "../widgets/registry";
import { change, type Layout, move, resize } from "./layout";
import { updateLayout } from "./useLayout";

const buttonId = (id: string) => `arrange-${id}`;

/** Change the layout, say what came of it, and keep the focus on the button, which may have moved. */
function rearrange(spec: WidgetSpec, step: (layout: Layout) => Layout): void {
  updateLayout((before) => {
    const after = step(before);
    const shown = after.filter(({ isHidden }) => !isHidden);
    const place = shown.findIndex(({ id }) => id === spec.id);
    if (place < 0) announce(`${spec.title} is hidden; “Widgets” brings it back`);
    else {
      const columns = shown[place]?.columns;
      const where = `place ${place + 1} of ${shown.length}, ${columns} of 12 columns`;
      announce(`${spec.title}: ${where}`, "quiet");
    }
    return after;
  });
  requestAnimationFrame(() => document.getElementById(buttonId(spec.id))?.focus());
}

export function Arrange({ spec }: { spec: WidgetSpec }) {
  const act = useCallback((step: (layout: Layout) => Layout) => rearrange(spec, step), [spec]);
  const hide = () => act((layout) => change(layout, spec.id, { isHidden: true }));
  const onKeyDown = (event: KeyboardEvent) => {
    const step = event.key === "ArrowLeft" ? -1 : event.key === "ArrowRight" ? 1 : null;
    if (step === null && event.key !== "Delete") return;
    event.preventDefault();
    if (step === null) hide();
    else act((layout) => (event.shiftKey ? resize : move)(layout, spec.id, step));
  };
  const steps: [string, (layout: Layout) => Layout][] = [
    ["Move earlier", (layout) => move(layout, spec.id, -1)],
    ["Move later", (layout) => move(layout, spec.id, 1)],
    ["Narrower", (layout) => resize(layout, spec.id, -1)],
    ["Wider", (layout) => resize(layout, spec.id, 1)],
  ];
  return (
    <Disclosure
      className="quiet"
      id={buttonId(spec.id)}
      name={`Arrange ${spec.title}`}
      onKeyDown={onKeyDown}
      panel={() => (
        <>
          {steps.map(([label, step]) => (
            <button key={label} type="button" onClick={() => updateLayout(step)}>
              {label}
            </button>
          ))}
          <button type="button" onClick={hide}>
            Hide
          </button>
        </>
      )}
    >
      <span aria-hidden="true">⋯</span>
    </Disclosure>
  );
}
