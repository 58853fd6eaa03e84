"""drift.py: twins on the same episodes, in step, with a learner that is quickly understood."""

import csv
import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from toy_learner import BAD, GOOD, toy_scheduler
from trace_files import write_tasks

from cpu_gpu_env.baselines import make_scheduler
from cpu_gpu_env.baselines.evaluation.play import play_episodes
from cpu_gpu_env.baselines.oracle.search import QUICK_EFFORT, solve_episode
from cpu_gpu_env.envs.vector_env import HybridClusterVectorEnv
from cpu_gpu_env.runtime.drift import drift_phases
from cpu_gpu_env.runtime.stream import STREAM_SEED
from cpu_gpu_env.scripts import drift

SMALL = ["--num-tasks", "5", "--episodes", "4", "--batch", "2", "--seeds", "0-1", "--jobs", "1"]


@pytest.fixture
def toy() -> Iterator[str]:
    with toy_scheduler() as name:
        yield name


def run(output: Path, *arguments: str) -> int:
    return drift.main([*SMALL, "--output", str(output), *arguments])


def read(output: Path) -> Any:
    return json.loads((output / "drift.json").read_text())


def gap_of(name: str, seeds: range, env_kwargs: dict[str, Any]) -> np.ndarray:
    """Gap of a fixed scheduler, to bounds solved here."""
    env = HybridClusterVectorEnv(len(seeds), **env_kwargs)
    env.reset(seed=[*seeds])
    bounds = [solve_episode(episode, QUICK_EFFORT).bound for episode in env.instances()]
    objective = play_episodes(partial(make_scheduler, name), seeds, **env_kwargs).objective
    return np.asarray(objective / np.array(bounds) - 1)


def test_the_twins_play_the_same_episodes(toy: str, tmp_path: Path, capsys: Any) -> None:
    assert run(tmp_path, "--schedulers", toy, "--drifts", "gpu") == 0
    content = read(tmp_path)
    (entry,) = content["episodes"]
    assert (entry["drift"], entry["scheduler"], entry["seeds"]) == ("gpu", "toy", [0, 1])
    phases = drift_phases("gpu", {"num_tasks": 5}, 4)
    for row, seed in enumerate(entry["seeds"]):
        first = STREAM_SEED + seed * drift.SEED_STRIDE
        assert entry["first_episode_seeds"][row] == first
        frozen, better = (
            np.concatenate(
                [
                    gap_of(name, range(first + 4 * i, first + 4 * i + 4), phase.env_kwargs)
                    for i, phase in enumerate(phases)
                ]
            )
            for name in (BAD, GOOD)
        )
        online = np.append(frozen[:2], better[2:])  # after the first batch it has learned
        assert entry["gap_frozen"][row] == pytest.approx(frozen.tolist())
        assert entry["gap_online"][row] == pytest.approx(online.tolist())
        assert entry["model_version"][row] == [0, 0, *[1] * 10]
    with (tmp_path / "drift.csv").open() as file:
        rows = list(csv.DictReader(file))
    difference = np.array(entry["gap_online"]) - np.array(entry["gap_frozen"])
    assert float(rows[0]["gap_difference_drift"]) == pytest.approx(difference[:, 4:8].mean())
    assert content["results"][0]["gap_difference_drift"] == pytest.approx(difference[:, 4:8].mean())
    assert content["problems"]["gpu"]["drift"]["cluster"].startswith("a100-node without")
    assert (tmp_path / "drift.png").read_bytes().startswith(b"\x89PNG")
    assert b"<svg" in (tmp_path / "drift.svg").read_bytes()
    assert "gpu, toy" in capsys.readouterr().out


def test_results_can_be_made_again(toy: str, tmp_path: Path) -> None:
    arguments = ["--schedulers", f"{toy},dqn", "--drifts", "gpu", "--seeds", "3"]
    for name in "ab":
        assert run(tmp_path / name, *arguments) == 0
    first, second = (read(tmp_path / name) for name in "ab")
    assert first["episodes"] == second["episodes"]
    assert [e["scheduler"] for e in first["episodes"]] == ["toy", "dqn"]


def test_ctrl_c_keeps_what_is_done(tmp_path: Path, capsys: Any) -> None:
    # A seed of a drift takes six batches: the first seed has both, the second one neither.
    with toy_scheduler(interrupt_at=2 * 6 + 3) as name:
        assert run(tmp_path, "--schedulers", name, "--drifts", "mix,gpu") == 130
    episodes = read(tmp_path)["episodes"]
    assert [(entry["drift"], entry["seeds"]) for entry in episodes] == [("mix", [0]), ("gpu", [0])]
    assert "what was finished is kept" in capsys.readouterr().err
    with toy_scheduler(interrupt_at=2) as name:
        assert run(tmp_path / "none", "--schedulers", name, "--drifts", "gpu") == 130
    assert not (tmp_path / "none" / "drift.json").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--drifts", "rain"], "unknown drift 'rain'"),
        (["--schedulers", "oracle"], "unknown scheduler that learns online 'oracle'"),
        (["--cluster", "laptop-4090", "--drifts", "gpu"], "has one GPU"),
        (["--load", "none", "--drifts", "arrivals"], "all tasks arrive at once"),
        (["--num-tasks", "1000000", "--episodes", "10"], "tasks at once"),
    ],
)
def test_what_cannot_be_is_told_before_the_work(
    arguments: list[str], message: str, tmp_path: Path, capsys: Any
) -> None:
    assert run(tmp_path / "out", *arguments) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert message in lines[0]
    assert not [*(tmp_path / "out").glob("drift*")]


@pytest.mark.parametrize("text", ["", "x", "0-x", "-1", "5-3", "0-4001", "0-99999999999"])
def test_seeds_that_are_none(text: str, capsys: Any) -> None:
    with pytest.raises(SystemExit):
        drift.parse_arguments([f"--seeds={text}"])
    assert "are no seeds from 0 to 4000" in capsys.readouterr().err


def test_seeds_are_listed_or_a_range() -> None:
    for text, seeds in (("0-4", (0, 1, 2, 3, 4)), ("7", (7,)), ("3,1-2,3", (3, 1, 2))):
        assert drift.parse_arguments([f"--seeds={text}"]).seeds == seeds


def test_of_a_trace_all_seeds_are_the_same(toy: str, tmp_path: Path, capsys: Any) -> None:
    rows = [[0.3 * i, 1e11 * (1 + i % 7), 2.0 + i % 40, 1e8] for i in range(40)]
    trace = write_tasks(tmp_path / "t.csv", rows)
    arguments = ["--schedulers", toy, "--drifts", "gpu", "--workload", trace]
    assert run(tmp_path, *arguments) == 0
    (entry,) = read(tmp_path)["episodes"]
    assert entry["gap_frozen"][0] == entry["gap_frozen"][1]
    printed = capsys.readouterr().out
    assert "all seeds replay the same windows" in printed
    assert "8 windows of 5 tasks in order, then round again" in printed
