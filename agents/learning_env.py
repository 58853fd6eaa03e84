"""The environments as an agent learns in them: its features, and a reward of little noise.

The sum of an episode's rewards is what counts, but the tasks that happen to come dominate it: they
differ in size by orders of magnitude. So the reward of a step is what the agent can answer for. Let
S(s, a) be the cost of the whole episode if action a is taken and all that is to come is placed as
a fluid (`QueuePrice`), energy paid so far left out, and M(s) = min over a of S(s, a). Then

    reward = -(S(s, a) - M(s)) - gamma (M(s') - S(s, a) + energy cost of a - (c(x') - c))

The first part is what a loses at once against the best action. The second is by how much the cost
turns out to rise all the same, less what is due to the next task x' alone: c(x') is its price at the
fluid optimum and c the mean of that over the workload. M and S telescope, and c(x') - c has mean 0
whatever the agent does: with gamma = 1 the rewards sum to the objective, but for constants and noise
that no action has a part in (potential-based shaping, Ng et al. 1999, and a control variate). With
gamma < 1 the second part is discounted like all that comes later.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from gymnasium import spaces

from cpu_gpu_env.agents.features import AgentFeatures
from cpu_gpu_env.agents.sb3_vec_env import HybridClusterVecEnv
from cpu_gpu_env.baselines.online import QueuePrice, StaticPrice
from cpu_gpu_env.state import look_up_state
from cpu_gpu_env.vector_env import HybridClusterVectorEnv


class LearningVecEnv(HybridClusterVecEnv):
    """`HybridClusterVecEnv` with `AgentFeatures` for observations and the reward of the module.

    Args:
        venv: The environments, in the ``SAME_STEP`` autoreset mode.
        gamma: The agent's discount.
    """

    def __init__(self, venv: HybridClusterVectorEnv, gamma: float) -> None:
        super().__init__(venv)
        self.features = AgentFeatures(venv.problem, venv.observe_queues)
        shape = (self.features.size,)
        self.observation_space = spaces.Box(-np.inf, np.inf, shape, np.float32)
        self.gamma = gamma
        self._look_ahead, self._static = QueuePrice(venv), StaticPrice(venv)
        self._mean_price = self._look_ahead.mean_task_price
        self.samples, self.weight = 16, gamma
        self._rng = np.random.default_rng(0)
        self._envs = np.arange(self.num_envs)

    def reset(self) -> npt.NDArray[np.float32]:
        """Start an episode everywhere."""
        observations = self.features(super().reset())
        self._look()
        return observations

    def _look(self) -> None:
        """Work out S, M and the prices of the current tasks."""
        state = self._state = self.venv.scheduling_state()
        self._scores, self._least = self._judge(state)
        self._energy_cost = self.venv.objective.energy_price * state.energy_j

    def _judge(self, state):
        scores = np.where(state.action_mask == 1, self._look_ahead.scores(state), np.inf)
        return scores, scores.min(axis=1)

    def _expected(self, before_s):
        """Mean over tasks that could have come next of M less the task's price."""
        p = self.venv.problem
        st = self._state
        K = self.samples
        n = self.num_envs
        rows = self._rng.integers(0, p.costs.num_tasks, K * n)
        gap = self._rng.exponential(p.objective.reference.makespan_s / p.load, K * n)

        def rep(x):
            return np.concatenate([x] * K)

        ck, gk = self.venv._cpus.next_kind(), self.venv._gpus.next_kind()
        state = look_up_state(
            p.costs,
            p.objective,
            rows,
            rep(before_s) + gap,
            rep(st.tasks_left),
            (rep(st.cpu_free_s), rep(ck)),
            (rep(st.gpu_free_s), rep(gk)),
        )
        _, least = self._judge(state)
        return (least - self._static.scores(state).min(axis=1)).reshape(K, n).mean(axis=0)

    def step_wait(
        self,
    ) -> tuple[
        npt.NDArray[np.float32],
        npt.NDArray[np.float64],
        npt.NDArray[np.bool_],
        list[dict[str, Any]],
    ]:
        """Step all environments."""
        chosen = self._envs, self._actions
        score, energy_cost = self._scores[chosen], self._energy_cost[chosen]
        cost = score - self._least
        before_s = self._state.arrival_s
        observations, _, dones, infos = super().step_wait()
        self._look()
        if self.weight > 0:
            rise = self._expected(before_s) - score + energy_cost + self._mean_price
        else:
            rise = 0.0
        cost += self.weight * np.where(dones, 0.0, rise)
        for env in np.flatnonzero(dones).tolist():
            last = infos[env]["terminal_observation"]
            infos[env]["terminal_observation"] = self.features(last[None])[0]
        return self.features(observations), -cost, dones, infos
