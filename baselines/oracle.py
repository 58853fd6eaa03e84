"""The oracle: a schedule made with the whole episode in view, and the bound that certifies it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from cpu_gpu_env.baselines.base import Actions, Scheduler
from cpu_gpu_env.baselines.beam_search import BeamSearch, PriceVector
from cpu_gpu_env.baselines.bound import MAX_LP_TASKS, LowerBound, LowerBoundProgram, lower_bound
from cpu_gpu_env.baselines.local_search import anneal
from cpu_gpu_env.realised import RealisedEpisode
from cpu_gpu_env.tasks import FloatArray

IntArray = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Effort:
    """How hard the oracle searches."""

    beam_width: int = 600
    """Partial schedules kept by a beam search."""
    leads: tuple[float, ...] = (1.0, 2.0, 4.0, 6.0)
    """Beam searches with critical tasks, by their lead in mean lengths of a GPU share."""
    chains: int = 256
    """Schedules annealed at once."""
    sweeps: tuple[tuple[int | None, int], ...] = ((None, 25), (100, 35), (40, 60), (100, 30))
    """Annealing: how many of the last tasks may change (None: all), and how many steps."""


FULL_EFFORT = Effort()
QUICK_EFFORT = Effort(beam_width=200, leads=(4.0,), sweeps=())
"""About a tenth of the time for about a point of gap more: for many training examples."""

CPU_SHARES = (-0.15, -0.075, 0.0, 0.075, 0.15)
"""Price vectors: the CPUs' share in the price, relative to that at the fluid optimum."""
CRITICAL_SHARES = (0.2, 0.5)
"""Parts of the price put on a critical task."""
TIGHTEN_GAP = 0.015
"""Above this gap the bound is worth tightening with the schedule found: the gap is then due to a
large task late in the stream, which the plain program does not see."""
MAX_CRITICAL = 2
"""Critical tasks at most."""
BEAM_TEMPERATURE = 0.1
"""In units of the objective of one task."""
ANNEALING_TEMPERATURE = 0.2
"""Likewise."""


@dataclass(frozen=True, eq=False)
class OracleSchedule:
    """A schedule of one episode with its certificate."""

    actions: IntArray
    """(num_tasks,)."""
    objective: float
    """Its J."""
    bound: float
    """No schedule has a smaller J."""

    @property
    def gap(self) -> float:
        """By what part of the bound the schedule may be worse than the optimum."""
        return self.objective / self.bound - 1.0


