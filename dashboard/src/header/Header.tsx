// The bar at the top: what is shown, how it goes, and what steers it.
import { Disclosure } from "../Disclosure";
import { open } from "../dialogs/opened";
import { formatDuration, formatNumber, formatShort, NONE } from "../format";
import { shallowEqual, useLive } from "../live/store";
import { setTheme, type ThemeChoice, useThemeChoice } from "../theme";
import { Connection } from "./Connection";
import { RunChooser } from "./RunChooser";
import { EngineButton, PauseButton, SpeedButton, usePhase } from "./Transport";

function Fact({ name, value }: { name: string; value: string }) {
  return (
    <div className="fact">
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  );
}

/** A rate in few characters; null: not measured yet. */
function rateText(rate: number | null): string {
  return rate === null ? NONE : `${formatShort(rate < 10 ? rate : Math.round(rate))} tasks/s`;
}

function Facts() {
  const phase = usePhase();
  const facts = useLive(
    ({ state, rate }) => ({
      clock: state?.engine?.clock_s ?? state?.run?.clock_s ?? null,
      episode:
        state?.replay?.position ?? state?.engine?.episode ?? state?.run?.next_episode ?? null,
      tasks: state?.run?.tasks ?? null,
      rate: rate === null ? null : rateText(rate),
      problem: state?.run?.problem ?? "",
    }),
    shallowEqual,
  );
  return (
    <dl className="facts">
      <Fact name="State" value={phase.text} />
      <Fact name="Clock" value={formatDuration(facts.clock)} />
      <Fact name="Episode" value={formatNumber(facts.episode)} />
      <Fact name="Tasks" value={formatShort(facts.tasks)} />
      <Fact name="Rate" value={facts.rate ?? rateText(null)} />
      {facts.problem && <Fact name="Problem" value={facts.problem} />}
    </dl>
  );
}

const THEMES: [ThemeChoice, string][] = [
  ["system", "As the system"],
  ["dark", "Dark"],
  ["light", "Light"],
];

function ThemeButton() {
  const choice = useThemeChoice();
  return (
    <Disclosure
      name={`Theme: ${THEMES.find(([key]) => key === choice)?.[1] ?? choice}`}
      panel={(close) =>
        THEMES.map(([key, label]) => (
          <button
            key={key}
            type="button"
            aria-pressed={key === choice}
            onClick={() => {
              setTheme(key);
              close();
            }}
          >
            {label}
          </button>
        ))
      }
    >
      Theme <span aria-hidden="true">▾</span>
    </Disclosure>
  );
}

/** What does not answer at the moment, as the server and the engine say it. */
function Troubles() {
  // A store without a run is welcomed below, with what the server says of it.
  const server = useLive(({ state }) => (state?.run ? state.server.trouble : null));
  const engine = useLive(({ state }) => state?.engine?.trouble ?? null);
  return (
    <div role="status" className="troubles">
      {server && <p>The server cannot read the store: {server}</p>}
      {engine && <p>The engine cannot write to the store: {engine}</p>}
    </div>
  );
}

export function Header() {
  return (
    <header className="page-header">
      <div className="bar">
        <h1>
          <img src="/assets/icon.svg" alt="" width="24" height="24" /> HybridCluster
        </h1>
        <Connection />
        <RunChooser />
        <div className="transport">
          <PauseButton />
          <SpeedButton />
          <EngineButton />
        </div>
        <div className="preferences">
          <button type="button" onClick={() => open({ kind: "widgets" })}>
            Widgets
          </button>
          <ThemeButton />
          <button type="button" onClick={() => open({ kind: "shortcuts" })}>
            Keys
          </button>
        </div>
      </div>
      <Facts />
      <Troubles />
    </header>
  );
}
