"""Episodes small enough to try every schedule, and what bounds must keep there."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from conftest import CPU, GPU, MIXED, PLAIN, REFINED, SLOW_CPU, SMALL_GPU, VARIED
from hypothesis import strategies as st
from judge import Judge

from cpu_gpu_env import Cluster, HybridClusterEnv, Tasks, Workload
from cpu_gpu_env.baselines.bounds.lower import LowerBoundProgram
from cpu_gpu_env.model.measured import MeasuredCosts
from cpu_gpu_env.model.precision import PRECISIONS
from cpu_gpu_env.model.traces.loading import resolve_workload
from cpu_gpu_env.model.workload import feature_ranges
from cpu_gpu_env.sim.instance import Instance

UNIFORM = Cluster("uniform", (CPU,) * 3 + (GPU,) * 2)
INTERLEAVED = Cluster("interleaved", (CPU, SLOW_CPU, CPU, GPU, SMALL_GPU, GPU, SMALL_GPU))
"""Kinds in turn, so that the index of a device tells nothing about its kind."""

TENSOR = Cluster(
    "tensor",
    (
        replace(CPU, serial_step_s=1e-3, flops_fp64=0.5e12, flops_bf16=2e12),
        replace(SLOW_CPU, flops_fp64=0.1e12),
        replace(GPU, serial_step_s=4e-3, flops_fp64=5e12, flops_tf32=40e12, flops_fp16=80e12),
        replace(SMALL_GPU, flops_fp64=1e11, flops_int8=60e12, memory_power_w=60.0),
    ),
)
"""Each device with rates of its own, and with the next wider one for others."""

_WORKLOAD = resolve_workload("lognormal")
SMALL_POOL = replace(
    _WORKLOAD, pool=_WORKLOAD.pool.take(np.arange(300), np.arange(300.0)), in_order=True
)
"""Of which problems are made in no time."""


KINDS = ("plain", "mixed", "measured")
"""Kinds of tasks: sizes alone; precisions, steps and resident data as well; times alone."""


def of_kind(kind: str, rng: np.random.Generator, table: npt.NDArray[np.float64]) -> Tasks:
    """Turn tasks (n, 4) into some of a kind, with what else there is drawn at random."""
    count = len(table)
    if kind == "plain":
        return Tasks(*table.T)
    if kind == "mixed":
        precision = rng.choice(PRECISIONS, count).tolist()
        steps = rng.choice([0.0, 10.0, 1e3], count)
        moved = np.where(rng.random(count) < 0.5, np.inf, table[:, 3] * rng.random(count))
        return Tasks(*table.T, precision, steps, moved)
    nothing = np.full(count, np.nan)
    times = {
        where: table[:, 1] / 1e12 * rng.uniform(0.1, 2.0, count)
        for where in ("cpu", "gpu", "slow-cpu", "small-gpu")
    }
    energies = {name: 120.0 * times[name] * rng.random(count) for name in ("gpu", "slow-cpu")}
    measured = MeasuredCosts(times, energies)
    return Tasks(table[:, 0], nothing, nothing, table[:, 3], measured=measured)


def pool_of_kind(kind: str) -> Workload:
    """A small trace of tasks of a kind."""
    if kind == "plain":
        return SMALL_POOL
    rng, pool = np.random.default_rng(5), SMALL_POOL.pool
    columns = (pool.arrival_s, pool.size_flop, pool.intensity_flop_per_byte, pool.memory_bytes)
    tasks = of_kind(kind, rng, np.stack(columns, axis=1))
    return Workload(kind, tasks, *feature_ranges(tasks), in_order=True)


SMALL_POOLS = {kind: pool_of_kind(kind) for kind in KINDS}
"""Of each kind of tasks."""


class Case(NamedTuple):
    """A tiny episode as the oracle sees it, and what is to be believed of it."""

    episode: Instance
    judge: Judge

    @classmethod
    def of(cls, env: HybridClusterEnv) -> Case:
        return cls(env.instances()[0], Judge.of(env))


def make_case(
    cluster: Cluster,
    seed: int,
    tasks: Tasks | npt.NDArray[np.float64],
    noise: float,
    weight: float,
    kind: str = "plain",
) -> Case:
    fractions = (0.0, 0.5, 1.0) if len(tasks) > 5 else (0.0, 0.3, 0.7, 1.0)
    env = HybridClusterEnv(
        cluster=cluster,
        workload=SMALL_POOLS[kind],
        noise=noise,
        energy_weight=weight,
        gpu_fractions=fractions,
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
    rng, kind = np.random.default_rng(seed), draw(st.sampled_from(KINDS))
    tasks = of_kind(kind, rng, random_tasks(rng, count, round_numbers=False))
    clusters = [TENSOR] if kind == "mixed" else [PLAIN, MIXED, VARIED, REFINED, TENSOR]
    cluster, noise = draw(st.sampled_from(clusters)), draw(st.sampled_from([0.0, 0.5]))
    return make_case(cluster, seed, tasks, noise, draw(st.sampled_from([0.0, 0.5, 1.0])), kind)


@st.composite
def six_action_cases(draw: st.DrawFn, max_tasks: int) -> Case:
    """All that a problem may have: six actions as by default, ties, kinds in turn, any weight."""
    kind, clusters = draw(st.sampled_from(KINDS)), [TENSOR]
    if kind != "mixed":
        clusters = [PLAIN, MIXED, VARIED, REFINED, UNIFORM, INTERLEAVED]
    cluster = draw(st.sampled_from(clusters))
    weight = draw(st.sampled_from([0.0, 0.2, 0.5, 1.0]))
    noise = draw(st.sampled_from([0.0, 0.5]))
    env = HybridClusterEnv(
        cluster=cluster, workload=SMALL_POOLS[kind], energy_weight=weight, noise=noise
    )
    seed = draw(st.integers(0, 2**31))
    count = draw(st.integers(1, max_tasks))
    rng = np.random.default_rng(seed)
    tasks = of_kind(kind, rng, random_tasks(rng, count, draw(st.booleans())))
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
