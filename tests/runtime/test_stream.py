"""The stream: which episodes it has, and in which order."""

from pathlib import Path

import numpy as np
from trace_files import write_tasks

from cpu_gpu_env.runtime.records import Phase
from cpu_gpu_env.runtime.stream import EpisodeStream


def trace(folder: Path, tasks: int) -> str:
    rows = [(float(i), 1e12 + i, 10.0, 1e8) for i in range(tasks)]
    return write_tasks(folder / "trace.csv", rows)


def test_batches_do_not_cross_phases_and_count_seeds_up() -> None:
    phases = (Phase({}, 5, "before"), Phase({"load": 3.0}, 4, "drift"), Phase({}, None, "back"))
    stream = EpisodeStream(phases, seed=100)
    found, first = [], 0
    while first < 20:
        batch = stream.batch(first, 3)
        assert batch is not None
        assert batch.first == first
        assert batch.seeds == tuple(range(100 + first, 100 + first + len(batch)))
        found += [batch.phase.name] * len(batch)
        first += len(batch)
    assert found[:9] == ["before"] * 5 + ["drift"] * 4
    assert set(found[9:]) == {"back"}


def test_a_stream_ends_after_its_episodes() -> None:
    stream = EpisodeStream((Phase({}),), episodes=7)
    batch = stream.batch(5, 100)
    assert batch is not None
    assert len(batch) == 2
    assert stream.batch(7, 1) is None


def test_seeds_go_round_after_the_last() -> None:
    batch = EpisodeStream((Phase({}),), seed=2**32 - 2).batch(0, 10)
    assert batch is not None
    assert batch.seeds == (2**32 - 2, 2**32 - 1)
    after = EpisodeStream((Phase({}),), seed=2**32 - 2).batch(2, 1)
    assert after is not None
    assert after.seeds == (0,)


def test_a_trace_is_played_in_windows_in_order_and_round_again(tmp_path: Path) -> None:
    kwargs = {"workload": trace(tmp_path, 47), "num_tasks": 10, "load": "trace"}
    stream = EpisodeStream((Phase(kwargs),))
    batch = stream.batch(2, 4)
    assert batch is not None
    assert batch.tasks is not None
    first_rows = [tasks.size_flop[0] - 1e12 for tasks in batch.tasks]
    assert np.rint(first_rows).tolist() == [20, 30, 0, 10]  # the last 7 tasks are in no window
    assert batch.tasks[0].arrival_s.tolist() == list(range(10))
    (note,) = stream.notes
    assert "4 windows" in note
    assert "last 7 tasks" in note
