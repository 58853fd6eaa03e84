"""What is read of a store is what was written, quickly, and without getting in anybody's way."""

import math
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from stored_runs import SCHEDULERS, add_run, insert, open_store, store_run

from cpu_gpu_env.errors import HybridClusterError
from cpu_gpu_env.results.estimate import Estimate
from cpu_gpu_env.results.metrics import GAP, MAKESPAN, OBJECTIVE
from cpu_gpu_env.results.records import Comparison
from cpu_gpu_env.results.store import reading, tables
from cpu_gpu_env.results.store.paired import pair_in_run, pair_stored
from cpu_gpu_env.results.store.reading import StoreReader, open_reader

BASE = {"num_tasks": 6}
FAST = {"num_tasks": 6, "load": 4.0}
PHASES = {"before": (BASE, range(5)), "drift": (FAST, range(5, 9))}
NAMES = [*SCHEDULERS, "oracle"]


class Stored:
    """A store with a run of two phases, and what it was made of."""

    def __init__(self, url: str) -> None:
        self.engine = open_store(url)
        self.run, self.phases = store_run(self.engine, PHASES)
        self.reader = open_reader(url)

    def values(self, scheduler: str, metric: Any) -> np.ndarray:
        return np.concatenate([of(c, scheduler)[metric] for c in self.phases.values()])


def of(comparison: Comparison, scheduler: str) -> Any:
    return next(r.episodes for r in comparison.results if r.name == scheduler)


@pytest.fixture
def stored(store_url: str) -> Iterator[Stored]:
    found = Stored(store_url)
    yield found
    found.reader.close()
    found.engine.dispose()


@pytest.fixture
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "PAGE_ROWS", 4)


@pytest.mark.usefixtures("small_pages")
def test_episodes_are_those_of_the_comparison_to_the_last_bit(stored: Stored) -> None:
    for name in NAMES:
        read = stored.reader.episodes(stored.run, name)
        assert read.episode.tolist() == list(range(9))
        assert read.phase.tolist() == 5 * ["before"] + 4 * ["drift"]
        assert read.seed.tolist() == [str(seed) for seed in range(9)]
        bounds = np.concatenate([c.bounds for c in stored.phases.values()])
        np.testing.assert_array_equal(read.bound, bounds)
        assert GAP in read.metrics
        for metric in read.metrics:
            np.testing.assert_array_equal(read[metric], stored.values(name, metric))
            assert read.estimate(metric) == Estimate.of(stored.values(name, metric))
        part = stored.reader.episodes(stored.run, name, 2, 7)
        assert part.episode.tolist() == [2, 3, 4, 5, 6]
        np.testing.assert_array_equal(part.objective, read.objective[2:7])
    assert len(stored.reader.episodes(stored.run, "oracle", 9)) == 0


@pytest.mark.usefixtures("small_pages")
@pytest.mark.parametrize(("every", "starts"), [(1, range(9)), (3, [0, 3, 5, 6]), (100, [0, 5])])
def test_rollups_are_means_over_groups_that_end_with_their_phase(
    stored: Stored, every: int, starts: list[int]
) -> None:
    rolled = stored.reader.rollup(stored.run, "random", every)
    assert rolled.episode.tolist() == list(starts)
    values = stored.values("random", MAKESPAN)
    groups = np.split(values, list(starts)[1:])
    np.testing.assert_allclose(rolled[MAKESPAN], [group.mean() for group in groups], rtol=1e-12)
    assert rolled.phase.tolist() == ["before" if start < 5 else "drift" for start in starts]
    part = stored.reader.rollup(stored.run, "random", every, 4, 6)
    assert part.episode.tolist() == [4, 5]
    np.testing.assert_allclose(part[MAKESPAN], values[4:6], rtol=1e-12)


