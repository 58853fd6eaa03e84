"""The environments as an agent learns in them: its features, and a reward of little noise.

The sum of an episode's rewards is what counts, but the tasks that happen to come dominate it: they
differ in size by orders of magnitude. So the reward of a step is what the agent can answer for. Let
S(s, a) be the cost of all that is still to be paid if action a is taken in state s and the tasks to
come are placed as a fluid (`FluidLookAhead`), M(s) = min over a of S(s, a), e(s, a) the cost of the
energy of a alone, and p(x) the price of task x at the fluid optimum, with mean p over the workload.

    reward = -(S(s, a) - M(s)) - (E[M(s') - p(x')] + p - S(s, a) + e(s, a))

The first part is what a loses at once against the best action. The second is how much the cost
turns out to rise all the same, because tasks are no fluid. In the sum over an episode M and S
telescope, and what is left is -num_tasks J but for a constant and terms of mean 0 that no action
has a part in: potential-based shaping (Ng, Harada & Russell, ICML 1999) with the potential -M, and
the next task x' as a control variate. The expectation is over x' alone, which no action can choose.
(With a discount below 1, as in training, the optimum is that of a shorter horizon.) It is taken
over the same `NUM_IMAGINED` tasks of the workload each time, so that the reward of an
action in a state is a number without noise; or over the one that comes, where a trace decides it.
An action that does not fit the GPUs costs what running on the CPU does, since that is what happens.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from cpu_gpu_env.agents.features import COST_UNIT, AgentFeatures, feature_space
from cpu_gpu_env.agents.sb3_vec_env import HybridClusterVecEnv, SharedVecEnv, StepReturn
from cpu_gpu_env.baselines.schedulers.heuristics import StaticPrice
from cpu_gpu_env.baselines.schedulers.look_ahead import FluidLookAhead
from cpu_gpu_env.envs.vector_env import HybridClusterVectorEnv
from cpu_gpu_env.model.tasks import FloatArray, Tasks
from cpu_gpu_env.problem.problem import Problem
from cpu_gpu_env.results.seeds import Purpose, episode_seeds
from cpu_gpu_env.sim.state import SchedulingState

NUM_IMAGINED = 32
"""Next tasks that the expectation is taken over."""


class ImaginedTasks:
    """A sample of a workload's tasks that stands for all of them.

    Half of it is spread evenly over the tasks in order of their price, half in proportion to it:
    few large tasks decide most of a schedule. The weights make up for it.

    Args:
        problem: Source of tasks, and of the times between them.
        price: (rows,) of the workload's pool.
        rng: Source of the choice.
    """

    def __init__(self, problem: Problem, price: FloatArray, rng: np.random.Generator) -> None:
        order = price.argsort()
        density = 0.5 + 0.5 * price[order] / (price.mean() or 1.0)  # all may be free
        until = density.cumsum() / density.sum()
        at = (np.arange(NUM_IMAGINED) + rng.random(NUM_IMAGINED)) / NUM_IMAGINED
        chosen = np.minimum(until.searchsorted(at), len(order) - 1)
        self.rows = order[chosen]
        """(NUM_IMAGINED,) of the pool."""
        self.weights = 1.0 / density[chosen]
        self.weights /= self.weights.sum()
        """(NUM_IMAGINED,), 1 in all."""
        quantiles = (rng.permutation(NUM_IMAGINED) + 0.5) / NUM_IMAGINED
        self.interarrivals_s = problem.mean_interarrival_s * -np.log1p(-quantiles)
        """(NUM_IMAGINED,): time from the task before [s]."""


class LearningVecEnv(HybridClusterVecEnv):
    """`HybridClusterVecEnv` with `AgentFeatures` for observations and the reward of the module.

    Args:
        venv: The environments; their autoreset mode becomes ``SAME_STEP``, which SB3 expects.
        context: Whether the features include those of the problem.
    """

    def __init__(self, venv: HybridClusterVectorEnv, context: bool = False) -> None:
        super().__init__(venv)
        self.features = AgentFeatures(venv.problem, venv.observe_queues, context)
        self.observation_space = feature_space(self.features.size)
        self._look_ahead, self._static = FluidLookAhead(venv.problem), StaticPrice(venv.problem)
        self._prices = self._look_ahead.task_prices()
        self._mean_price = float(self._prices.mean())
        self._envs = np.arange(self.num_envs)
        self._given = False
        self._imagine(None)

    def _imagine(self, seed: int | None) -> None:
        """Choose the tasks to imagine: none where a trace tells which one comes."""
        problem, rng = self.venv.problem, np.random.default_rng(seed)
        in_order = problem.workload.in_order
        self._imagined = None if in_order else ImaginedTasks(problem, self._prices, rng)

    def seed(self, seed: int | None = None, offset: int = 0) -> list[int | None]:
        """Seed the environments, from their next reset on, and choose what is imagined.

        Args:
            seed: Of the training, whose episodes are apart from those of any other training and
                purpose, see `cpu_gpu_env.results.seeds`.
            offset: Of the first environment's seed.
        """
        if seed is None:
            return list(super().seed(None))
        self._imagine(seed)
        self._seeds = [*episode_seeds(Purpose.TRAINING, self.num_envs, run=seed, first=offset)]
        return list(self._seeds)

    def reset(self) -> npt.NDArray[np.float32]:
        """Start an episode everywhere."""
        observations = self.features(super().reset())
        self._given = False
        self._look()
        return observations

    def begin(
        self, seeds: Sequence[int], tasks: Sequence[Tasks] | None = None
    ) -> npt.NDArray[np.float32]:
        """Start episodes that are known, one an environment, in place of a training's own.

        Args:
            seeds: Of the episodes.
            tasks: Given tasks of each; None: drawn by the seeds.
        """
        options = None if tasks is None else {"tasks": list(tasks)}
        observations, _ = self.venv.reset(seed=list(seeds), options=options)
        self._given = tasks is not None
        self._look()
        return self.features(observations)

    def step_wait(self) -> StepReturn:
        """Step all environments."""
        chosen = self._envs, self._actions
        score, energy_cost = self._scores[chosen], self._energy_cost[chosen]
        loss, before_s = score - self._least, self._state.arrival_s
        observations, _, dones, infos = super().step_wait()
        self._look()
        rise = self._expected_remainder(before_s) + self._mean_price - score + energy_cost
        for env in np.flatnonzero(dones).tolist():
            last = infos[env]["terminal_observation"]
            infos[env]["terminal_observation"] = self.features(last[None])[0]
        rewards = -(loss + np.where(dones, 0.0, rise)) / COST_UNIT
        return self.features(observations), rewards, dones, infos

    def _look(self) -> None:
        """Work out S, M and e of the current tasks."""
        state = self._state = self.venv.scheduling_state()
        self._scores = self._look_ahead.costs(state)
        self._least = self._scores.min(axis=1)
        self._energy_cost = self.venv.objective.energy_price * state.energy_j

    def _expected_remainder(self, before_s: FloatArray) -> FloatArray:
        """E[M(s') - p(x')] after tasks that arrived at these times, (num_envs,)."""
        imagined = None if self._given else self._imagined  # the task that follows is no other
        if imagined is None:
            return self._remainder(self._state, self._least)
        shape = (NUM_IMAGINED, self.num_envs)
        rows = np.broadcast_to(imagined.rows[:, None], shape)
        state = self.venv.imagined_state(rows, before_s + imagined.interarrivals_s[:, None])
        least = self._look_ahead.costs(state).min(axis=1)
        expected: FloatArray = imagined.weights @ self._remainder(state, least).reshape(shape)
        return expected

    def _remainder(self, state: SchedulingState, least: FloatArray) -> FloatArray:
        """M less the price of the task, (n,)."""
        return np.asarray(least - self._static.scores(state).min(axis=1))


class MixtureVecEnv(SharedVecEnv):
    """Steps several `LearningVecEnv` as one, for an agent to learn several problems.

    Args:
        parts: The environments of each problem, with the same features and actions.
    """

    def __init__(self, parts: Sequence[LearningVecEnv]) -> None:
        self.parts = parts
        super().__init__([part.venv for part in parts], parts[0].observation_space)
        self._ends = np.cumsum([part.num_envs for part in parts])

    def seed(self, seed: int | None = None, offset: int = 0) -> list[int | None]:
        """Seed as `LearningVecEnv.seed`; no environment plays the episodes of another."""
        seeds: list[int | None] = []
        for part in self.parts:
            seeds += part.seed(seed, offset + len(seeds))
        return seeds

    def reset(self) -> npt.NDArray[np.float32]:
        """Start an episode everywhere."""
        return np.concatenate([part.reset() for part in self.parts])

    def step_async(self, actions: npt.NDArray[np.int64]) -> None:
        """Hand out the actions."""
        for part, mine in zip(self.parts, np.split(actions, self._ends[:-1]), strict=True):
            part.step_async(mine)

    def step_wait(self) -> StepReturn:
        """Step all environments."""
        results = zip(*(part.step_wait() for part in self.parts), strict=True)
        observations, rewards, dones, infos = results
        joined = np.concatenate(observations), np.concatenate(rewards), np.concatenate(dones)
        return *joined, [info for mine in infos for info in mine]
