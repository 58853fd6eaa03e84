"""HybridCluster for many environments at once, in NumPy."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from cpu_gpu_env import checks
from cpu_gpu_env.envs import arguments
from cpu_gpu_env.envs.cluster_batch import ClusterBatch
from cpu_gpu_env.envs.infos import VectorInfos, results_where
from cpu_gpu_env.envs.schedule_view import make_view
from cpu_gpu_env.envs.step_table import StepTable, build_step_table
from cpu_gpu_env.errors import HybridClusterError
from cpu_gpu_env.model.cluster import Cluster
from cpu_gpu_env.model.profile import DEFAULT_CLUSTER
from cpu_gpu_env.model.tasks import FloatArray, IntArray, Tasks
from cpu_gpu_env.model.workload import DEFAULT_WORKLOAD, Workload
from cpu_gpu_env.problem.observation import Observations, observation_space
from cpu_gpu_env.problem.problem import (
    DEFAULT_GPU_FRACTIONS,
    DEFAULT_LOAD,
    DEFAULT_NUM_TASKS,
    Problem,
    make_problem,
)
from cpu_gpu_env.render.gantt import RENDER_FPS
from cpu_gpu_env.sim.instance import Instance
from cpu_gpu_env.sim.state import SchedulingState, look_up_state
from cpu_gpu_env.sim.task_stream import EnvMask, GivenStream, SampledStream, TaskStream

StepResult = tuple[Observations, FloatArray, EnvMask, EnvMask, dict[str, Any]]


class HybridClusterVectorEnv(VectorEnv[Observations, npt.NDArray[np.int64], npt.NDArray[Any]]):
    """`HybridClusterEnv`, `num_envs` times, in step.

    Given the same seeds and actions it makes the same transitions as single environments, to the
    last bit: sub-environment i of one seeded s plays the episodes of a single environment seeded
    s + i.

    A step has the cost of about forty NumPy operations, so of the infos of `HybridClusterEnv` it
    has ``action_mask``, int8 (num_envs, actions), and ``makespan_s``, ``total_energy_j`` and
    ``objective``, float64 (num_envs,), -1 where no episode has just terminated. They are where
    Gymnasium's `SyncVectorEnv` has them: the same keys at ``reset`` and at each step, beside each
    ``_key``, True (num_envs,), and with ``SAME_STEP``, where they are of the new episodes, the
    results in ``final_info`` and the last observations in ``final_obs`` when episodes end (which,
    say ``_final_info`` and ``_final_obs``). All arrays are the caller's own. With
    ``gym.make_vec(..., vectorization_mode="sync")`` there is every info.

    Args:
        num_envs: Number of sub-environments.
        max_episode_steps: Truncate episodes after this many steps; None: never.
        autoreset_mode: ``NEXT_STEP``, as in Gymnasium's own (the step after an episode's last one
            ignores the action and starts the next episode), ``SAME_STEP``, which
            Stable-Baselines3 expects, or ``DISABLED``. With any,
            ``reset(options={"reset_mask": mask})`` resets some sub-environments alone.
        render_mode: ``"ansi"`` or ``"rgb_array"``: `render` draws every sub-environment.
        cluster: Name, path, composition or `Cluster`: the devices of each sub-environment.
        workload: Name, trace or `Workload`: where the tasks come from.
        num_tasks: Tasks of an episode.
        energy_weight: w of the objective, in [0, 1].
        gpu_fractions: GPU fraction of each action, ascending.
        load: Arrival rate in units of the reference throughput; None: all at time 0; ``"trace"``:
            the times of a trace as they are.
        noise: Sigma of a lognormal factor with mean 1 on each execution time.
        observe_queues: Append the queues to the observation.
    """

    metadata: dict[str, Any] = {  # noqa: RUF012 (Gymnasium's own form)
        "render_modes": ["ansi", "rgb_array"],
        "render_fps": RENDER_FPS,
        "autoreset_mode": AutoresetMode.NEXT_STEP,
    }

    def __init__(
        self,
        num_envs: int = 1,
        cluster: str | os.PathLike[str] | Cluster = DEFAULT_CLUSTER,
        workload: str | os.PathLike[str] | Workload = DEFAULT_WORKLOAD,
        num_tasks: int = DEFAULT_NUM_TASKS,
        energy_weight: float = 0.5,
        gpu_fractions: Sequence[float] = DEFAULT_GPU_FRACTIONS,
        load: float | str | None = DEFAULT_LOAD,
        noise: float = 0.0,
        observe_queues: bool = False,
        render_mode: str | None = None,
        max_episode_steps: int | None = None,
        autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
    ) -> None:
        arguments.check_unpacked("num_envs", num_envs)
        self.num_envs = checks.check_count("num_envs", num_envs, arguments.MAX_NUM_ENVS)
        arguments.check_total(self.num_envs, num_tasks)
        self._max_episode_steps = arguments.check_max_steps(max_episode_steps)
        checks.check_render_mode(render_mode, self.metadata["render_modes"])
        self.problem = make_problem(
            cluster, workload, num_tasks, energy_weight, gpu_fractions, load, noise
        )
        self.objective, self.render_mode = self.problem.objective, render_mode
        self.observe_queues = checks.check_flag("observe_queues", observe_queues)
        self.autoreset_mode = arguments.check_autoreset_mode(autoreset_mode)
        self._num_actions = len(self.problem.gpu_fractions)
        self.single_action_space = spaces.Discrete(self._num_actions)
        self.single_observation_space = observation_space(self.problem.cluster, self.observe_queues)
        self.action_space = batch_space(self.single_action_space, self.num_envs)
        self.observation_space = batch_space(self.single_observation_space, self.num_envs)
        self._sampled = SampledStream(self.problem, self.num_envs)
        self._stream: TaskStream = self._sampled
        self._cluster = ClusterBatch(self.problem, self.num_envs, _pool_table(self.problem))
        self._ended, self._over, self._none = np.zeros((3, self.num_envs), dtype=bool)
        self._infos = VectorInfos(self.num_envs)
        self._every_action = np.ones((self.num_envs, self._num_actions), dtype=np.int8)
        self._started = self._any_ended = False
        self._view = make_view(self.problem.cluster, render_mode)

    @property
    def autoreset_mode(self) -> AutoresetMode:
        """When a sub-environment whose episode has ended starts the next one."""
        return AutoresetMode(self.metadata["autoreset_mode"])

    @autoreset_mode.setter
    def autoreset_mode(self, mode: AutoresetMode) -> None:
        self.metadata = {**self.metadata, "autoreset_mode": mode}

    def reset(
        self,
        *,
        seed: int | Sequence[int | None] | None = None,
        options: dict[str, Any] | None = None,
    ) -> tuple[Observations, dict[str, Any]]:
        """Start an episode in all sub-environments, or in those of ``options["reset_mask"]``.

        Args:
            seed: Seed of sub-environment 0 (the others count up from it), or one seed each.
            options: ``{"reset_mask": mask}``, bool (num_envs,), or ``{"tasks": [...]}``: given
                tasks for each sub-environment, equally many; a new random episode follows.

        Raises:
            HybridClusterError: If seeds or options are not valid.
        """
        checked = checks.check_options(options, ("tasks", "reset_mask"))
        tables, mask = checked.get("tasks"), checked.get("reset_mask")
        if tables is not None and mask is not None:
            raise HybridClusterError("reset options 'tasks' and 'reset_mask' exclude each other")
        envs, seeds = self._envs_to_reset(mask), checks.check_seeds(seed, self.num_envs)
        if tables is None:
            self._sampled.seed(seeds, envs)
            self._start(envs)
        else:
            given = GivenStream(self.problem, arguments.check_task_tables(tables, self.num_envs))
            self._sampled.seed(seeds, envs)
            if self._sampled.sampler.has_noise:
                given.draw_noise(self._sampled)
            self._stream = given
            self._cluster.table = build_step_table(given.costs, given.features)
            self._clear(envs)
        self._started = True
        return self.current_observation(), self._infos(self._int8_masks())

    def _envs_to_reset(self, mask: Any) -> IntArray:
        if mask is None:
            return np.arange(self.num_envs)
        mask = arguments.check_reset_mask(mask, self.num_envs)
        if not self._started and not mask.all():
            raise HybridClusterError("the first reset() must reset every sub-environment")
        if self._stream is not self._sampled and not mask.all():
            raise HybridClusterError("given tasks end together: reset every sub-environment")
        return np.flatnonzero(mask)

    def _start(self, envs: IntArray) -> None:
        """Start drawn episodes in some sub-environments."""
        if self._stream is not self._sampled:
            self._stream, self._cluster.table = self._sampled, _pool_table(self.problem)
        self._sampled.draw(envs)
        self._clear(envs)

    def _clear(self, envs: IntArray) -> None:
        """Make all devices of some sub-environments idle, and their clocks start."""
        where = slice(None) if len(envs) == self.num_envs else envs
        self._cluster.clear(where)
        self._ended[where] = self._over[where] = False
        self._stream.begin(where, self._max_episode_steps)
        self._any_ended = bool(self._ended.any())
        if self._view is not None:
            for env in envs.tolist():
                instance = self._stream.instance(env, self.objective)
                self._view.begin(env, instance, self._stream.episode_tasks(env))

    def step(self, actions: npt.NDArray[np.int64]) -> StepResult:
        """Place the current task of every sub-environment.

        Args:
            actions: Whole numbers (num_envs,).

        Raises:
            HybridClusterError: If an action is not a whole number in range, or there is no task to
                place.
        """
        stream = self._stream_now()
        actions = arguments.check_actions(actions, self.num_envs, self._num_actions)
        waiting = np.flatnonzero(self._ended) if self._any_ended else None
        if waiting is not None and self.autoreset_mode is AutoresetMode.DISABLED:
            raise checks.no_task_error()
        rewards = self._cluster.place(stream, actions)
        if self._view is not None:
            for env in np.flatnonzero(~self._ended).tolist():
                self._view.place(env, int(actions[env]))
        some_end = stream.advance()
        if waiting is not None:  # NEXT_STEP: these ignore the action and start an episode
            self._start(waiting)
            rewards[waiting] = 0.0
        if some_end:
            return self._end_episodes(rewards)
        never = self._none.copy(), self._none.copy()
        return self.current_observation(), rewards, *never, self._infos(self._int8_masks())

    def _end_episodes(self, rewards: FloatArray) -> StepResult:
        """Pay what is left of the potential, report results, and reset as the mode says."""
        terminated, truncated = self._stream.ended(self._max_episode_steps)
        ended = terminated | truncated
        rewards[terminated] -= self._cluster.potential()[terminated]
        found = self._cluster.results(self._stream.num_tasks)
        results: dict[str, Any] = results_where(terminated, found)
        self._ended |= ended
        self._over |= terminated
        self._any_ended = True
        observations = self.current_observation()
        if self.autoreset_mode is AutoresetMode.SAME_STEP:
            last = {"final_info": results, "final_obs": observations}
            results = last | {f"_{key}": ended.copy() for key in last}
            self._start(np.flatnonzero(ended))
            observations = self.current_observation()
        infos = self._infos(self._int8_masks()) | results
        return observations, rewards, terminated, truncated, infos

    def current_observation(self) -> Observations:
        """The observations of the tasks to place, (num_envs, features), in memory of their own.

        Raises:
            HybridClusterError: Before the first `reset`.
        """
        observations = self._cluster.observations(self._stream_now(), self.observe_queues)
        if self._any_ended:
            observations[self._over] = 0.0
        return observations

    def _stream_now(self) -> TaskStream:
        if not self._started:
            raise checks.no_task_error()
        return self._stream

    def _int8_masks(self) -> npt.NDArray[np.int8]:
        if self._stream.costs.all_feasible:
            return self._every_action.copy()
        masks = self._stream.costs.action_masks(self._stream.row)
        masks[self._over] = 1
        return masks

    def action_masks(self) -> npt.NDArray[np.bool_]:
        """Which actions are feasible for the current tasks, (num_envs, actions).

        Raises:
            HybridClusterError: Before the first `reset`.
        """
        self._stream_now()
        return self._int8_masks().astype(bool)

    def instances(self) -> list[Instance]:
        """The whole current episode of each sub-environment, noise included: for oracles only.

        Raises:
            HybridClusterError: Before the first `reset`.
        """
        stream = self._stream_now()
        return [stream.instance(env, self.objective) for env in range(self.num_envs)]

    def episode_tasks(self) -> list[Tasks]:
        """The tasks of the current episode of each sub-environment.

        Raises:
            HybridClusterError: Before the first `reset`.
        """
        stream = self._stream_now()
        return [stream.episode_tasks(env) for env in range(self.num_envs)]

    def episode_rows(self) -> list[IntArray] | None:
        """Which rows of the workload's pool the tasks of `episode_tasks` are; None: given ones.

        Raises:
            HybridClusterError: Before the first `reset`.
        """
        stream = self._stream_now()
        if stream is not self._sampled:
            return None
        return [stream.episode(env)[0] for env in range(self.num_envs)]

    def render(self) -> tuple[Any, ...] | None:
        """Draw the schedules so far, each as a text or as an image (height, width, 3).

        Raises:
            HybridClusterError: Before the first `reset`.
            gymnasium.error.DependencyNotInstalled: If pygame is missing; text needs none.
        """
        if self._view is None:
            gym.logger.warn("render() does nothing: make_vec was not given a render_mode")
            return None
        return tuple(self._view.draw(env) for env in range(self.num_envs))

    @property
    def episode_over(self) -> EnvMask:
        """Which sub-environments have no task to place and wait for a reset, (num_envs,)."""
        return self._ended.copy()

    def scheduling_state(self) -> SchedulingState:
        """What schedulers may know about the current tasks and the queues.

        Raises:
            HybridClusterError: Before the first `reset`.
        """
        stream = self._stream
        return self.imagined_state(stream.row[None].copy(), stream.arrival_s[None].copy())

    def imagined_state(self, rows: IntArray, arrival_s: FloatArray) -> SchedulingState:
        """What `scheduling_state` would be with other tasks in place of the current ones.

        Args:
            rows: (k, num_envs): of the table that the current tasks are from; with random episodes
                the workload's pool.
            arrival_s: (k, num_envs): their arrivals, after the first of the episode [s].

        Returns:
            The state of k times num_envs environments.

        Raises:
            HybridClusterError: Before the first `reset`.
        """
        stream, count = self._stream_now(), len(rows)
        queues = [pool.queue(count) for pool in (self._cluster.cpus, self._cluster.gpus)]
        left = np.tile(stream.steps_left(), count)
        return look_up_state(
            stream.costs, self.objective, rows.ravel(), arrival_s.ravel(), left, queues
        )


@lru_cache(maxsize=8)
def _pool_table(problem: Problem) -> StepTable:
    """The step table of a problem's pool."""
    return build_step_table(problem.costs, problem.pool_features)
