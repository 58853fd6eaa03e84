"""Episodes small enough to try every schedule, and what bounds must keep there."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from conftest import CPU, GPU, MIXED, PLAIN, REFINED, SLOW_CPU, SMALL_GPU, VARIED
from hypothesis import strategies as st
from judge import Judge

from cpu_gpu_env import Cluster, HybridClusterEnv
from cpu_gpu_env.baselines.bounds.lower import LowerBoundProgram
from cpu_gpu_env.model.traces.loading import resolve_workload
from cpu_gpu_env.sim.instance import Instance

UNIFORM = Cluster("uniform", (CPU,) * 3 + (GPU,) * 2)
INTERLEAVED = Cluster("interleaved", (CPU, SLOW_CPU, CPU, GPU, SMALL_GPU, GPU, SMALL_GPU))
"""Kinds in turn, so that the index of a device tells nothing about its kind."""

_WORKLOAD = resolve_workload("lognormal")
SMALL_POOL = replace(
    _WORKLOAD, pool=_WORKLOAD.pool.take(np.arange(300), np.arange(300.0)), in_order=True
)
"""Of which problems are made in no time."""


class Case(NamedTuple):
    """A tiny episode as the oracle sees it, and what is to be believed of it."""

    episode: Instance
    judge: Judge

    @classmethod
    def of(cls, env: HybridClusterEnv) -> Case:
        return cls(env.instances()[0], Judge.of(env))


def make_case(
    cluster: Cluster, seed: int, tasks: npt.NDArray[np.float64], noise: float, weight: float
) -> Case:
    fractions = (0.0, 0.5, 1.0) if len(tasks) > 5 else (0.0, 0.3, 0.7, 1.0)
    env = HybridClusterEnv(
        cluster=cluster, noise=noise, energy_weight=weight, gpu_fractions=fractions
    )
    env.reset(seed=seed, options={"tasks": tasks})
    return Case.of(env)


def random_tasks(
    rng: np.random.Generator, count: int, round_numbers: bool
) -> npt.NDArray[np.float64]:
    """Tasks of very different sizes, some too large for a GPU.

    Args:
        rng: Source of the tasks.
        count: How many.
        round_numbers: Sizes and arrivals such that tasks often arrive or end at once.
    """
    if round_numbers:
        every_s = rng.choice([0.0, 0.5, 4.0])
        columns = [
            np.sort(every_s * rng.integers(0, 2 * count, count)),
            rng.choice([1e12, 2e12, 8e12], count),
            np.full(count, 100.0),
            rng.choice([1e9, 4e9, 12e9], count),
        ]
    else:
        columns = [
            np.sort(rng.exponential(rng.choice([0.0, 0.1, 1.0, 10.0]), count)),
            10 ** rng.uniform(11, 13.5, count),
            10 ** rng.uniform(-0.5, 2.5, count),
            10 ** rng.uniform(8, 10.5, count),
        ]
    return np.stack(columns, axis=1)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Up to seven tasks of very different sizes, some too large for a GPU."""
    count = draw(st.integers(1, 7))
    seed = draw(st.integers(0, 10_000))
    tasks = random_tasks(np.random.default_rng(seed), count, round_numbers=False)
    cluster = draw(st.sampled_from([PLAIN, MIXED, VARIED, REFINED]))
    noise = draw(st.sampled_from([0.0, 0.5]))
    return make_case(cluster, seed, tasks, noise, draw(st.sampled_from([0.0, 0.5, 1.0])))


@st.composite
def six_action_cases(draw: st.DrawFn, max_tasks: int) -> Case:
    """All that a problem may have: six actions as by default, ties, kinds in turn, any weight."""
    cluster = draw(st.sampled_from([PLAIN, MIXED, VARIED, REFINED, UNIFORM, INTERLEAVED]))
    weight = draw(st.sampled_from([0.0, 0.2, 0.5, 1.0]))
    noise = draw(st.sampled_from([0.0, 0.5]))
    env = HybridClusterEnv(cluster=cluster, workload=SMALL_POOL, energy_weight=weight, noise=noise)
    seed = draw(st.integers(0, 2**31))
    count = draw(st.integers(1, max_tasks))
    tasks = random_tasks(np.random.default_rng(seed), count, draw(st.booleans()))
    env.reset(seed=seed, options={"tasks": tasks})
    return Case.of(env)


def some_case(cluster: Cluster, seed: int) -> Case:
    env = HybridClusterEnv(cluster=cluster, num_tasks=6, gpu_fractions=(0.0, 0.5, 1.0))
    env.reset(seed=seed)
    return Case.of(env)


def quick(cluster: Cluster) -> Cluster:
    """The cluster without overheads and idle power, so that even tiny tasks matter."""
    devices = (replace(d, launch_s=0.0, idle_power_w=0.0) for d in cluster.devices)
    return Cluster("quick", tuple(devices))


def assert_tightened_below(best: float, episode: Instance, *known: float) -> float:
    """The program bounds the best schedule, whatever it knows; return what it says unaided."""
    program = LowerBoundProgram(episode)
    loose = program.solve().objective
    assert loose <= best
    for objective in known:
        program.tighten(objective)
        assert program.solved is not None
        # What `tighten` returns is at most what is known; this is what it was found by.
        assert program.solved.objective <= best
    return loose
