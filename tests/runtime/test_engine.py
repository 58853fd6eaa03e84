"""The engine: every lane gets every episode once, at the pace that is asked for."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import pytest

from cpu_gpu_env.baselines import make_scheduler
from cpu_gpu_env.baselines.evaluation.comparison import SchedulerSpec
from cpu_gpu_env.baselines.oracle.search import QUICK_EFFORT
from cpu_gpu_env.errors import HybridClusterError
from cpu_gpu_env.results.metrics import OBJECTIVE
from cpu_gpu_env.runtime.control import Control
from cpu_gpu_env.runtime.engine import BatchSize, Engine, Finished
from cpu_gpu_env.runtime.lanes import Lane, OracleLane
from cpu_gpu_env.runtime.records import Phase
from cpu_gpu_env.runtime.solver import Solver
from cpu_gpu_env.runtime.stream import EpisodeStream


@dataclass
class Asked:
    name: str
    value: float | None = None


class Kept:
    """Keeps what it is told of, and calls something each time."""

    def __init__(self, then: Callable[[], None] = lambda: None) -> None:
        self.batches: list[Finished] = []
        self._then = then

    def add(self, finished: Finished) -> None:
        self.batches.append(finished)
        self._then()

    @property
    def numbers(self) -> list[int]:
        return [
            number
            for finished in self.batches
            for number in range(
                finished.arrived.batch.first,
                finished.arrived.batch.first + len(finished.arrived.batch),
            )
        ]

    def objectives(self, name: str) -> list[float]:
        parts = [finished.lanes[name].values[OBJECTIVE] for finished in self.batches]
        return list(np.concatenate(parts))


def lanes(*names: str) -> list[Lane]:
    return [Lane(SchedulerSpec(name, partial(make_scheduler, name, seed=1))) for name in names]


def play(
    episodes: int | None, control: Control, kept: Kept, num_tasks: int = 20, first: int = 0
) -> Engine:
    stream = EpisodeStream((Phase({"num_tasks": num_tasks}),), episodes=episodes)
    engine = Engine(stream, lanes("greedy", "random"), Solver(None), control, [kept], first)
    engine.run()
    return engine


def test_every_episode_is_played_once_in_order_by_all_lanes() -> None:
    kept = Kept()
    engine = play(300, Control(), kept)
    assert kept.numbers == list(range(300))
    assert engine.next_episode == 300
    assert max(len(finished.arrived.batch) for finished in kept.batches) > 1
    for finished in kept.batches:
        assert set(finished.lanes) == {"greedy", "random"}


def test_simulated_time_goes_on_from_episode_to_episode() -> None:
    kept = Kept()
    engine = play(40, Control(), kept)
    clock_s = 0.0
    for finished in kept.batches:
        for index, instance in enumerate(finished.arrived.instances):
            assert finished.clock_s[index] == pytest.approx(clock_s)
            gap_s = finished.arrived.batch.phase.problem.mean_interarrival_s
            clock_s += instance.release_s[-1] + gap_s
    assert engine.clock_s == pytest.approx(clock_s)


def test_at_a_pace_the_results_are_the_same_and_take_as_long_as_they_should() -> None:
    fast, paced = Kept(), Kept()
    play(3, Control(), fast)
    clock_s = float(fast.batches[-1].clock_s[-1])
    began = time.monotonic()
    play(3, Control(speed=clock_s / 0.5), paced)
    assert time.monotonic() - began > 0.4
    assert all(len(finished.arrived.batch) == 1 for finished in paced.batches)
    for name in ("greedy", "random"):
        assert paced.objectives(name) == fast.objectives(name)


def test_a_stream_goes_on_where_another_ended() -> None:
    whole, begun, resumed = Kept(), Kept(), Kept()
    play(30, Control(), whole)
    play(11, Control(), begun)
    play(30, Control(), resumed, first=11)
    assert begun.numbers + resumed.numbers == whole.numbers
    for name in ("greedy", "random"):
        assert begun.objectives(name) + resumed.objectives(name) == whole.objectives(name)


def test_pause_resume_and_stop_are_followed() -> None:
    asked: list[Asked] = []

    def poll() -> list[Asked]:
        taken = asked[:]
        asked.clear()
        return taken

    control, kept = Control(poll=poll), Kept()
    thread = threading.Thread(target=play, args=(None, control, kept))
    thread.start()
    try:
        wait_for(lambda: len(kept.batches) > 2)
        asked.append(Asked("pause"))
        wait_for(lambda: control.paused)
        time.sleep(0.2)  # what was being played is finished
        count = len(kept.batches)
        time.sleep(0.3)
        assert len(kept.batches) == count
        asked.append(Asked("resume"))
        wait_for(lambda: len(kept.batches) > count)
        asked.append(Asked("speed", 1e-3))
        wait_for(lambda: control.speed == 1e-3)
    finally:
        asked.append(Asked("stop"))
        thread.join(10.0)
    assert not thread.is_alive()
    assert kept.numbers == list(range(len(kept.numbers)))


def wait_for(condition: Callable[[], bool]) -> None:
    until_s = time.monotonic() + 10.0
    while not condition():
        assert time.monotonic() < until_s
        time.sleep(0.01)


def test_the_oracle_plans_ahead_and_bounds_hold() -> None:
    stream = EpisodeStream((Phase({"num_tasks": 10}),), episodes=4)
    kept = Kept()
    oracle = OracleLane()
    solver = Solver(QUICK_EFFORT, jobs=1)
    Engine(stream, [*lanes("greedy"), oracle], solver, Control(), [kept]).run()
    bounds = np.concatenate([finished.arrived.bounds for finished in kept.batches])
    assert (np.array(kept.objectives("oracle")) >= bounds - 1e-9).all()
    assert (np.array(kept.objectives("greedy")) >= bounds - 1e-9).all()


def test_what_the_solver_raises_is_raised_where_the_stream_runs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: object) -> None:
        raise HybridClusterError("no more seeds")

    monkeypatch.setattr(Solver, "solve", fail)
    with pytest.raises(HybridClusterError, match="no more seeds"):
        play(2, Control(), Kept())


def test_batches_grow_until_they_take_as_long_as_they_should() -> None:
    size = BatchSize(1, 256)
    for _ in range(20):
        size.took(size.episodes, 0.01 * size.episodes)
    assert 180 <= size.episodes <= 220  # two seconds
    for _ in range(5):
        size.took(size.episodes, 3.0 * size.episodes)
    assert size.episodes == 1
