// The frame of a widget: title, actions, what is shown while it cannot, and a fence around errors.
import { Component, type CSSProperties, type ReactNode, Suspense } from "react";
import { useSchedulers } from "../charts/lanes";
import { useLive } from "../live/store";
import type { WidgetSpec } from "./registry";
import { type WidgetView, WidgetViewContext } from "./view";

class Fence extends Component<{ children: ReactNode }, { error: string | null }> {
  override state = { error: null as string | null };

  static getDerivedStateFromError(error: unknown) {
    return { error: error instanceof Error ? error.message : String(error) };
  }

  override render() {
    if (this.state.error === null) return this.props.children;
    return (
      <div className="empty" role="alert">
        <p>This widget has failed: {this.state.error}</p>
        <button type="button" onClick={() => this.setState({ error: null })}>
          Try again
        </button>
      </div>
    );
  }
}

function Content({ spec }: { spec: WidgetSpec }) {
  const hasState = useLive(({ state }) => state !== null);
  const hasRun = useLive(({ state }) => Boolean(state?.run));
  const hasLanes = useLive(({ state }) => Object.keys(state?.lanes ?? {}).length > 0);
  const Body = spec.component;
  if (spec.needs !== "nothing" && !hasState)
    return <p className="empty">Waiting for the server …</p>;
  if (spec.needs !== "nothing" && !hasRun) return <p className="empty">No run yet.</p>;
  if (spec.needs === "lanes" && !hasLanes)
    return <p className="empty">Waiting for the first episode …</p>;
  return <Body />;
}

export interface WidgetProps {
  spec: WidgetSpec;
  view: WidgetView;
  columns: number;
  /** Buttons that arrange it. */
  actions: ReactNode;
  onView: (view: WidgetView) => void;
  /** Whether what is dragged would come here. */
  isDropTarget: boolean;
  onDrag: (id: string | null) => void;
  onOver: (id: string) => void;
  onDrop: () => void;
}

export function Widget(props: WidgetProps) {
  const { spec, view, columns, actions, onView, isDropTarget, onDrag, onOver, onDrop } = props;
  const numSchedulers = useSchedulers().length;
  const rows = typeof spec.rows === "number" ? spec.rows : spec.rows(numSchedulers);
  const heading = `widget-${spec.id}`;
  return (
    <section
      className={isDropTarget ? "widget drop" : "widget"}
      aria-labelledby={heading}
      onDragOver={(event) => {
        event.preventDefault();
        onOver(spec.id);
      }}
      onDrop={(event) => {
        event.preventDefault();
        onDrop();
      }}
      style={{ "--columns": columns, "--rows": rows } as CSSProperties}
    >
      {/* biome-ignore lint/a11y/noStaticElementInteractions: by keyboard, "Arrange" does the same */}
      <header draggable onDragStart={() => onDrag(spec.id)} onDragEnd={() => onDrag(null)}>
        <h2 id={heading} title={spec.description}>
          {spec.title}
        </h2>
        {spec.hasTable && (
          <button
            type="button"
            className="quiet"
            aria-pressed={view === "table"}
            onClick={() => onView(view === "table" ? "chart" : "table")}
          >
            Table
          </button>
        )}
        {actions}
      </header>
      <div className="widget-body">
        <Fence>
          <Suspense fallback={<p className="empty">Loading …</p>}>
            <WidgetViewContext value={view}>
              <Content spec={spec} />
            </WidgetViewContext>
          </Suspense>
        </Fence>
      </div>
    </section>
  );
}
