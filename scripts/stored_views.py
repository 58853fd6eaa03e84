"""What history.py shows on the terminal."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

from cpu_gpu_env.baselines.report import stored_tables
from cpu_gpu_env.baselines.report.tables import audit_table, describe_audit, lay_out
from cpu_gpu_env.errors import HybridClusterError, printable, unknown_name
from cpu_gpu_env.results.metrics import DECISION_METRICS, Metric
from cpu_gpu_env.results.records import ORACLE, USUAL_REFERENCE
from cpu_gpu_env.results.store.database import Store
from cpu_gpu_env.results.store.paired import StoredPair, pair_in_run, pair_stored
from cpu_gpu_env.results.store.reading import NO_END, StoreReader
from cpu_gpu_env.results.store.records import StoredEpisodes
from cpu_gpu_env.runtime.stored_episode import load_episode
from cpu_gpu_env.scripts import terminal

COST = (
    "cost: by what part of the oracle's J the choice raises J, if before it the scheduler's",
    "choices are kept, and after it the oracle's; below 0 it makes good what those before it cost",
)


def is_missing(store: str) -> bool:
    """Whether a store is a file that is not there yet."""
    path = Store.of(store).path
    return path is not None and not path.exists()


def list_runs(reader: StoreReader) -> None:
    """Show every run."""
    rows = reader.runs()
    if not rows:
        print("the store has no runs yet")
        return
    terminal.print_tables(lay_out(stored_tables.runs_table(rows), "runs"))


def chosen(reader: StoreReader, run: int, names: str | None) -> list[str]:
    """Names of the schedulers of a run, or those of them that an argument names.

    Raises:
        HybridClusterError: If one did not take part.
    """
    known = reader.schedulers(run)
    wanted = known if names is None else [name.strip() for name in names.split(",")]
    for name in wanted:
        if name not in known:
            raise unknown_name(f"scheduler of run {run}", name, known)
    return wanted


def ends(arguments: argparse.Namespace) -> tuple[int, int]:
    """Number of the first episode that is asked for, and of the one after the last."""
    return arguments.episodes or (0, NO_END)


def show_run(reader: StoreReader, arguments: argparse.Namespace) -> None:
    """Show how the schedulers of a run did, phase by phase, and what they learned."""
    run, row = arguments.run, reader.run_row(arguments.run)
    names = chosen(reader, run, arguments.schedulers)
    played = [reader.episodes(run, name, *ends(arguments)) for name in names]
    played = [one for one in played if len(one)]
    _tell_run(reader, row)
    if not played:
        print("no episodes yet" if arguments.episodes is None else "none of these episodes")
        return
    reference = _reference(played, arguments.reference)
    for phase in dict.fromkeys(name for one in played for name in one.phase):
        in_phase = [one.take(one.phase == phase) for one in played]
        _print_phase(phase, [one for one in in_phase if len(one)], reference)
    models = [model for model in reader.models(run) if model.scheduler in names]
    if models:
        title = "models learned on the way; scores are those of the version before"
        terminal.print_tables(lay_out(stored_tables.models_table(models), title))
    for note in row["notes"]:
        print(f"note: {printable(note)}")


def _tell_run(reader: StoreReader, row: dict[str, Any]) -> None:
    """Say what a run is."""
    what = f"run {row['run']} ({row['kind']}), {row['status']}: {row['command']}"
    print(printable(what))
    started, ended = (stored_tables.moment(row[name]) for name in ("started_at", "ended_at"))
    print(f"{printable(stored_tables.describe_problem(row))}; started {started}, ended {ended}")
    if row["status"] == "running":
        heard = [state["updated_at"] for state in reader.live(row["run"]).values()]
        print(f"last heard of {stored_tables.moment(max(heard, default=row['started_at']))}")
        print("intervals are those of an end that was set beforehand, and this run has not ended")
    kept = reader.kept_decisions(row["run"]).values()
    if kept:
        low, high = min(first for first, _ in kept), max(last for _, last in kept)
        print(f"decisions are kept of tasks {low:,} to {high:,}")


def _print_phase(phase: str, played: Sequence[StoredEpisodes], reference: str) -> None:
    """Show the means of all schedulers, the best first, and the differences to one of them."""
    best = stored_tables.best_first(played)
    metrics = stored_tables.measured(best)
    narrow = [metric for metric in metrics if metric.narrow]
    others = [metric for metric in metrics if not metric.narrow]
    what = f"{printable(phase)}: " if phase else ""
    title = f"{what}{stored_tables.count_episodes(best):,} episodes, mean ± 95 % interval"
    shown = [*narrow, *DECISION_METRICS.values()]
    tables = [lay_out(stored_tables.means_table(best, shown), title)]
    if others:
        tables.append(lay_out(stored_tables.means_table(best, others), f"{what}the other measures"))
    named = {one.scheduler: one for one in best}
    compared_to = named.pop(reference, None)
    if compared_to is not None and named:
        pairs = {name: pair_in_run(one, compared_to) for name, one in named.items()}
        title = f"{what}difference to {reference} in the same episodes"
        tables.append(lay_out(stored_tables.differences_table(pairs, narrow), title))
    terminal.print_tables(*tables)


def _reference(played: Sequence[StoredEpisodes], asked: str | None) -> str:
    """Whom the others are compared to: unless told the usual one, or the best but the oracle."""
    names = [one.scheduler for one in stored_tables.best_first(played)]
    if asked is not None:
        if asked not in names:
            raise unknown_name("reference", asked, names)
        return asked
    others = [name for name in names if name != ORACLE] or names
    return USUAL_REFERENCE if USUAL_REFERENCE in names else others[0]


def compare_runs(reader: StoreReader, arguments: argparse.Namespace) -> None:
    """Compare the schedulers of a run to those of another, by name or all to one."""
    run, other, reference = arguments.run, arguments.compare, arguments.reference
    names, theirs = chosen(reader, run, arguments.schedulers), reader.schedulers(other)
    if reference is not None:
        reader.check_scheduler(other, reference)
    couples = [(name, reference or name) for name in names if reference or name in theirs]
    if not couples:
        raise HybridClusterError(
            f"runs {run} and {other} have no scheduler in common; --reference names one of run "
            f"{other} to which all are compared: {', '.join(theirs)}"
        )
    pairs = {}
    for name, to in couples:
        pair = pair_stored(reader, (run, name), (other, to), *ends(arguments))
        if len(pair.one) and len(pair.other):
            pairs[name] = pair
    if not pairs:
        raise HybridClusterError(f"one of the runs {run} and {other} has none of these episodes")
    to = f"run {other}" if reference is None else f"{reference} of run {other}"
    title = f"run {run}: difference to {to}, ± 95 % interval"
    terminal.print_tables(lay_out(stored_tables.differences_table(pairs), title, _how(pairs)))


def _how(pairs: dict[str, StoredPair]) -> list[str]:
    """Say which episodes were compared, once if it is the same for all."""
    told = {name: pair.describe() for name, pair in pairs.items()}
    different = list(dict.fromkeys(told.values()))
    return different if len(different) == 1 else [f"{name}: {how}" for name, how in told.items()]


def roll_up(reader: StoreReader, arguments: argparse.Namespace, metric: Metric) -> None:
    """Show how a metric went, by groups of episodes."""
    run, every = arguments.run, arguments.every
    names = chosen(reader, run, arguments.schedulers)
    groups = [reader.rollup(run, name, every, *ends(arguments)) for name in names]
    if not any(map(len, groups)):
        print("no episodes yet" if arguments.episodes is None else "none of these episodes")
        return
    title = f"run {run}: means over {every} episodes"
    terminal.print_tables(lay_out(stored_tables.rollup_table(groups, metric), title))


def audit_task(reader: StoreReader, arguments: argparse.Namespace) -> None:
    """Show what each scheduler saw, chose and got for a task, and what its choice cost."""
    run, sequence = arguments.run, arguments.task
    if arguments.episode is not None:
        span = reader.span(run, arguments.episode)
        if sequence >= len(span):
            raise HybridClusterError(
                f"--task {sequence}: episode {arguments.episode} has tasks 0 to {len(span) - 1}"
            )
        sequence = span[sequence]
    rows, costs = reader.task(run, sequence), None
    notes: list[str] = []
    (first, *_), names = rows.values(), chosen(reader, run, arguments.schedulers)
    try:
        costs = load_episode(reader, run, first["episode"]).costs(first["task"])
        notes += COST
    except HybridClusterError as error:
        notes.append(f"no costs: {error}")
    missing = [name for name in reader.schedulers(run) if name not in rows]
    if missing:
        notes.append(f"no longer kept: decisions of {', '.join(missing)}")
    shown = {name: row for name, row in rows.items() if name in names}
    title = f"run {run}, {stored_tables.describe_task(first)}"
    terminal.print_tables(lay_out(stored_tables.task_table(shown, costs), title, notes))


def audit_episode(reader: StoreReader, arguments: argparse.Namespace) -> None:
    """Show the dearest decisions of each scheduler in an episode."""
    run, episode = arguments.run, arguments.episode
    names = chosen(reader, run, arguments.schedulers)
    loaded = load_episode(reader, run, episode)
    for name, audit in loaded.audits().items():
        if name in names:
            title = f"{name} in episode {episode:,}: {describe_audit(audit, len(loaded.tasks))}"
            if audit:
                terminal.print_tables(lay_out(audit_table(audit), title, COST))
            else:
                print(title)
    missing = [name for name in names if name not in loaded.actions]
    if missing:
        print(f"not all decisions kept: {', '.join(missing)}")
