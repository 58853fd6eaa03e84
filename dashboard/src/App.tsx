import { Dialogs } from "./dialogs/Dialogs";
import { useIsModal } from "./dialogs/modal";
import { open } from "./dialogs/opened";
import { Header } from "./header/Header";
import { Grid } from "./layout/Grid";
import { useLive } from "./live/store";
import { watch } from "./live/watch";
import { Notices } from "./Notices";
import { ReplayBar } from "./replay/ReplayBar";
import { useShortcuts } from "./shortcuts";

/** What to do while the store has no run. */
function Welcome() {
  const mayStart = useLive(({ state }) => state?.server.engine.may_start ?? false);
  const engine = useLive(({ state }) => state?.server.engine.state ?? "none");
  const store = useLive(({ state }) => state?.server.store ?? "");
  const trouble = useLive(({ state }) => state?.server.trouble ?? null);
  const isComing = engine === "starting" || engine === "running";
  return (
    <section className="welcome" aria-labelledby="welcome">
      <h2 id="welcome">{isComing ? "The engine starts …" : "Nothing has run yet"}</h2>
      <p>
        The store <code>{store}</code> has no run.{" "}
        {isComing &&
          "The first numbers come in a few seconds: learned schedulers are trained first."}
      </p>
      {trouble && !isComing && <p className="hint">{trouble}</p>}
      {mayStart && !isComing && (
        <button type="button" className="primary" onClick={() => open({ kind: "start" })}>
          Start an engine …
        </button>
      )}
      {!mayStart && (
        <p>
          Start one on this machine or on another, and this page shows it:
          <br />
          <code>hybridcluster stream --store {store}</code>
        </p>
      )}
    </section>
  );
}

/** What to do where the run that is asked for does not exist, or was deleted. */
function Gone({ run }: { run: number }) {
  return (
    <section className="welcome" aria-labelledby="gone">
      <h2 id="gone">There is no run {run}</h2>
      <p role="status">The store has no such run, or it was deleted.</p>
      <button type="button" className="primary" onClick={() => watch(null)}>
        Show the newest run
      </button>
    </section>
  );
}

export function App() {
  useShortcuts();
  const isModal = useIsModal();
  const isEmpty = useLive(({ state }) => state !== null && state.run === null);
  const gone = useLive(({ connection }) => (connection.kind === "gone" ? connection.run : null));
  return (
    <>
      <a className="skip" href="#main">
        Skip to the widgets
      </a>
      <Header />
      <ReplayBar />
      <main id="main" tabIndex={-1}>
        {isEmpty && <Welcome />}
        {gone !== null && <Gone run={gone} />}
        <Grid onlyAlways={isEmpty || gone !== null} />
      </main>
      {!isModal && <Notices />}
      <Dialogs />
    </>
  );
}
