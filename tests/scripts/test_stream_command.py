"""The command: what it stores is what comparisons find, and bad input is told in a line."""

import json
import os
import sqlite3
import time
from pathlib import Path

import pytest

from cpu_gpu_env.results.metrics import EPISODE_METRICS, STREAM_METRICS
from cpu_gpu_env.results.store import tables
from cpu_gpu_env.results.store.reading import open_reader
from cpu_gpu_env.runtime.stream import STREAM_SEED
from cpu_gpu_env.scripts import compare, stream

SIX = "round-robin,random,greedy,random-forest,dqn-queues"


def play(folder: Path, *arguments: str) -> int:
    store = ["--store", str(folder / "store.sqlite"), "--output", str(folder / "curves")]
    return stream.main([*store, "--jobs", "1", *arguments])


def test_a_stream_finds_what_a_comparison_finds_to_the_last_bit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(compare, "illustrate", lambda *_: None)
    assert play(tmp_path, "--num-tasks", "12", "--episodes", "5", "--noise", "0.1") == 0
    printed = capsys.readouterr().out
    assert "history.py 1" in printed
    line = ["--num-tasks", "12", "--episodes", "5", "--noise", "0.1", "--seed", str(STREAM_SEED)]
    line += ["--schedulers", SIX, "--output", str(tmp_path / "comparison"), "--jobs", "1"]
    line += ["--store", str(tmp_path / "store.sqlite"), "--cache", str(tmp_path / "cache")]
    assert compare.main(line) == 0
    with open_reader(tmp_path / "store.sqlite") as reader:
        assert [row["kind"] for row in reader.runs()] == ["stream", "comparison"]
        assert reader.schedulers(1) == [*SIX.split(","), "oracle"]
        for name in reader.schedulers(1):
            streamed, compared = reader.episodes(1, name), reader.episodes(2, name)
            assert streamed.seed.tolist() == compared.seed.tolist()
            for metric in EPISODE_METRICS:
                assert streamed[metric].tolist() == compared[metric].tolist(), (name, metric.key)


def test_more_tasks_than_asked_for_are_those_of_the_last_episode(tmp_path: Path) -> None:
    line = ["--num-tasks", "10", "--bound", "none", "--schedulers", "greedy,random"]
    assert play(tmp_path, *line, "--tasks", "25", "--electricity-price", "0.3") == 0
    with open_reader(tmp_path / "store.sqlite") as reader:
        (row,) = reader.runs()
        assert (row["status"], row["next_episode"], row["tasks"]) == ("finished", 3, 30)
        played = reader.episodes(1, "greedy")
        without_bound = {"gap", "regret"}
        for metric in STREAM_METRICS:
            missing = played[metric] != played[metric]
            assert missing.all() == (metric.key in without_bound), metric.key
        for name in ("greedy", "random"):
            assert reader.count(tables.decisions, 1, name) == 30


def test_whoever_watches_is_told_of_the_process_and_what_happened(tmp_path: Path) -> None:
    line = ["--num-tasks", "10", "--bound", "none", "--schedulers", "greedy,random"]
    line += ["--drift", "arrivals", "--drift-episodes", "2", "--episodes", "5"]
    began = time.time()
    assert play(tmp_path, *line) == 0
    assert play(tmp_path, "--resume", "1", "--episodes", "6") == 0
    with open_reader(tmp_path / "store.sqlite") as reader:
        states = [row["state"] for row in reader.live(1).values()]
    for state in states:
        json.dumps(state, allow_nan=False)
        process, log = state["engine"]["process"], state["engine"]["log"]
        assert process["pid"] == os.getpid()
        assert process["cpu_percent"] > 0.0
        assert process["rss_bytes"] > 50 * 2**20
        assert all(began <= at <= time.time() for at, _ in log)
        # Of the run as it was resumed.
        assert [text for _, text in log] == [
            "goes on with episode 5",
            "phase 'back' from episode 5 on",
        ]
        assert set(state["percentiles"]["all"]["slowdown"]) == {"50", "90", "99"}
        # Of six episodes: the one of now is among them.
        assert state["now"]["makespan_s"] > 0.0
        assert state["episodes"] == 6


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (["--resume", "1", "--load", "3"], "was made with load 1.5, now it is 3.0"),
        (["--resume", "1", "--online"], "was made with schedulers"),
        (["--resume", "7"], "run is 7; allowed"),
        (["--schedulers", "gredy"], "unknown scheduler 'gredy'. Did you mean 'greedy'"),
        (["--schedulers", "greedy,oracle", "--bound", "none"], "'oracle' needs the oracle's"),
        (["--schedulers", "random-forest-online", "--bound", "none"], "needs the oracle's"),
        (["--drift", "gpu", "--cluster", "epyc-7763 + l4"], "drift 'gpu'"),
    ],
)
def test_bad_input_is_told_in_a_line(
    tmp_path: Path, line: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    small = ["--num-tasks", "10", "--bound", "none", "--schedulers", "greedy"]
    assert play(tmp_path, *small, "--episodes", "2") == 0
    capsys.readouterr()
    assert play(tmp_path, *line) == 2
    told = capsys.readouterr().err
    assert message in told
    assert "Traceback" not in told
    with open_reader(tmp_path / "store.sqlite") as reader:
        assert reader.run_row(1)["status"] == "finished"


def test_a_comparison_is_no_stream_to_be_resumed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(compare, "illustrate", lambda *_: None)
    store = ["--store", str(tmp_path / "store.sqlite"), "--bound", "none", "--num-tasks", "8"]
    line = ["--episodes", "2", "--schedulers", "greedy", "--output", str(tmp_path)]
    assert compare.main([*store, *line]) == 0
    assert play(tmp_path, "--resume", "1") == 2
    assert "run 1 is a comparison; allowed to resume: a stream" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("settings = json_set(settings, '$.phases', json('[]'))", "phases"),
        ("settings = json_set(settings, '$.phases[0]', json('{}'))", "phases"),
        ("settings = json_set(settings, '$.env_kwargs.gpu_fractions', 5)", "gpu_fractions is 5"),
        ("settings = json_set(settings, '$.env_kwargs.num_tasks', 5)", "num_tasks of its problem"),
        ("settings = json_set(settings, '$.env_kwargs.colour', 5)", "unknown argument"),
        ("settings = json_set(settings, '$.schedulers', json('[]'))", "'schedulers' is empty"),
        ("settings = json_set(settings, '$.bound', 'x')", "'bound' is 'x'"),
        ("clock_s = 9e999", "clock_s"),
        ("next_episode = -5", "next_episode is -5"),
        ("next_episode = 1", "allowed: 2, as greedy has played"),
        ("next_episode = 9223372036854775800", "next_episode"),
        ("tasks = -9", "tasks is -9"),
        ("measures = '[]'", "measures"),
    ],
)
def test_what_a_store_says_of_a_run_is_not_believed(
    tmp_path: Path, change: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    small = ["--num-tasks", "10", "--bound", "none", "--schedulers", "greedy"]
    assert play(tmp_path, *small, "--episodes", "2") == 0
    with sqlite3.connect(tmp_path / "store.sqlite") as store:
        store.execute(f"UPDATE runs SET {change}")
    store.close()
    capsys.readouterr()
    assert play(tmp_path, "--resume", "1", "--episodes", "4") == 2
    told = capsys.readouterr().err
    assert message in told
    assert len(told.strip().splitlines()) == 1
