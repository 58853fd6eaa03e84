"""Episodes small enough to try every schedule, and what bounds must keep there."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from conftest import MIXED, PLAIN, REFINED, VARIED
from hypothesis import strategies as st
from judge import Judge

from cpu_gpu_env import Cluster, HybridClusterEnv
from cpu_gpu_env.baselines.bounds.lower import LowerBoundProgram
from cpu_gpu_env.sim.instance import Instance


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


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Up to seven tasks of very different sizes, some too large for a GPU."""
    count = draw(st.integers(1, 7))
    seed = draw(st.integers(0, 10_000))
    rng = np.random.default_rng(seed)
    spread = draw(st.sampled_from([0.0, 0.1, 1.0, 10.0]))
    tasks = np.stack(
        [
            np.sort(rng.exponential(spread, count)),
            10 ** rng.uniform(11, 13.5, count),
            10 ** rng.uniform(-0.5, 2.5, count),
            10 ** rng.uniform(8, 10.5, count),
        ],
        axis=1,
    )
    cluster = draw(st.sampled_from([PLAIN, MIXED, VARIED, REFINED]))
    noise = draw(st.sampled_from([0.0, 0.5]))
    return make_case(cluster, seed, tasks, noise, draw(st.sampled_from([0.0, 0.5, 1.0])))


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
