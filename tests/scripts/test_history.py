"""Looking back from the command line."""

import csv
import os
from pathlib import Path

import numpy as np
import pyarrow.csv
import pyarrow.parquet
import pytest
from stored_runs import SCHEDULERS, insert, open_store, play, store_run

from cpu_gpu_env.baselines.evaluation.first_episode import view_first_episode
from cpu_gpu_env.baselines.imitation.forest import load_forest
from cpu_gpu_env.baselines.imitation.hybrid_ml import fit_forest, imitate_oracle
from cpu_gpu_env.baselines.report.tables import describe_audit
from cpu_gpu_env.results.estimate import Estimate
from cpu_gpu_env.results.metrics import GAP, OBJECTIVE
from cpu_gpu_env.results.store import reading, tables
from cpu_gpu_env.results.store.reading import open_reader
from cpu_gpu_env.scripts import history

BASE = {"num_tasks": 6}
FAST = {"num_tasks": 6, "load": 4.0}


@pytest.fixture
def store(tmp_path: Path) -> str:
    """Run 1 has two phases and a model, run 2 shares episodes 2 to 4 with it."""
    path = str(tmp_path / "results.sqlite")
    engine = open_store(path)
    store_run(engine, {"before": (BASE, range(5)), "drift": (FAST, range(5, 9))}, notes=["noted"])
    store_run(engine, {"": (BASE, range(2, 7))}, status="running", ended_at=None)
    model = {"run": 1, "scheduler": "myopic", "version": 3, "episode": 4, "made_at": 1.7e9}
    model |= {"exploration": 0.0}
    insert(engine, tables.models, [{**model, "score": {"gap": 0.125}, "content": b"x"}])
    engine.dispose()
    return path


def shown(capsys: pytest.CaptureFixture[str], store: str, *arguments: str) -> str:
    assert history.main([*arguments, "--store", store]) == 0
    return " ".join(capsys.readouterr().out.split())


