import { announce } from "../announce";
import { change, move } from "../layout/layout";
import { resetLayout, updateLayout, useLayout } from "../layout/useLayout";
import { WIDGETS } from "../widgets/registry";
import { Dialog } from "./Dialog";
import { open } from "./opened";

/** Which widgets are shown, and in which order. */
export function WidgetsDialog() {
  const layout = useLayout();
  const reset = () => {
    resetLayout();
    announce("The widgets are as they were at first");
  };
  return (
    <Dialog title="Widgets" onClose={() => open(null)}>
      <ul className="widget-list">
        {layout.map(({ id, isHidden }) => {
          const spec = WIDGETS.find((known) => known.id === id);
          if (!spec) return null;
          return (
            <li key={id}>
              <label className="check">
                <input
                  type="checkbox"
                  checked={!isHidden}
                  onChange={({ target }) =>
                    updateLayout((now) => change(now, id, { isHidden: !target.checked }))
                  }
                />
                <span>
                  <b>{spec.title}</b> <span className="hint">{spec.description}</span>
                </span>
              </label>
              <button
                type="button"
                className="quiet"
                disabled={isHidden}
                aria-label={`Move ${spec.title} earlier`}
                onClick={() => updateLayout((now) => move(now, id, -1))}
              >
                ↑
              </button>
              <button
                type="button"
                className="quiet"
                disabled={isHidden}
                aria-label={`Move ${spec.title} later`}
                onClick={() => updateLayout((now) => move(now, id, 1))}
              >
                ↓
              </button>
            </li>
          );
        })}
      </ul>
      <div className="actions">
        <button type="button" onClick={reset}>
          As at first
        </button>
        <button type="button" className="primary" onClick={() => open(null)}>
          Done
        </button>
      </div>
    </Dialog>
  );
}
