"""The tasks of many environments, one after another, and when their episodes end."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from cpu_gpu_env.model.cost_tables import CostTables, build_cost_tables
from cpu_gpu_env.model.sampling import Unpacked, WordArray, draw_noise_words
from cpu_gpu_env.model.tasks import FloatArray, IntArray, Tasks
from cpu_gpu_env.problem.objective import Objective
from cpu_gpu_env.problem.problem import Problem
from cpu_gpu_env.problem.task_features import Features
from cpu_gpu_env.sim.instance import Instance

EnvMask = npt.NDArray[np.bool_]
EpisodeTasks = tuple[IntArray, FloatArray, tuple[FloatArray, FloatArray] | None]
"""Rows of the tables, arrivals [s], and factors on the times of the CPU and the GPU shares."""

PREFETCH_BYTES = 1 << 27
"""Random numbers are drawn for several episodes at once, within this much memory."""

MAX_PREFETCH = 16
"""Episodes drawn at once at most: the cost of the call is spread thin by then."""

_TILE = 256
"""Columns transposed at once: a tile stays in the cache."""


class TaskStream:
    """The current task of every environment, and a clock that knows when episodes end.

    All environments share the clock; an episode that starts later also ends later.
    """

    tasks: Tasks
    """Table of the tasks that may come, without their arrivals."""
    costs: CostTables
    """What they cost."""
    row: IntArray
    """(num_envs,): row of the current task in the tables."""
    arrival_s: FloatArray
    """(num_envs,): its arrival, after the first arrival of the episode [s]."""
    num_tasks: int
    """Tasks of an episode."""

    def __init__(self, num_tasks: int, num_envs: int) -> None:
        self.num_tasks = num_tasks
        self.row = np.zeros(num_envs, dtype=np.intp)
        self.arrival_s = np.zeros(num_envs)
        self._clock = 0
        self._start = np.zeros(num_envs, dtype=np.int64)
        self._end = np.zeros(num_envs, dtype=np.int64)
        self._next_end = 0

    def begin(self, envs: IntArray | slice, max_steps: int | None) -> None:
        """Note that the episodes of some environments begin now."""
        self._start[envs] = self._clock
        self._end[envs] = self._clock + min(self.num_tasks, max_steps or self.num_tasks)
        self._find_next_end()

    def _find_next_end(self) -> None:
        # Episodes that have ended and wait for their reset do not count.
        later = self._end[self._end > self._clock]
        self._next_end = int(later.min()) if len(later) else -1

    def advance(self) -> bool:
        """Go to the next task; return whether an episode has ended.

        Where it has, the current task means nothing until the next episode begins.
        """
        self._clock += 1
        self._fetch()
        return self._clock == self._next_end

    def ended(self, max_steps: int | None) -> tuple[EnvMask, EnvMask]:
        """Which episodes have just terminated, and which were truncated."""
        steps = self._clock - self._start
        ended = self._clock == self._end
        self._find_next_end()
        return ended & (steps == self.num_tasks), ended & (steps == (max_steps or -1))

    def steps_left(self) -> npt.NDArray[np.int64]:
        """Tasks that are still to be placed, the current one included, (num_envs,)."""
        return self._start + self.num_tasks - self._clock

    def noise(self) -> tuple[FloatArray, FloatArray] | None:
        """Factors on the current tasks' execution times on CPU and GPU, if there is noise."""
        return None

    def episode(self, env: int) -> EpisodeTasks:
        """All tasks of the current episode of an environment."""
        raise NotImplementedError

    def episode_tasks(self, env: int) -> Tasks:
        """All tasks of the current episode of an environment, with their arrivals."""
        rows, arrivals_s, _ = self.episode(env)
        return self.tasks.take(rows, arrivals_s)

    def instance(self, env: int, objective: Objective) -> Instance:
        """What an oracle sees of the current episode of an environment."""
        rows, arrivals_s, noise_factors = self.episode(env)
        return Instance(arrivals_s, self.costs.of_tasks(rows, noise_factors), objective)

    def _fetch(self) -> None:
        raise NotImplementedError