def solve_episode(
    episode: RealisedEpisode, effort: Effort = FULL_EFFORT, seed: int = 0
) -> OracleSchedule:
    """Find a schedule close to the optimum, and the bound that says how close.

    The linear program's solution, rounded, and several beam searches give a population of
    schedules, which is improved by annealing, mostly of the last tasks: they decide how evenly the
    devices finish.

    Args:
        episode: All that is to come.
        effort: How hard to search.
        seed: Of the random choices: the same seed gives the same schedule.

    Raises:
        RuntimeError: If HiGHS fails.
    """
    rng = np.random.default_rng(seed)
    program = LowerBoundProgram(episode) if episode.num_tasks <= MAX_LP_TASKS else None
    relaxed = lower_bound(episode) if program is None else program.solve()
    schedules = [relaxed.shares.argmax(axis=1)[None]]
    for vectors, lead_s in _searches(episode, relaxed, effort):
        found = BeamSearch(episode, vectors, lead_s).run(effort.beam_width, BEAM_TEMPERATURE, rng)
        schedules.append(found[: effort.chains])
    population = np.concatenate(schedules)
    value = episode.simulate(population)
    for last_tasks, steps in effort.sweeps:
        num_tasks = episode.num_tasks
        first = 0 if last_tasks is None else max(0, num_tasks - last_tasks)
        kept = np.resize(value.argsort()[: max(1, effort.chains // 4)], effort.chains)
        temperature = ANNEALING_TEMPERATURE / num_tasks
        improved, outcome = anneal(episode, population[kept], first, steps, temperature, rng)
        population = np.concatenate([population[value.argmin()][None], improved])
        value = np.concatenate([[value.min()], outcome])
    best = int(value.argmin())
    objective, bound = float(value[best]), relaxed.objective
    if program is not None and objective > bound * (1.0 + TIGHTEN_GAP):
        bound = max(bound, program.tighten(objective).objective)
    return OracleSchedule(population[best], objective, bound)


def _searches(
    episode: RealisedEpisode, relaxed: LowerBound, effort: Effort
) -> list[tuple[list[PriceVector], float]]:
    """Price vectors and lead [s] of each beam search."""
    objective, costs = episode.objective, episode.costs
    fluid = sum(objective.cpu_prices[kind] for kind in costs.cpu_kind) / objective.makespan_price
    shares = [min(max(fluid + offset, 0.0), 1.0) for offset in CPU_SHARES]
    plain = [PriceVector(share) for share in shares]
    searches = [(plain, 0.0)]
    gpu_s = (np.maximum(episode.gpu_time_s, 0.0).mean(axis=0) * relaxed.shares).sum(axis=1)
    critical = _critical_tasks(gpu_s, len(costs.gpu_kind), relaxed.makespan_s)
    if critical:
        aware = plain + [
            PriceVector(share, task, part)
            for task in critical
            for part in CRITICAL_SHARES
            for share in shares[::2]
        ]
        mean_s = float(gpu_s[gpu_s > 0].mean())
        searches += [(aware, lead * mean_s) for lead in effort.leads]
    return searches


def _critical_tasks(gpu_s: FloatArray, num_gpus: int, makespan_s: float) -> list[int]:
    """The tasks that would finish latest if all GPUs were free together when each is dispatched."""
    excess_s = (np.cumsum(gpu_s) - gpu_s) / num_gpus + gpu_s - makespan_s
    latest = np.argsort(-excess_s)[:MAX_CRITICAL]
    return [int(task) for task in latest if excess_s[task] > 0.0]


class Replay(Scheduler):
    """Plays given schedules.

    Args:
        env: The environment it will act in; see `Scheduler`.
        plans: (num_envs, num_tasks), an action for each task of each environment.
    """

    memory_shape = ()
    """Tasks placed."""

    def __init__(self, env: Any, plans: IntArray) -> None:
        super().__init__(env)
        self.plans = plans

    def choose(
        self, observation: npt.NDArray[np.float32], memory: npt.NDArray[np.int64] | None
    ) -> tuple[Actions, npt.NDArray[np.int64] | None]:
        """Follow the plans."""
        assert memory is not None
        return self.plans[np.arange(len(memory)), memory], memory + 1


class Oracle(Scheduler):
    """Plays the schedule that it finds at the start of each episode; it sees all tasks to come.

    A yardstick, not a competitor: nothing that only sees the present can act like this.
    """

    memory_shape = (1,)
    """Tasks placed; once there is a plan, its actions follow."""

    def __init__(self, env: Any, seed: int | None = None, effort: Effort = FULL_EFFORT) -> None:
        super().__init__(env, seed)
        self.effort = effort
        self.seed = 0 if seed is None else seed

    def choose(
        self, observation: npt.NDArray[np.float32], memory: npt.NDArray[np.int64] | None
    ) -> tuple[Actions, npt.NDArray[np.int64] | None]:
        """Make plans where an episode starts, and follow them."""
        assert memory is not None
        starting = np.flatnonzero(memory[:, 0] == 0)
        if len(starting):
            memory = self._with_plans(memory, starting)
        placed = memory[:, 0]
        actions = memory[np.arange(len(memory)), 1 + placed]
        # At the end of its plan an environment asks for the next one, told or not.
        memory[:, 0] = (placed + 1) % (memory.shape[1] - 1)
        return actions, memory

    def _with_plans(
        self, memory: npt.NDArray[np.int64], envs: npt.NDArray[np.intp]
    ) -> npt.NDArray[np.int64]:
        episodes = [episode for env in self.envs for episode in env.realised_episodes()]
        plans = np.stack([solve_episode(episodes[e], self.effort, self.seed).actions for e in envs])
        planned = np.zeros((len(memory), 1 + plans.shape[1]), dtype=np.int64)
        if memory.shape == planned.shape:
            planned[:] = memory
        planned[envs, 1:] = plans
        return planned