@pytest.mark.usefixtures("small_pages")
def test_decisions_come_in_pages_all_of_them_once(stored: Stored) -> None:
    pages = list(stored.reader.pages(tables.decisions, stored.run, "myopic"))
    assert [len(page["sequence"]) for page in pages] == 13 * [4] + [2]
    assert [number for page in pages for number in page["sequence"]] == list(range(54))
    actions = np.concatenate([of(c, "myopic").actions.ravel() for c in stored.phases.values()])
    assert [action for page in pages for action in page["action"]] == actions.tolist()
    some = stored.reader.pages(tables.decisions, stored.run, "myopic", 10, 19)
    assert [number for page in some for number in page["sequence"]] == list(range(10, 19))
    assert stored.reader.count(tables.decisions, stored.run, "myopic") == 54
    assert stored.reader.count(tables.decisions, stored.run, "myopic", 50, 70) == 4
    assert stored.reader.count(tables.episodes, stored.run, "myopic") == 9


def test_a_task_is_shown_as_every_scheduler_placed_it(stored: Stored) -> None:
    span = stored.reader.span(stored.run, 6)
    assert span == range(36, 42)
    rows = stored.reader.task(stored.run, span[2])
    assert list(rows) == NAMES
    for name, row in rows.items():
        assert (row["episode"], row["task"]) == (6, 2)
        assert row["action"] == of(stored.phases["drift"], name).actions[1, 2]
    whole = stored.reader.decisions_of(stored.run, 6)
    assert {name: page["task"] for name, page in whole.items()} == {
        name: list(range(6)) for name in NAMES
    }


def test_what_retention_has_deleted_is_told(stored: Stored) -> None:
    table = tables.decisions
    with stored.engine.begin() as connection:
        old = (table.c.scheduler == "myopic") & (table.c.sequence < 20)
        connection.execute(sa.delete(table).where(old))
    assert "myopic" not in stored.reader.task(stored.run, 19)
    assert "myopic" not in stored.reader.decisions_of(stored.run, 3)  # 18 to 23
    assert "myopic" in stored.reader.decisions_of(stored.run, 4)
    assert stored.reader.kept_decisions(stored.run)["myopic"] == (20, 53)
    with stored.engine.begin() as connection:
        connection.execute(sa.delete(table).where(table.c.sequence < 20))
    with pytest.raises(
        HybridClusterError, match=r"task is 19; allowed: .* tasks 20 to 53 of run 1"
    ):
        stored.reader.task(stored.run, 19)
    with pytest.raises(HybridClusterError, match=r"episode is 3; allowed: .* tasks 20 to 53"):
        stored.reader.decisions_of(stored.run, 3)


def test_models_and_live_states(stored: Stored) -> None:
    rows = [
        {"run": 1, "scheduler": name, "version": version, "episode": 4 * version, "made_at": 5.0}
        | {"score": {"gap": 0.5 * version}, "content": f"{name}{version}".encode()}
        | {"exploration": 0.25}
        for name in ("myopic", "random")
        for version in (1, 2, 10)
    ]
    insert(stored.engine, tables.models, rows)
    state = {"objective": 1.5, "load": [0.25, 1.0]}
    row = {"run": 1, "scheduler": "random", "updated_at": 7.0, "state": state}
    insert(stored.engine, tables.live, [row])
    newest = stored.reader.newest_models(1)
    assert list(newest) == ["myopic", "random"]
    assert newest["random"].content == b"random10"
    assert (newest["random"].version, newest["random"].episode) == (10, 40)
    assert newest["random"].exploration == 0.25
    states = [{"run": 1, "scheduler": "random", "episode": e, "state": b"s%d" % e} for e in (3, 20)]
    insert(stored.engine, tables.learners, states)
    assert stored.reader.learner_states(1) == {"random": (20, b"s20")}
    listed = stored.reader.models(1)
    assert [(m.scheduler, m.version) for m in listed][:3] == [("myopic", v) for v in (1, 2, 10)]
    assert listed[1].score == {"gap": 1.0}
    assert {model.content for model in listed} == {None}
    assert stored.reader.live(1) == {"random": row}


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda r: r.run_row(7), "run is 7; allowed: those of the store: 1"),
        (lambda r: r.models(7), "run is 7"),
        (lambda r: r.newest_models(7), "run is 7"),
        (lambda r: r.learner_states(7), "run is 7"),
        (lambda r: r.live(7), "run is 7"),
        (lambda r: r.task(7, 0), "run is 7"),
        (lambda r: r.span(7, 0), "run is 7"),
        (lambda r: r.episodes(1, "myopik"), "unknown scheduler of run 1 'myopik'. Did you mean"),
        (lambda r: r.rollup(1, "myopik", 3), "Known: earliest-finish, myopic, oracle, random"),
        (lambda r: r.rollup(1, "myopic", 0), "episodes of a group is 0"),
        (lambda r: r.task(1, 54), "task is 54; allowed: .*tasks 0 to 53 of run 1"),
        (lambda r: r.span(1, 9), "episode is 9; allowed: 0 to 8 of run 1"),
    ],
)
def test_what_is_unknown_is_told_with_what_there_is(
    tmp_path: Any, ask: Callable[[StoreReader], Any], message: str
) -> None:
    stored = Stored(str(tmp_path / "results.sqlite"))
    with pytest.raises(HybridClusterError, match=message):
        ask(stored.reader)


