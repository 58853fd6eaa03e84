"""What a model was trained on, and which episodes are held out from it."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import MIXED
from trace_files import write, write_tasks

from cpu_gpu_env import HybridClusterError, load_trace
from cpu_gpu_env.baselines.evaluation.play import evaluation_seeds
from cpu_gpu_env.problem.problem import make_problem
from cpu_gpu_env.results.held_out import (
    NOT_RECORDED,
    TRAINED_ON,
    UsedEpisodes,
    read_used_episodes,
    seen_in_training,
)
from cpu_gpu_env.results.seeds import Purpose, episode_seeds
from cpu_gpu_env.results.trace_sketch import sketch

USED = UsedEpisodes.of(Purpose.LABELS, range(100, 200), make_problem())


@pytest.mark.parametrize(
    ("seeds", "found"),
    [
        (range(100, 200), "100 of 100 episodes: labels, seeds 100 to 199"),
        (range(190, 210), "10 of 20 episodes: labels, seeds 100 to 199"),
        ((3, 199), "1 of 2 episodes: labels, seeds 100 to 199"),
        (range(100), ""),
        (range(200, 300), ""),
        (evaluation_seeds(100), ""),
    ],
)
def test_seeds_that_were_learned_from_are_counted(seeds: range, found: str) -> None:
    for problem in (make_problem(), make_problem(MIXED, num_tasks=7, load=None)):
        assert seen_in_training([USED], seeds, problem) == found
    assert seen_in_training([USED], seeds, make_problem(workload="pareto")) == ""


def test_what_is_not_known_is_not_claimed() -> None:
    assert seen_in_training(None, range(5), make_problem()) == NOT_RECORDED
    assert seen_in_training([], range(5), make_problem()) == ""


def test_windows_of_a_trace_share_its_tasks_whatever_their_seeds(tmp_path: Path) -> None:
    def problem(name: str, part: str = "") -> Any:
        rows = [(float(i), 1e12 + 1e9 * i, 20.0, 1e9) for i in range(100)]
        path = tmp_path / name
        if not path.exists():
            write_tasks(path, rows)
        return make_problem(workload=f"{path}{part}", num_tasks=5)

    (seed,) = episode_seeds(Purpose.TRAINING, 1)
    first = UsedEpisodes.of(
        Purpose.TRAINING, range(seed, seed + 1), problem("a.csv", "?part=0-0.7")
    )
    for part, shared in (("?part=0-0.7", True), ("?part=0.5-1", True), ("", True)):
        found = seen_in_training([first], evaluation_seeds(3), problem("a.csv", part))
        assert bool(found) == shared
        assert "same tasks of the trace" in found
    assert not seen_in_training([first], evaluation_seeds(3), problem("a.csv", "?part=0.7-1"))
    assert not seen_in_training([first], evaluation_seeds(3), make_problem())
    whole = UsedEpisodes.of(Purpose.TRAINING, range(3), problem("a.csv"))
    assert seen_in_training([whole], evaluation_seeds(3), problem("a.csv", "?part=0.7-1"))
    # The same tasks by another name.
    assert seen_in_training([whole], evaluation_seeds(3), problem("copy.csv"))
    assert not seen_in_training([USED], range(100, 200), problem("a.csv"))


def test_a_copied_trace_is_known_whatever_it_is_called(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    arrivals = np.cumsum(rng.exponential(1.0, 400))
    rows = [[t, 10 ** rng.uniform(11, 13), 20.0, 1e9] for t in arrivals.tolist()]
    alike = [[t, 1e12, 20.0, 1e9] for t in arrivals.round().tolist()]
    first, copy = write_tasks(tmp_path / "a.csv", rows), write_tasks(tmp_path / "b.csv.gz", rows)
    other = write_tasks(tmp_path / "c.csv", alike)
    used = UsedEpisodes.of(
        Purpose.LABELS, range(5), make_problem(workload=f"{first}?part=0-0.5", num_tasks=10)
    )
    used = UsedEpisodes.parse(json.loads(json.dumps(used.to_json())))

    def seen(workload: str) -> str:
        return seen_in_training([used], [0], make_problem(workload=workload, num_tasks=10))

    assert "same tasks" in seen(f"{copy}?part=0.3-0.8")
    assert "same tasks" in seen(str(copy))
    assert seen(f"{copy}?part=0.5-1") == ""
    assert seen(other) == ""
    assert sketch(load_trace(other).pool) == ()


def test_parts_of_a_table_of_times_are_told_apart(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    lines = ["arrival_s,memory_bytes,cpu_time_s,gpu_time_s"]
    lines += [f"{i},0,{rng.exponential()!r},{rng.exponential()!r}" for i in range(200)]
    path = write(tmp_path / "times.csv", lines)
    pools = (load_trace(path, part=part).pool for part in ((0, 0.5), (0.3, 0.8), (0.5, 1)))
    first, second, rest = (set(sketch(pool)) for pool in pools)
    assert first & second
    assert not first & rest


def test_records_survive_json() -> None:
    written = json.loads(json.dumps({TRAINED_ON: [USED.to_json()]}))
    assert read_used_episodes(written) == (USED,)
    assert read_used_episodes({}) is None


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (3, "a list of at most"),
        ([3], "a JSON object"),
        ([{}], "'purpose' is missing"),
        ([{**USED.to_json(), "purpose": "label"}], "Did you mean 'labels'"),
        ([{**USED.to_json(), "first_seed": -1}], "first_seed"),
        ([{**USED.to_json(), "last_seed": 1.5}], "last_seed"),
        ([{**USED.to_json(), "problem": {}}], "'cluster' of a problem is missing"),
        ([replace(USED, problem=None).to_json()], "'problem'"),  # type: ignore[arg-type]
        ([USED.to_json()] * 1_001, "at most 1000"),
    ],
)
def test_damaged_records_are_told(content: Any, message: str) -> None:
    with pytest.raises(HybridClusterError, match=message):
        read_used_episodes({TRAINED_ON: content})
