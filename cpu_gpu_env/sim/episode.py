"""The tasks of one episode, looked up in bulk so that the steps only index lists."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cpu_gpu_env.model.cost_tables import CostTables, build_cost_tables
from cpu_gpu_env.model.sampling import draw_noise_words
from cpu_gpu_env.model.tasks import FloatArray, IntArray, Tasks
from cpu_gpu_env.problem.objective import Objective
from cpu_gpu_env.problem.problem import Problem
from cpu_gpu_env.problem.task_features import NUM_FEATURES, Features
from cpu_gpu_env.sim.instance import Instance

NOT_APPLICABLE = -1.0
"""In an ``info``, a figure that does not apply. Not nan, which equals nothing: two runs of one seed
would seem to differ, to Gymnasium's checker for one."""
Mask = npt.NDArray[np.int8]
InfoArrays = tuple[FloatArray, FloatArray, Mask]
"""Of one ``info``: the task just placed, as arrival [s], size [FLOP], intensity [FLOP/B] and memory
[B], (4,); utilisation, not applicable until it is worked out, (devices,); and the mask of the next
task, ones after the last one, (actions,)."""
Plan = list[tuple[float, int, FloatArray, FloatArray, Mask, npt.NDArray[np.float32]]]


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
    """

    def __init__(
        self,
        tables: TaskTables,
        rows: IntArray,
        arrivals_s: FloatArray,
        noise_factors: tuple[FloatArray, FloatArray] | None,
    ) -> None:
        self.tables = tables
        self.rows = rows
        self.arrivals_s = arrivals_s
        arrivals_s.setflags(write=False)
        self.noise_factors = noise_factors
        costs = tables.costs
        # Rows of blocks made for this episode alone: users keep and change what they are given.
        features = [*tables.features[rows[1:]], np.zeros(NUM_FEATURES, dtype=np.float32)]
        placed, utilisations, masks = self._info_blocks()
        self.first_info: InfoArrays = placed[0], utilisations[0], masks[0]
        self.plan: Plan = list(
            zip(
                arrivals_s.tolist(),
                (rows * costs.num_actions).tolist(),
                placed[1:],
                utilisations[1:],
                masks[1:],
                features,
                strict=True,
            )
        )
        """Of each task the arrival [s] and the first entry in the cost tables, then what is handed
        out once it is placed: `InfoArrays`, and the features of the task after it."""
        self.noise: list[tuple[float, float]] | None = None
        if noise_factors is not None:
            cpu_factors, gpu_factors = noise_factors
            self.noise = list(zip(cpu_factors.tolist(), gpu_factors.tolist(), strict=True))

    def __len__(self) -> int:
        return len(self.rows)

    def _info_blocks(self) -> InfoArrays:
        """`InfoArrays` of `reset` and of each step, a row each."""
        tasks, costs, count = self.tables.tasks, self.tables.costs, len(self.rows)
        placed = np.empty((count + 1, 4))
        placed[0] = NOT_APPLICABLE
        placed[1:, 0] = self.arrivals_s
        columns = (tasks.size_flop, tasks.intensity_flop_per_byte, tasks.memory_bytes)
        for index, column in enumerate(columns, start=1):
            placed[1:, index] = column[self.rows]
        np.copyto(placed, NOT_APPLICABLE, where=np.isnan(placed))  # sizes, where times are known
        masks = np.ones((count + 1, costs.num_actions), dtype=np.int8)
        if not costs.all_feasible:
            masks[:-1] = costs.action_masks(self.rows)
        num_devices = sum(pool.num_devices for pool in costs.pools)
        return placed, np.full((count + 1, num_devices), NOT_APPLICABLE), masks

    def mask(self, position: int) -> npt.NDArray[np.bool_]:
        """Action mask of a task, (actions,); all True after the last one."""
        costs = self.tables.costs
        if position == len(self):
            return np.ones(costs.num_actions, dtype=bool)
        return np.asarray(costs.action_masks(self.rows[position : position + 1])[0] == 1)

    def features(self, position: int) -> Features:
        """Features of a task, (3,); zeros after the last one."""
        if position == len(self):
            return np.zeros(NUM_FEATURES, dtype=np.float32)
        features: Features = self.tables.features[self.rows[position]].copy()
        return features

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
        self.pool = TaskTables(problem.workload.pool, problem.costs, problem.pool_features)
        """What is known of the workload's pool."""

    def draw(self, bits: np.random.BitGenerator) -> Episode:
        """Draw an episode from the pool."""
        sampler = self._sampler
        words, noise_words = sampler.split(bits.random_raw(sampler.num_raw))
        factors = None if noise_words is None else sampler.noise_factors(noise_words)
        return Episode(self.pool, sampler.rows(words), sampler.arrivals_s(words), factors)

    def look_up(self, tasks: Tasks) -> TaskTables:
        """Work out the costs and features of given tasks.

        Raises:
            HybridClusterError: If a task takes longer or shorter than float32 can hold, or what
                observations show cannot be told of them.
        """
        costs = build_cost_tables(self._problem.cluster, tasks, self._problem.gpu_fractions)
        return TaskTables(tasks, costs, self._problem.task_features.table(tasks))

    def take(self, given: TaskTables, bits: np.random.BitGenerator) -> Episode:
        """Make an episode of given tasks; only its noise is drawn."""
        tasks, factors = given.tasks, None
        if self._sampler.has_noise:
            factors = self._sampler.noise_factors(draw_noise_words(bits, len(tasks)))
        arrivals_s = tasks.arrival_s - tasks.arrival_s[0]
        return Episode(given, np.arange(len(tasks)), arrivals_s, factors)
