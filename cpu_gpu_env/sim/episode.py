"""The tasks of one episode, looked up in bulk so that the steps only index lists."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from cpu_gpu_env.model.cost_tables import CostTables, build_cost_tables
from cpu_gpu_env.model.sampling import draw_noise_words
from cpu_gpu_env.model.tasks import FloatArray, IntArray, Tasks
from cpu_gpu_env.problem.objective import Objective
from cpu_gpu_env.problem.observation import NUM_FEATURES, Features, feature_table, pool_features
from cpu_gpu_env.problem.problem import Problem
from cpu_gpu_env.sim.instance import Instance

TaskInfo = tuple[float, float, float, float]
"""Arrival [s], size [FLOP], intensity [FLOP/B], memory [B]."""
Mask = npt.NDArray[np.int8]
Plan = list[tuple[float, int, TaskInfo, Mask, npt.NDArray[np.float32]]]


@dataclass(frozen=True, eq=False)
class TaskTables:
    """Tasks, and what is computed from each."""

    tasks: Tasks
    """The tasks."""
    costs: CostTables
    """Their execution times."""
    features: Features
    """(tasks, 3)."""


class Episode:
    """Tasks in order of arrival.

    Args:
        tables: Tables that `rows` point into.
        rows: (num_tasks,) row of each task.
        arrivals_s: (num_tasks,), the first is 0 [s].
        noise_factors: On the time of each task's CPU share and GPU share, each (num_tasks,).
        mask_set: 0 or 1, alternating between the episodes of an environment.
    """

    def __init__(
        self,
        tables: TaskTables,
        rows: IntArray,
        arrivals_s: FloatArray,
        noise_factors: tuple[FloatArray, FloatArray] | None,
        mask_set: int = 0,
    ) -> None:
        self.tables = tables
        self.rows = rows
        self.arrivals_s = arrivals_s
        arrivals_s.setflags(write=False)
        self.noise_factors = noise_factors
        tasks, costs = tables.tasks, tables.costs
        num_actions = costs.num_actions
        arrivals = arrivals_s.tolist()
        sizes, intensities, memories = (
            column[rows].tolist()
            for column in (tasks.size_flop, tasks.intensity_flop_per_byte, tasks.memory_bytes)
        )
        masks = _open_masks(len(rows) + 1, num_actions, mask_set)
        if not costs.all_feasible:
            own = costs.action_masks(rows)
            own.setflags(write=False)
            masks = (*own, masks[-1])
        # Rows of a block made for this episode alone: users keep observations.
        features = [*tables.features[rows], np.zeros(NUM_FEATURES, dtype=np.float32)]
        self.first_mask, self.first_features = masks[0].copy(), features[0]
        self.first_mask.setflags(write=False)
        self.plan: Plan = list(
            zip(
                arrivals,
                (rows * num_actions).tolist(),
                zip(arrivals, sizes, intensities, memories, strict=True),
                masks[1:],
                features[1:],
                strict=True,
            )
        )
        """Of each task the arrival [s], first entry in the cost tables and raw figures, then mask
        and features of the task after it."""
        self.noise: list[tuple[float, float]] | None = None
        if noise_factors is not None:
            cpu_factors, gpu_factors = noise_factors
            self.noise = list(zip(cpu_factors.tolist(), gpu_factors.tolist(), strict=True))

    def __len__(self) -> int:
        return len(self.rows)

    def mask(self, position: int) -> Mask:
        """Action mask of a task, (actions,); ones after the last one."""
        return self.plan[position - 1][-2] if position else self.first_mask

    def instance(self, objective: Objective) -> Instance:
        """What an oracle sees."""
        costs = self.tables.costs.of_tasks(self.rows, self.noise_factors)
        return Instance(self.arrivals_s, costs, objective)

    def as_tasks(self) -> Tasks:
        """The tasks with their arrivals."""
        return self.tables.tasks.take(self.rows, self.arrivals_s)


class EpisodeSource:
    """The episodes of a problem: drawn from its pool, or of given tasks.

    Args:
        problem: Cluster, workload and settings.
    """

    def __init__(self, problem: Problem) -> None:
        self._problem, self._sampler = problem, problem.make_sampler()
        workload = problem.workload
        self.pool = TaskTables(workload.pool, problem.costs, pool_features(workload))
        """What is known of the workload's pool."""

    def draw(self, bits: np.random.BitGenerator, mask_set: int) -> Episode:
        """Draw an episode from the pool."""
        sampler = self._sampler
        words, noise_words = sampler.split(bits.random_raw(sampler.num_raw))
        factors = None if noise_words is None else sampler.noise_factors(noise_words)
        return Episode(self.pool, sampler.rows(words), sampler.arrivals_s(words), factors, mask_set)

    def look_up(self, tasks: Tasks) -> TaskTables:
        """Work out the costs and features of given tasks.

        Raises:
            HybridClusterError: If a task takes longer or shorter than float32 can hold.
        """
        costs = build_cost_tables(self._problem.cluster, tasks, self._problem.gpu_fractions)
        return TaskTables(tasks, costs, feature_table(self._problem.workload, tasks))

    def take(self, given: TaskTables, bits: np.random.BitGenerator, mask_set: int) -> Episode:
        """Make an episode of given tasks; only its noise is drawn."""
        tasks, factors = given.tasks, None
        if self._sampler.has_noise:
            factors = self._sampler.noise_factors(draw_noise_words(bits, len(tasks)))
        arrivals_s = tasks.arrival_s - tasks.arrival_s[0]
        return Episode(given, np.arange(len(tasks)), arrivals_s, factors, mask_set)


@lru_cache(maxsize=16)
def _open_masks(count: int, num_actions: int, mask_set: int) -> tuple[Mask, ...]:
    """Masks that allow every action, each an array of its own.

    They are read-only, so episodes share them: making them anew is a quarter of a reset. There are
    two sets, in turn, because steps that follow one another should not hand out the same object.
    """
    masks = np.ones((count, num_actions), dtype=np.int8)
    masks.setflags(write=False)
    return tuple(masks)
