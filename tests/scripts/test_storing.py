"""Comparisons that are kept in a results store as well."""

import csv
import json
import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cpu_gpu_env.baselines.schedulers.fixed import RoundRobin
from cpu_gpu_env.results.metrics import DECISION_METRICS, EPISODE_METRICS, GAP, REGRET
from cpu_gpu_env.results.provenance import ProblemRecord
from cpu_gpu_env.results.store.paired import pair_stored
from cpu_gpu_env.results.store.reading import open_reader
from cpu_gpu_env.scripts import compare, history, pareto, transfer

SMALL = ["--num-tasks", "8", "--jobs", "1"]


@pytest.fixture(autouse=True)
def _undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compare, "illustrate", lambda *_: None)


def test_a_comparison_is_stored_as_it_is_written(
    store_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [*SMALL, "--episodes", "5", "--schedulers", "myopic,random,queue-price"]
    arguments += ["--output", str(tmp_path)]
    assert compare.main([*arguments, "--store", store_url]) == 0
    printed = capsys.readouterr().out
    assert "stored as run 1: python scripts/history.py 1 --store" in printed
    written = json.loads((tmp_path / "comparison.json").read_text())
    rows = {row["scheduler"]: row for row in written["schedulers"]}
    with open_reader(store_url) as reader:
        (row,) = reader.runs()
        assert (row["kind"], row["status"], row["next_episode"]) == ("comparison", "finished", 5)
        assert row["schedulers"] == list(rows)
        assert row["started_at"] < row["ended_at"]
        assert row["notes"] == written["provenance"]["remarks"]
        assert row["provenance"] == {k: v for k, v in written["provenance"].items() if k != "seeds"}
        for name in rows:
            read = reader.episodes(1, name)
            assert read.seed.tolist() == [str(seed) for seed in written["provenance"]["seeds"]]
            for metric in EPISODE_METRICS:
                assert read[metric].tolist() == written["episodes"][name][metric.key]
                assert read.estimate(metric).mean == rows[name][metric.key]
                assert read.estimate(metric).half_width == rows[name][metric.ci_key]
            np.testing.assert_array_equal(read[REGRET], read.objective - read.bound)
            for metric in DECISION_METRICS.values():
                expected = rows[name][metric.key]
                np.testing.assert_equal(read.estimate(metric).mean, expected or np.nan)
    assert history.main(["1", "--store", store_url]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    lines = printed.splitlines()
    for name in rows:  # the tables have the same cells, but for the decision times
        line = next(line for line in lines if line.strip().startswith(name))
        assert " ".join(line.split()[:5]) in shown
    if "postgresql" in store_url:
        password = store_url.partition("postgres:")[2].partition("@")[0]
        everything = printed + shown + str(row) + (tmp_path / "comparison.json").read_text()
        assert len(password) > 5
        assert password not in everything
        assert "***" in row["command"]


def test_what_was_done_before_ctrl_c_is_stored_as_interrupted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    choose = RoundRobin.choose

    def interrupt(*arguments: Any) -> Any:
        os.kill(os.getpid(), signal.SIGINT)
        return choose(*arguments)

    monkeypatch.setattr(RoundRobin, "choose", interrupt)
    store = str(tmp_path / "results.sqlite")
    arguments = ["--schedulers", "greedy,round-robin,myopic", "--episodes", "2", "--store", store]
    assert compare.main([*SMALL, *arguments, "--output", str(tmp_path)]) == 130
    with open_reader(store) as reader:
        (row,) = reader.runs()
        assert row["status"] == "interrupted"
        assert set(row["schedulers"]) == {"oracle", "greedy"}
        assert len(reader.episodes(1, "greedy")) == 2


def test_a_store_that_cannot_be_written_is_told_before_the_work(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [*SMALL, "--schedulers", "myopic", "--output", str(tmp_path / "out"), "--store"]
    assert compare.main([*arguments, "mysql://joe:secret@host/db"]) == 2
    assert compare.main([*arguments, str(tmp_path)]) == 2
    folder, unknown = capsys.readouterr().err.splitlines()[::-1]
    assert "unknown database 'mysql'" in unknown
    assert "secret" not in unknown
    assert "it is a folder" in folder
    assert not (tmp_path / "out").exists()


def test_a_sweep_is_one_run_with_a_phase_a_problem(tmp_path: Path) -> None:
    store = ["--store", str(tmp_path / "results.sqlite")]
    common = [*SMALL, "--episodes", "3", "--schedulers", "myopic", "--output", str(tmp_path)]
    assert pareto.main([*common, "--weights", "0,0.5", *store]) == 0
    places = ["--also-cluster", "t4-node", "--also-load", "0.7"]
    assert transfer.main([*common, *places, *store]) == 0
    with open_reader(store[1]) as reader:
        swept, moved = reader.runs()
        assert [swept["kind"], moved["kind"]] == ["pareto", "transfer"]
        assert (swept["next_episode"], swept["tasks"]) == (6, 48)
        phases = swept["settings"]["phases"]
        assert [phase["env_kwargs"]["energy_weight"] for phase in phases] == [0.0, 0.5]
        assert [phase["problem"]["energy_weight"] for phase in phases] == [0.0, 0.5]
        ProblemRecord.from_json(phases[0]["problem"])
        for run, path in ((1, tmp_path / "pareto.csv"), (2, tmp_path / "transfer.csv")):
            with path.open() as file:
                rows = list(csv.DictReader(file))
            for name in ("myopic", "oracle"):
                read = reader.episodes(run, name)
                means = [float(row["gap"]) for row in rows if row["scheduler"] == name]
                found = [read[GAP][start : start + 3].mean() for start in range(0, len(read), 3)]
                assert found == means
        # The same problem and seeds, whichever command played them.
        pair = pair_stored(reader, (1, "myopic"), (2, "myopic"))
        assert pair.paired
        assert pair.one.phase.tolist() == 3 * ["energy weight 0.5"]
        assert pair.other.phase.tolist() == 3 * ["cluster a100-node, load 1.5"]
        assert pair.difference(GAP).mean == 0.0
