import { useState } from "react";
import { WIDGETS } from "../widgets/registry";
import { Widget } from "../widgets/Widget";
import { Arrange } from "./Arrange";
import { change, moveTo } from "./layout";
import { updateLayout, useLayout } from "./useLayout";

/** The widgets that are shown; `onlyAlways`: those alone that need no run. */
export function Grid({ onlyAlways }: { onlyAlways: boolean }) {
  const layout = useLayout();
  const [dragged, setDragged] = useState<string | null>(null);
  const [over, setOver] = useState<string | null>(null);
  const drop = () => {
    if (dragged && over) updateLayout((now) => moveTo(now, dragged, over));
    setDragged(null);
  };
  return (
    <div className="grid">
      {layout.map(({ id, columns, view, isHidden }) => {
        const spec = WIDGETS.find((known) => known.id === id);
        if (!spec || isHidden || (onlyAlways && spec.needs !== "nothing")) return null;
        return (
          <Widget
            key={id}
            spec={spec}
            view={view}
            columns={columns}
            actions={<Arrange spec={spec} />}
            isDropTarget={dragged !== null && dragged !== id && over === id}
            onView={(next) => updateLayout((now) => change(now, id, { view: next }))}
            onDrag={setDragged}
            onOver={setOver}
            onDrop={drop}
          />
        );
      })}
    </div>
  );
}
