"""Oracle schedules on disk: the same in parallel and alone, and safe against damage."""

import json
import subprocess
import sys
import textwrap
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import MIXED

from cpu_gpu_env import HybridClusterVectorEnv
from cpu_gpu_env.baselines.oracle.cache import solve_episodes
from cpu_gpu_env.baselines.oracle.search import QUICK_EFFORT, OracleSchedule, solve_episode
from cpu_gpu_env.sim.instance import RealisedEpisode


def some_episodes(seed: int = 0, **kwargs: object) -> list[RealisedEpisode]:
    env = HybridClusterVectorEnv(4, **{"num_tasks": 12, "cluster": MIXED, **kwargs})
    env.reset(seed=seed)
    return env.realised_episodes()


def same(first: list[OracleSchedule], second: list[OracleSchedule]) -> bool:
    return all(
        np.array_equal(a.actions, b.actions) and (a.bound, a.objective) == (b.bound, b.objective)
        for a, b in zip(first, second, strict=True)
    )


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("jobs", [1, 2])
def test_what_is_kept_is_what_was_solved(tmp_path: Path, jobs: int) -> None:
    episodes = some_episodes()
    done: list[int] = []
    first = solve_episodes(episodes, tmp_path, QUICK_EFFORT, jobs, lambda: done.append(1))
    assert same(first, [solve_episode(episode, QUICK_EFFORT) for episode in episodes])
    assert len(done) == len(files(tmp_path)) == 4
    before = [path.stat().st_mtime_ns for path in files(tmp_path)]
    assert same(first, solve_episodes(episodes, tmp_path, QUICK_EFFORT, jobs))
    assert [path.stat().st_mtime_ns for path in files(tmp_path)] == before


@pytest.mark.parametrize(
    "other",
    [{"seed": 9}, {"noise": 0.1}, {"energy_weight": 0.4}, {"load": 1.0}, {"cluster": "t4-node"}],
)
def test_whatever_matters_is_in_the_key(tmp_path: Path, other: dict) -> None:
    solve_episodes(some_episodes(), tmp_path, QUICK_EFFORT, jobs=1)
    solve_episodes(some_episodes(**other), tmp_path, QUICK_EFFORT, jobs=1)
    assert len(files(tmp_path)) == 8


def test_energies_are_in_the_key(tmp_path: Path) -> None:
    episode = some_episodes()[0]
    hotter = [
        replace(episode, **{name: getattr(episode, name) * (1 + 1e-15)})
        for name in ("cpu_energy_j", "gpu_energy_j")
    ]
    solve_episodes([episode, *hotter], tmp_path, QUICK_EFFORT, jobs=1)
    assert len(files(tmp_path)) == 3


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", "[" * 100_000, '{"bound": 2, "objective": 1, "actions": []}', "\0", "9" * 5000],
)
def test_a_damaged_file_is_solved_again(tmp_path: Path, content: str) -> None:
    episodes = some_episodes()
    first = solve_episodes(episodes, tmp_path, QUICK_EFFORT, jobs=1)
    for path in files(tmp_path):
        path.write_text(content)
    assert same(first, solve_episodes(episodes, tmp_path, QUICK_EFFORT, jobs=1))


@pytest.mark.parametrize(
    "claim",
    [
        {"objective": 0.5, "bound": 0.5},
        {"objective": float("nan")},
        {"bound": float("nan")},
        {"bound": 1e9},
        {"bound": None},
        {"actions": [0] * 12},
        {"actions": [-1] * 12},
        {"actions": [6] * 12},
        {"actions": [10**30] * 12},
        {"actions": [0.5] * 12},
        {"actions": [[0]] * 12},
        {"actions": ["0"] * 12},
    ],
)
def test_a_file_is_not_believed(tmp_path: Path, claim: dict) -> None:
    episodes = some_episodes()
    first = solve_episodes(episodes, tmp_path, QUICK_EFFORT, jobs=1)
    for path in files(tmp_path):
        path.write_text(json.dumps({**json.loads(path.read_text()), **claim}))
    assert same(first, solve_episodes(episodes, tmp_path, QUICK_EFFORT, jobs=1))


def test_two_processes_share_a_folder_and_one_is_killed(tmp_path: Path) -> None:
    program = f"""
        from test_oracle_cache import *
        solve_episodes(some_episodes(num_tasks=60), Path({str(tmp_path)!r}), QUICK_EFFORT, jobs=1)
    """
    command = [sys.executable, "-c", textwrap.dedent(program)]
    folder = Path(__file__).parent
    killed, other = (subprocess.Popen(command, cwd=folder) for _ in range(2))
    while not files(tmp_path):
        assert other.poll() in (None, 0)
    killed.kill()
    killed.wait()
    assert other.wait(timeout=60) == 0
    episodes = some_episodes(num_tasks=60)
    fresh = [solve_episode(episode, QUICK_EFFORT) for episode in episodes]
    assert same(fresh, solve_episodes(episodes, tmp_path, QUICK_EFFORT, jobs=1))