class SampledStream(TaskStream):
    """Episodes drawn from the pool, each environment with a generator of its own.

    The words of the tasks lie in a ring (num_tasks, num_envs): an episode that starts at slot s
    fills its column from s on, so that the current tasks of all environments are always one row.
    """

    def __init__(self, problem: Problem, num_envs: int) -> None:
        super().__init__(problem.num_tasks, num_envs)
        self.tasks, self.costs = problem.workload.pool, problem.costs
        self.sampler = sampler = problem.make_sampler()
        self._ring: WordArray = np.zeros((self.num_tasks, num_envs), dtype=np.uint32)
        self._noise_ring = np.zeros_like(self._ring) if sampler.has_noise else None
        fitting = PREFETCH_BYTES // (8 * sampler.num_raw * num_envs)
        # Given tasks draw noise between episodes, so nothing may be drawn ahead of them.
        self._prefetch = 1 if sampler.has_noise else max(1, min(MAX_PREFETCH, fitting))
        self._raw = np.zeros((num_envs, self._prefetch, sampler.num_raw), dtype=np.uint64)
        self._used = np.full(num_envs, self._prefetch)
        self.generators: list[np.random.PCG64 | None] = [None] * num_envs
        interarrival_s = np.empty(num_envs, dtype=sampler.interarrival_table_s.dtype)
        self._unpacked = Unpacked(self.row, interarrival_s, np.empty(num_envs, dtype=np.intp))

    def seed(self, seeds: list[int | None], envs: IntArray) -> None:
        """Seed some environments; without a seed they go on, or start unpredictably."""
        for env in envs.tolist():
            seed = seeds[env]
            if seed is None and self.generators[env] is not None:
                continue
            self.generators[env] = np.random.PCG64(seed)
            self._used[env] = self._prefetch

    def draw(self, envs: IntArray) -> None:
        """Draw the next episode of some environments; its first task becomes the current one."""
        self._refill(envs[self._used[envs] == self._prefetch])
        used = self._used[envs]
        if len(envs) == len(self._raw) and (used == used[0]).all():
            raw = self._raw[:, used[0]]  # a view: the usual case costs no copy
        else:
            raw = self._raw[envs, used]
        self._used[envs] += 1
        words, noise_words = self.sampler.split(raw)
        self._write(self._ring, envs, words)
        if noise_words is not None and self._noise_ring is not None:
            self._write(self._noise_ring, envs, noise_words)
        self.arrival_s[envs] = 0.0
        self.row[envs] = self.sampler.rows(words[:, 0])

    def _refill(self, envs: IntArray) -> None:
        count, num_raw = self._prefetch, self.sampler.num_raw
        for env in envs.tolist():
            generator = self.generators[env]
            assert generator is not None  # seed() has seen to it
            self._raw[env] = generator.random_raw(count * num_raw).reshape(count, num_raw)
        self._used[envs] = 0

    def _write(self, ring: WordArray, envs: IntArray, words: WordArray) -> None:
        """Write words (envs, num_tasks) into columns of a ring, from the current slot on."""
        first = self._clock % self.num_tasks
        tail = self.num_tasks - first
        if len(envs) < ring.shape[1]:
            slots = (np.arange(self.num_tasks) + first) % self.num_tasks
            ring[slots[:, None], envs] = words.T
            return
        for low in range(0, len(envs), _TILE):
            tile = words[low : low + _TILE].T
            ring[first:, low : low + _TILE] = tile[:tail]
            ring[:first, low : low + _TILE] = tile[tail:]

    def _fetch(self) -> None:
        words = self._ring[self._clock % self.num_tasks]
        self.sampler.unpack(words, self._unpacked)
        np.add(self.arrival_s, self._unpacked.interarrival_s, out=self.arrival_s)

    def episode(self, env: int) -> EpisodeTasks:
        """All tasks of the current episode of an environment."""
        slots = (self._start[env] + np.arange(self.num_tasks)) % self.num_tasks
        sampler, words = self.sampler, self._ring[slots, env]
        factors = None
        if self._noise_ring is not None:
            factors = sampler.noise_factors(self._noise_ring[slots, env])
        return sampler.rows(words), sampler.arrivals_s(words), factors

    def noise(self) -> tuple[FloatArray, FloatArray] | None:
        """Factors on the current tasks' execution times on CPU and GPU, if there is noise."""
        if self._noise_ring is None:
            return None
        return self.sampler.noise_factors(self._noise_ring[self._clock % self.num_tasks])


class GivenStream(TaskStream):
    """One episode of given tasks in every environment.

    Args:
        problem: Cluster and fractions of the cost tables.
        tasks: The tasks of each environment, equally many.
    """

    def __init__(self, problem: Problem, tasks: list[Tasks]) -> None:
        num_tasks, num_envs = len(tasks[0]), len(tasks)
        super().__init__(num_tasks, num_envs)
        self.tasks = Tasks.joined(tasks)
        self.costs = build_cost_tables(problem.cluster, self.tasks, problem.gpu_fractions)
        self.features: Features = problem.task_features.table(self.tasks)
        """(tasks, 3)."""
        self._rows = np.arange(num_tasks * num_envs).reshape(num_envs, num_tasks).T.copy()
        self._arrivals_s = np.stack([t.arrival_s - t.arrival_s[0] for t in tasks], axis=1)
        self._arrivals_s.setflags(write=False)  # episode() hands out views
        self._rows.setflags(write=False)
        self._noise: list[tuple[FloatArray, FloatArray]] | None = None
        self._fetch()

    def draw_noise(self, sampled: SampledStream) -> None:
        """Draw the noise of the episode from the generators of the environments."""
        generators: list[Any] = sampled.generators
        words = np.stack([draw_noise_words(g, self.num_tasks) for g in generators], axis=1)
        self._noise = [sampled.sampler.noise_factors(row) for row in words]

    def noise(self) -> tuple[FloatArray, FloatArray] | None:
        """Factors on the current tasks' execution times on CPU and GPU, if there is noise."""
        return None if self._noise is None else self._noise[self._slot]

    def episode(self, env: int) -> EpisodeTasks:
        """All tasks of the episode of an environment."""
        factors = None
        if self._noise is not None:
            columns = np.array(self._noise)[:, :, env]
            factors = columns[:, 0], columns[:, 1]
        return self._rows[:, env], self._arrivals_s[:, env], factors

    @property
    def _slot(self) -> int:
        return min(self._clock, self.num_tasks - 1)

    def _fetch(self) -> None:
        slot = self._slot
        self.row[:] = self._rows[slot]
        self.arrival_s[:] = self._arrivals_s[slot]
