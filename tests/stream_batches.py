"""Batches of a stream as the engine hands them on, played by real schedulers with real bounds."""

from dataclasses import replace
from functools import cache, partial
from typing import Any

import numpy as np
from conftest import PLAIN

from cpu_gpu_env import Cluster
from cpu_gpu_env.baselines import make_scheduler
from cpu_gpu_env.baselines.evaluation.comparison import SchedulerSpec
from cpu_gpu_env.baselines.oracle.search import solve_episode
from cpu_gpu_env.runtime.engine import Finished
from cpu_gpu_env.runtime.lanes import Arrived, Lane, OracleLane, play_batch
from cpu_gpu_env.runtime.records import Phase
from cpu_gpu_env.runtime.stream import EpisodeStream

NAMES = ("queue-price", "random", "oracle")
PRICE = 0.3
"""Of a kWh."""


def make_phase(name: str = "", cluster: Cluster = PLAIN, **kwargs: Any) -> Phase:
    return Phase({"cluster": cluster, "num_tasks": 6, "load": 2.0, **kwargs}, None, name)


PHASE = make_phase()


def play(
    first: int, count: int, phase: Phase = PHASE, bounded: bool = True, price: float | None = PRICE
) -> Finished:
    """Play episodes of a stream from one on; without bounds there is no oracle."""
    stream = EpisodeStream((phase,))
    batch = stream.batch(first, count)
    assert batch is not None
    arrived = Arrived.of(batch)
    lanes = [
        Lane(SchedulerSpec(name, partial(make_scheduler, name, seed=5)), price)
        for name in NAMES
        if name != "oracle"
    ]
    if bounded:
        oracle = [solve_episode(instance) for instance in arrived.instances]
        arrived = replace(arrived, oracle=oracle)
        lanes.append(OracleLane(price))
    played = {lane.name: play_batch(lane, arrived) for lane in lanes}
    return Finished(arrived, played, np.zeros(count + 1))


@cache
def some_batches(sizes: tuple[int, ...] = (3, 1, 7, 2, 12)) -> tuple[Finished, ...]:
    """Batches of these sizes, one after another."""
    starts = np.cumsum((0, *sizes))
    return tuple(play(int(first), size) for first, size in zip(starts, sizes, strict=False))