def test_an_empty_store_says_so(store_url: str) -> None:
    open_store(store_url)
    with open_reader(store_url) as reader:
        assert reader.runs() == []
        with pytest.raises(HybridClusterError, match="run 1 is unknown: the store has no runs yet"):
            reader.run_row(1)


def test_a_run_that_has_only_begun_has_nothing_yet(store_url: str) -> None:
    engine = open_store(store_url)
    run = add_run(engine)
    with open_reader(store_url) as reader:
        assert len(reader.episodes(run, "myopic")) == 0
        assert len(reader.rollup(run, "myopic", 10)) == 0
        assert list(reader.pages(tables.decisions, run, "myopic")) == []
        assert reader.count(tables.decisions, run, "myopic") == 0
        with pytest.raises(HybridClusterError, match="run 1 has no episodes yet"):
            reader.span(run, 0)


def test_a_reader_cannot_write(stored: Stored) -> None:
    with pytest.raises(DBAPIError, match=r"read-?only"), stored.reader.engine.begin() as connection:
        connection.execute(sa.delete(tables.episodes))
    assert len(stored.reader.episodes(stored.run, "myopic")) == 9


def use_everything(reader: StoreReader, run: int) -> None:
    """Let a reader read all it can but the list of runs."""
    reader.episodes(run, "myopic", 1, 5)
    reader.rollup(run, "myopic", 2)
    reader.decisions_of(run, 3)
    reader.task(run, 7)
    reader.span(run, 8)
    reader.kept_decisions(run)
    reader.models(run)
    reader.newest_models(run)
    reader.learner_states(run)
    reader.live(run)
    list(reader.pages(tables.decisions, run, "random", 5))


def test_queries_find_their_rows_by_index(stored: Stored) -> None:
    asked: list[tuple[str, Any]] = []

    def note(_c: Any, _cursor: Any, statement: str, given: Any, *_: Any) -> None:
        if statement.startswith("SELECT"):
            asked.append((statement, given))

    sa.event.listen(stored.reader.engine, "before_cursor_execute", note)
    use_everything(stored.reader, stored.run)
    sa.event.remove(stored.reader.engine, "before_cursor_execute", note)
    assert len(asked) > 20
    is_sqlite = stored.engine.dialect.name == "sqlite"
    with stored.engine.connect() as connection:
        if not is_sqlite:  # tables this small are read whole unless that is forbidden
            connection.exec_driver_sql("SET enable_seqscan = off")
        for statement, given in asked:
            explain = "EXPLAIN QUERY PLAN " if is_sqlite else "EXPLAIN "
            plan = connection.exec_driver_sql(explain + statement, given).all()
            told = "\n".join(str(line[-1]) for line in plan)
            assert ("SEARCH" if is_sqlite else "Index") in told, f"{statement}\n{told}"
            assert "SCAN" not in told, f"{statement}\n{told}"
            assert "Seq Scan" not in told, f"{statement}\n{told}"
            sorts = "avg(" in statement or "FROM learners" in statement  # a row a scheduler
            assert "ORDER BY" not in told or sorts, f"{statement}\n{told}"


