// The bar at the top: what is shown, how it goes, and what steers it.
import { Disclosure } from "../Disclosure";
import { open } from "../dialogs/opened";
import { formatDuration, formatNumber, formatShort, NONE } from "../format";
import { type Live, shallowEqual, useLive } from "../live/store";
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

/** How far the run is: in a replay up to the episode that is shown, which tells no clock. */
function factsOf({ state, rate }: Live) {
  const problem = state?.run?.problem ?? "";
  if (state?.replay) {
    const { position, first, last } = state.replay;
    const lanes = Object.values(state.lanes);
    // After a leap the server sums up to there for a while, and tells no makespan until then.
    const isSummed = lanes.some((lane) => (lane.all.makespan_s ?? null) !== null);
    const tasks = isSummed ? Math.max(...lanes.map((lane) => lane.tasks)) : null;
    return { episodes: last < first ? 0 : position - first + 1, tasks, problem };
  }
  return {
    clock: formatDuration(state?.engine?.clock_s ?? state?.run?.clock_s ?? null),
    episodes: state?.engine?.episode ?? state?.run?.next_episode ?? null,
    tasks: state?.run?.tasks ?? null,
    rate: rateText(rate),
    problem,
  };
}

function Facts() {
  const phase = usePhase();
  const facts = useLive(factsOf, shallowEqual);
  return (
    <dl className="facts">
      <Fact name="State" value={phase.text} />
      {facts.clock !== undefined && <Fact name="Clock" value={facts.clock} />}
      <Fact name="Episodes" value={formatNumber(facts.episodes)} />
      <Fact name="Tasks" value={formatShort(facts.tasks)} />
      {facts.rate !== undefined && <Fact name="Rate" value={facts.rate} />}
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
