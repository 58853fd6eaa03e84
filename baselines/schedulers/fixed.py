"""Schedulers that look neither at the task nor at the queues."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cpu_gpu_env.baselines.schedulers.base import Actions, Memory, Scheduler
from cpu_gpu_env.baselines.schedulers.draws import EpisodeDraws
from cpu_gpu_env.sim.state import SchedulingState


class CpuOnly(Scheduler):
    """The smallest GPU fraction for every task."""

    needs_state = False

    def choose(self, state: SchedulingState, memory: Memory) -> tuple[Actions, Memory]:
        """Choose action 0."""
        return np.zeros(len(state), dtype=np.int64), memory


class GpuOnly(Scheduler):
    """The largest GPU fraction for every task (one that does not fit falls back to the CPU)."""

    needs_state = False

    def choose(self, state: SchedulingState, memory: Memory) -> tuple[Actions, Memory]:
        """Choose the last action."""
        last = len(self.problem.gpu_fractions) - 1
        return np.full(len(state), last, dtype=np.int64), memory


class RandomScheduler(Scheduler):
    """A uniformly random fraction for every task."""

    memory_shape = ()
    """Tasks placed."""
    needs_state = False

    def __init__(self, env: Any, seed: int | None = None) -> None:
        super().__init__(env, seed)
        self._drawn = EpisodeDraws(seed)

    def begin(self, seeds: Sequence[int], num_tasks: int) -> None:
        """Draw for the episodes, each from a generator of its own."""
        self._drawn.begin(seeds, num_tasks)

    def choose(self, state: SchedulingState, memory: Memory) -> tuple[Actions, Memory]:
        """Draw an action for each environment."""
        assert memory is not None
        num_actions = len(self.problem.gpu_fractions)
        drawn = self._drawn.of_tasks(memory)
        if drawn is None:
            return self.rng.integers(num_actions, size=len(state)), memory + 1
        return (drawn * num_actions).astype(np.int64), memory + 1


class RoundRobin(Scheduler):
    """Whole tasks to all devices in turn: CPUs first, then GPUs.

    A turn of a CPU is the smallest fraction, of a GPU the largest; with m CPUs and n GPUs, m of
    m + n tasks go to the CPU pool.
    """

    memory_shape = ()
    """Tasks placed."""
    needs_state = False

    def choose(self, state: SchedulingState, memory: Memory) -> tuple[Actions, Memory]:
        """Choose by the turn in memory, and count it up."""
        assert memory is not None
        cluster = self.problem.cluster
        on_cpu = memory % len(cluster.devices) < len(cluster.cpus)
        last = len(self.problem.gpu_fractions) - 1
        return np.where(on_cpu, 0, last).astype(np.int64), memory + 1