def refused(capsys: pytest.CaptureFixture[str], store: str, *arguments: str) -> str:
    assert history.main([*arguments, "--store", store]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    return line


def values(kwargs: dict, seeds: range, scheduler: str) -> dict:
    comparison, *_ = play(kwargs, seeds)
    return dict(next(r.episodes.values for r in comparison.results if r.name == scheduler))


def estimate(metric, sample: np.ndarray) -> str:
    found = Estimate.of(sample)
    return metric.text(found.mean, found.half_width)


def test_without_a_run_all_are_listed(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = shown(capsys, store)
    assert "1 stream finished" in text
    assert "2 stream running" in text
    assert "9 54 4 a100-node, lognormal" in text


def test_without_a_store_a_line_says_what_makes_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert history.main([]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("there is no store runs/results.sqlite yet; python scripts/stream.py")
    assert list(tmp_path.iterdir()) == []
    assert "there is no such file" in refused(capsys, str(tmp_path / "none.sqlite"), "1")


def test_a_run_is_shown_phase_by_phase(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = shown(capsys, store, "1")
    assert "run 1 (stream), finished: python scripts/stream.py" in text
    for phase, kwargs, seeds in (("before", BASE, range(5)), ("drift", FAST, range(5, 9))):
        assert f"{phase}: {len(seeds)} episodes" in text
        for name in (*SCHEDULERS, "oracle"):
            found = values(kwargs, seeds, name)
            means = f"{name} {estimate(OBJECTIVE, found[OBJECTIVE])} {estimate(GAP, found[GAP])}"
            assert means in text
    assert "myopic 3 4 2023-11-14" in text
    assert "0.125" in text
    assert text.endswith("note: noted")
    one = shown(capsys, store, "1", "--schedulers", "random,myopic", "--reference", "random")
    assert "difference to random in the same episodes" in one
    assert "oracle" not in one
    some = shown(capsys, store, "1", "--episodes", "3-6")
    assert "before: 2 episodes" in some
    assert "drift: 2 episodes" in some
    assert "this run has not ended" in shown(capsys, store, "2")


def test_two_runs_are_compared_in_the_episodes_that_both_played(
    store: str, capsys: pytest.CaptureFixture[str]
) -> None:
    text = shown(capsys, store, "1", "--compare", "2")
    assert "paired in the 3 episodes that both played" in text
    assert "random +0.000±0.000" in text
    text = shown(capsys, store, "1", "--compare", "2", "--reference", "myopic")
    mine, theirs = (
        values(BASE, seeds, name)[OBJECTIVE]
        for seeds, name in ((range(5), "random"), (range(2, 7), "myopic"))
    )
    found = Estimate.of(mine[2:] - theirs[:3])
    assert f"random {OBJECTIVE.difference_text(found.mean, found.half_width)}" in text
    text = shown(capsys, store, "1", "--compare", "2", "--episodes", "0-1")
    assert "not paired: they have no episode in common (2 and 2 of their own)" in text


def test_means_over_groups(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = shown(capsys, store, "1", "--every", "3", "--metric", "gap")
    for start, part in ((0, slice(0, 3)), (3, slice(3, 5))):
        gaps = [values(BASE, range(5), n)[GAP][part].mean() for n in (*SCHEDULERS, "oracle")]
        assert f" {start} {' '.join(GAP.text(gap) for gap in gaps)}" in text


def test_a_task_is_audited_by_either_number(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = shown(capsys, store, "1", "--task", "2")
    assert text == shown(capsys, store, "1", "--episode", "0", "--task", "2")
    assert "run 1, task 2 of episode 0" in text
    comparison, *_ = play(BASE, range(5))
    views = view_first_episode(comparison, BASE)
    for name in SCHEDULERS:
        audit = views[name].audit or ()
        cost = next((decision.cost for decision in audit if decision.task == 2), 0.0)
        row = text.partition(f" {name} ")[2].split()
        assert f"{cost * 100:+.2f}" in row[:16]
    text = shown(capsys, store, "1", "--episode", "0")
    for name in SCHEDULERS:
        assert f"{name} in episode 0: {describe_audit(views[name].audit or (), 6)}" in text


def test_an_audit_without_the_oracle_says_why_there_are_no_costs(
    store: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with open_store(store).begin() as connection:
        connection.execute(
            tables.decisions.delete().where(tables.decisions.c.scheduler == "oracle")
        )
    text = shown(capsys, store, "1", "--task", "2")
    assert "no costs: what decisions cost is told against the oracle's" in text
    assert "no longer kept: decisions of oracle" in text


@pytest.mark.parametrize("table", ["episodes", "decisions"])
def test_exports_read_back_equal_the_store(
    store: str,
    table: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(reading, "PAGE_ROWS", 7)
    files = [tmp_path / f"out{suffix}" for suffix in (".csv", ".parquet")]
    for file in files:
        text = shown(capsys, store, "1", "--table", table, "--export", str(file))
        assert f"written: {file}" in text
    with open_reader(store) as reader:
        pages = [
            page
            for name in (*SCHEDULERS, "oracle")
            for page in reader.pages(tables.metadata.tables[table], 1, name)
        ]
    stored = {name: [v for page in pages for v in page[name]] for name in pages[0]}
    assert len(stored["run"]) == 4 * (9 if table == "episodes" else 54)
    assert pyarrow.parquet.read_table(files[1]).to_pydict() == stored
    with files[0].open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == list(stored)
    for name, column in stored.items():
        for row, value in zip(rows, column, strict=True):
            if isinstance(value, bool):
                assert row[name] == str(value).lower()
            elif isinstance(value, float):
                assert float(row[name]) == value
            elif isinstance(value, list):
                assert row[name] == "[0.25, 0.5]"
            else:
                assert row[name] == ("" if value is None else str(value))
    assert pyarrow.csv.read_csv(files[0]).num_rows == len(stored["run"])


def test_part_of_the_decisions_is_exported_by_episode(
    store: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "some.parquet"
    words = ["--table", "decisions", "--episodes", "4-6", "--schedulers", "random"]
    text = shown(capsys, store, "1", *words, "--export", str(file))
    assert "18 decisions of run 1" in text
    read = pyarrow.parquet.read_table(file)
    assert set(read["episode"].to_pylist()) == {4, 5, 6}
    assert set(read["scheduler"].to_pylist()) == {"random"}


def test_an_export_that_fails_leaves_nothing_behind(
    store: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "out"
    words = ["--export", str(folder / "a.csv"), "--table", "decisions"]
    assert "unknown scheduler" in refused(capsys, store, "1", *words, "--schedulers", "rando")
    line = refused(capsys, store, "1", "--export", str(folder / "a.txt"))
    assert "ends in '.txt'; allowed: .csv, .parquet" in line
    assert not folder.exists()
    monkeypatch.setattr(reading, "PAGE_ROWS", 7)
    pages = reading.StoreReader.pages

    def interrupted(*arguments, **options):
        yield from list(pages(*arguments, **options))[:2]
        raise KeyboardInterrupt

    monkeypatch.setattr(reading.StoreReader, "pages", interrupted)
    assert history.main(["1", *words, "--store", store]) == 130
    assert list(folder.iterdir()) == []


def test_a_forest_is_fitted_from_the_store(
    store: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "forest.npz"
    text = shown(capsys, store, "2", "--forest", str(file), "--seed", "4")
    assert "to 30 tasks of 5 episodes" in text
    forest = load_forest(file, 5)
    wanted = fit_forest(imitate_oracle(range(2, 7), BASE, jobs=1), 4)
    for name in ("root", "feature", "threshold", "left", "right", "value"):
        np.testing.assert_array_equal(getattr(forest, name), getattr(wanted, name))
    (used,) = forest.trained_on or ()
    assert (used.first_seed, used.last_seed) == (2, 6)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["7"], "error: run is 7; allowed: those of the store: 2, 1"),
        (["1", "--compare", "7"], "run is 7"),
        (["1", "--schedulers", "myopik"], "unknown scheduler of run 1 'myopik'. Did you mean"),
        (["1", "--reference", "myopik"], "unknown reference 'myopik'"),
        (["1", "--task", "54"], "task is 54"),
        (["1", "--episode", "9"], "episode is 9; allowed: 0 to 8 of run 1"),
        (["1", "--episode", "3", "--task", "6"], "episode 3 has tasks 0 to 5"),
        (["1", "--table", "decisions", "--episodes", "5-9", "--export", "x.csv"], "episode is 9"),
    ],
)
def test_bad_input_is_one_line(
    store: str, words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert message in refused(capsys, store, *words)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--task", "3"], "--task needs the number of a run"),
        (["1", "--every", "3", "--task", "3"], "--every and --task do not go together"),
        (["1", "--episodes", "6-3"], "'6-3' is no FIRST-LAST"),
        (["0"], "'0' is not a whole number"),
    ],
)
def test_what_does_not_go_together_is_told(
    words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        history.main(words)
    assert message in capsys.readouterr().err


def test_a_run_is_deleted_once_that_is_confirmed(
    store: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "no terminal to ask on; allowed: --yes" in refused(capsys, store, "1", "--delete")
    for answer, is_there in (("no", True), ("", True), ("y", False)):
        terminal, theirs = os.openpty()
        with open(theirs) as stdin, open(terminal, "w") as typed:
            monkeypatch.setattr("sys.stdin", stdin)
            typed.write(f"{answer}\n")
            typed.flush()
            assert history.main(["1", "--delete", "--store", store]) == int(is_there)
        said = capsys.readouterr().out
        assert "run 1: stream, finished, started " in said
        # 9 episodes of 6 tasks by three schedulers and the oracle, and a model.
        assert "9 episodes of myopic, earliest-finish, random, oracle; 216 decisions and 1" in said
        assert "delete run 1 for good? [y/N]" in said
        assert ("nothing was deleted" in said) == is_there
        with open_reader(store) as reader:
            assert ([row["run"] for row in reader.runs()] == [1, 2]) == is_there
    # Decisions, episodes, the model and the run.
    assert f"run 1 is deleted: {216 + 36 + 1 + 1} rows" in said
    assert "run is 1; allowed: those of the store: 2" in refused(capsys, store, "1", "--delete")
    assert "run 2 is deleted" in shown(capsys, store, "2", "--delete", "--yes")


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (["--delete"], "--delete needs the number of a run"),
        (["1", "--yes"], "--yes goes with --delete"),
        (["1", "--delete", "--task", "3"], "--delete and --task do not go together"),
    ],
)
def test_what_a_deletion_needs_is_told(
    store: str, capsys: pytest.CaptureFixture[str], line: list[str], told: str
) -> None:
    with pytest.raises(SystemExit):
        history.main([*line, "--store", store])
    assert told in capsys.readouterr().err
