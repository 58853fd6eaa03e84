import { useState } from "react";
import { WIDGETS } from "./widgets/registry";
import type { WidgetView } from "./widgets/view";
import { Widget } from "./widgets/Widget";

export function App() {
  const [views, setViews] = useState<Record<string, WidgetView>>({});
  return (
    <main className="grid">
      {WIDGETS.map((spec) => (
        <Widget
          key={spec.id}
          spec={spec}
          columns={spec.columns}
          view={views[spec.id] ?? "chart"}
          actions={null}
          onView={(view) => setViews({ ...views, [spec.id]: view })}
        />
      ))}
    </main>
  );
}