@pytest.mark.usefixtures("small_pages")
def test_a_long_export_does_not_pin_the_log_of_sqlite(tmp_path: Any) -> None:
    path = tmp_path / "results.sqlite"
    stored = Stored(str(path))
    pages = stored.reader.pages(tables.decisions, stored.run, "myopic")
    next(pages)  # and now the reader takes its time
    writer = sqlite3.connect(path, isolation_level=None)
    writer.execute("PRAGMA journal_mode=WAL")
    writer.execute("UPDATE runs SET clock_s = 1")
    next(pages)
    writer.execute("UPDATE runs SET clock_s = 2")
    assert writer.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone() == (0, 0, 0)
    assert sum(len(page["sequence"]) for page in pages) == 54 - 8


def test_schedulers_of_a_run_are_paired_by_episode(stored: Stored) -> None:
    pair = pair_stored(stored.reader, (1, "random"), (1, "myopic"), 1, 8)
    assert pair.paired
    assert pair.describe() == "paired in the 7 episodes that both played"
    difference = (stored.values("random", OBJECTIVE) - stored.values("myopic", OBJECTIVE))[1:8]
    assert pair.difference(OBJECTIVE) == Estimate.of(difference)
    again = pair_in_run(pair.one, pair.other)
    assert again.difference(OBJECTIVE) == pair.difference(OBJECTIVE)


def test_runs_are_paired_where_problem_and_seed_are_the_same(stored: Stored) -> None:
    # Seeds 3 and 4 are of the same problem; 5 to 8 were played at another load.
    other, phases = store_run(stored.engine, {"": (BASE, range(3, 8))}, kind="comparison")
    pair = pair_stored(stored.reader, (1, "random"), (other, "random"))
    assert pair.paired
    assert pair.one.seed.tolist() == pair.other.seed.tolist() == ["3", "4"]
    assert pair.difference(OBJECTIVE).mean == 0.0
    np.testing.assert_array_equal(pair.one[GAP], of(phases[""], "random")[GAP][:2])


def test_runs_without_common_episodes_are_compared_unpaired_and_that_is_said(
    stored: Stored,
) -> None:
    other, phases = store_run(stored.engine, {"": ({**BASE, "noise": 0.1}, range(5))})
    pair = pair_stored(stored.reader, (1, "random"), (other, "random"))
    assert not pair.paired
    counts = "(9 and 5 of their own)"
    assert pair.describe() == f"not comparable: they are of different problems {counts}"
    runs = [store_run(stored.engine, {"": (BASE, s)})[0] for s in (range(50, 59), range(100, 105))]
    others = pair_stored(stored.reader, *((run, "random") for run in runs))
    assert others.describe() == f"not paired: they have no episode in common {counts}"
    mine, theirs = (
        Estimate.of(values)
        for values in (stored.values("random", MAKESPAN), of(phases[""], "random")[MAKESPAN])
    )
    found = pair.difference(MAKESPAN)
    assert found.mean == mine.mean - theirs.mean
    assert found.half_width == math.hypot(mine.half_width, theirs.half_width)


def windows(row: Mapping[str, Any], name: str) -> dict[str, Any]:
    """A run that says it played a trace."""
    provenance = {**row["provenance"]}
    provenance["problem"] = {**provenance["problem"], "workload": name}
    return {"provenance": provenance}


def test_windows_of_a_trace_are_paired_by_number_not_by_seed(stored: Stored) -> None:
    trace = windows(stored.reader.run_row(1), "azure-llm:trace.csv")
    runs = [store_run(stored.engine, {"": (BASE, s)}, **trace)[0] for s in (range(5), range(2, 5))]
    drawn, _ = store_run(stored.engine, {"": (BASE, range(2, 5))}, kind="comparison", **trace)
    # In a stream episode 2 is another window than in one whose seeds begin later...
    assert not pair_stored(stored.reader, (runs[0], "random"), (runs[1], "random")).paired
    # ...and in a comparison the seed chooses the window.
    assert not pair_stored(stored.reader, (runs[0], "random"), (drawn, "random")).paired
