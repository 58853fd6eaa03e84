import { SHORTCUTS, setShortcuts, useAreShortcutsOn } from "../shortcuts";
import { Dialog } from "./Dialog";
import { open } from "./opened";

const OF_WIDGET: [string, string][] = [
  ["← →", "Move it earlier or later"],
  ["Shift + ← →", "Make it narrower or wider"],
  ["Delete", "Hide it"],
];

function Keys({ rows }: { rows: readonly (readonly [string, string])[] }) {
  return (
    <dl className="keys">
      {rows.map(([key, what]) => (
        <div key={key}>
          <dt>
            <kbd>{key}</kbd>
          </dt>
          <dd>{what}</dd>
        </div>
      ))}
    </dl>
  );
}

export function ShortcutsDialog() {
  const isOn = useAreShortcutsOn();
  return (
    <Dialog title="Keys" onClose={() => open(null)}>
      <h3>Everywhere</h3>
      <Keys rows={SHORTCUTS.map(({ key, what }) => [key, what] as const)} />
      <label className="check">
        <input
          type="checkbox"
          checked={isOn}
          onChange={(event) => setShortcuts(event.target.checked)}
        />
        These keys work
      </label>
      <h3>On the “Arrange” button of a widget</h3>
      <Keys rows={OF_WIDGET} />
    </Dialog>
  );
}
