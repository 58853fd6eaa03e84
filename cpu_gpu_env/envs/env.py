"""HybridCluster as a Gymnasium environment."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt
from gymnasium import spaces

from cpu_gpu_env import checks
from cpu_gpu_env.envs import arguments
from cpu_gpu_env.envs.infos import reset_info
from cpu_gpu_env.envs.schedule_view import make_view
from cpu_gpu_env.errors import HybridClusterError
from cpu_gpu_env.model.cluster import Cluster
from cpu_gpu_env.model.profile import DEFAULT_CLUSTER
from cpu_gpu_env.model.tasks import Tasks
from cpu_gpu_env.model.workload import DEFAULT_WORKLOAD, Workload
from cpu_gpu_env.problem.observation import Observations, observation_space, with_queues
from cpu_gpu_env.problem.problem import (
    DEFAULT_GPU_FRACTIONS,
    DEFAULT_LOAD,
    DEFAULT_NUM_TASKS,
    make_problem,
)
from cpu_gpu_env.problem.task_features import Features
from cpu_gpu_env.render.gantt import RENDER_FPS
from cpu_gpu_env.sim.episode import NOT_APPLICABLE, Episode, EpisodeSource, Plan, TaskTables
from cpu_gpu_env.sim.instance import Instance
from cpu_gpu_env.sim.pool import Pool
from cpu_gpu_env.sim.schedule import Schedule
from cpu_gpu_env.sim.state import SchedulingState, look_up_state


class HybridClusterEnv(gym.Env[Observations, np.int64]):
    """Schedule a stream of tasks on the CPUs and GPUs of a cluster.

    ## Description
    Tasks arrive one by one. For each the agent chooses the *GPU fraction*: the share of its work
    that the GPU pool does while the CPU pool does the rest at the same time. A share goes to the
    device of its pool that is free first; every device serves first come, first served, without
    pre-emption. The agent is paid for a short makespan and little energy.

    A share f on a GPU takes ``launch + f * memory / link_bandwidth + max(f * size / flops,
    f * size / (intensity * memory_bandwidth))``, on a CPU the same without the transfer (roofline
    model, Williams et al. 2009), with the rate of the precision that the task computes in; for
    power, refinements, dependent steps and measured times see `cpu_gpu_env.model.costs`.

    ## Action Space
    ``Discrete(6)``: GPU fraction 0, 0.2, 0.4, 0.6, 0.8, 1 (``gpu_fractions`` sets others). A share
    whose memory does not fit a GPU is masked (``action_masks()``, ``info["action_mask"]``); if it
    is chosen all the same, the task runs on the CPU and ``info["fallback"]`` is True.

    ## Observation Space
    ``Box(0, 1, (3,), float32)``: size, intensity and memory of the task to place, log-scaled to the
    ranges that the workload declares. Where these do not say all of its tasks (they differ in
    precision, have serial steps or resident data, or their times were measured), the costs are
    shown instead: the time of the whole task on the CPUs, that on the GPUs, each of the mean device
    of the pool and whether it fits or not, and memory, log-scaled to the ranges that the tasks of
    the workload span (of a part of a trace, those of the whole). What lies outside a range is
    clipped (see `cpu_gpu_env.problem.task_features`).

    With ``observe_queues=True`` there follow, for the CPUs and then for the GPUs, in ascending
    order within each pool, the time until the device is free, in units of the reference makespan of
    the episode and clipped to 1, and then the share of the episode that is left. After the last
    task all is zero.

    ## Rewards
    Dense; an episode's rewards sum to ``-num_tasks * J`` with
    ``J = (1 - w) * makespan / T_ref + w * energy / E_ref``, where w is ``energy_weight`` and
    (T_ref, E_ref) is the fluid optimum of cluster and workload with the least energy-delay product,
    so that a perfect schedule of a long stream has J of about 1 on any hardware if w is 0.5, and of
    at most about 1 at any other w. The reward is potential-based (Ng et al. 1999) with
    the fluid program's dual prices; see `cpu_gpu_env.problem.objective.Objective`.

    ## Starting State
    All devices are idle. The tasks are drawn from the workload's pool, with Poisson arrivals at
    ``load`` times the reference throughput, the first at time 0. Of a trace (see
    `cpu_gpu_env.model.traces`) the episode is a window with a uniform start; one factor scales all
    times between arrivals, so that the whole trace arrives at that rate and bursts stay bursts.
    ``reset(options={"tasks": ...})`` plays given tasks instead: a `Tasks`, or a table
    (num_tasks, 4) of arrival [s], size [FLOP], intensity [FLOP/B] and memory [B]; times count from
    the first arrival, and rewards are scaled by the number of given tasks. They are shown as those
    of the workload are; what does not tell its size can only be played where costs are shown.

    ## Episode End
    Terminates when all tasks are placed; truncates only at ``gym.make``'s ``max_episode_steps``.

    ## Info
    Numbers and arrays of the same keys, types and shapes at ``reset`` and at each step; the arrays
    are the caller's own.

    - Of the next task: ``action_mask``, int8 (actions,), 1 where the fraction fits or none is left.
    - Of the task just placed: ``task``, float64 (4,), its arrival [s], size [FLOP], intensity
      [FLOP/B] and memory [B]; ``cpu`` and ``gpu``, index of the serving device in its pool;
      ``start_s``, ``finish_s`` and ``time_s``, from the first share's start to the last one's
      finish [s]; ``energy_j``, above idle [J]; ``fallback``.
    - Of the whole episode: ``makespan_s`` [s], ``total_energy_j`` [J], ``objective`` (J) and
      ``utilisation``, float64 (devices,), busy share of the makespan of each device, CPUs first.

    What does not apply is -1: figures of the task at ``reset``, size and intensity where times were
    measured, the device of a pool without a share, the results before the episode has terminated.
    Nothing else is negative.

    ## Arguments
    - ``cluster``: name of a shipped profile, path of a profile, a composition such as
      ``"epyc-7763:2 + a100-80gb:4"``, or a `Cluster`.
    - ``workload``: name of a synthetic one, a trace such as ``"azure-llm:PATH?part=0-0.7"`` or a
      path (see `cpu_gpu_env.model.traces`), or a `Workload`.
    - ``num_tasks`` (200): tasks of an episode.
    - ``energy_weight`` (0.5): w of the objective.
    - ``gpu_fractions``: GPU fraction of each action, ascending.
    - ``load`` (1.5): arrival rate in units of the reference throughput; None: all at time 0;
      ``"trace"``: the times of a trace as they are.
    - ``noise`` (0): sigma of a lognormal factor with mean 1 on each execution time.
    - ``observe_queues`` (False): append the queues to the observation.
    - ``render_mode``: ``"ansi"``, ``"rgb_array"`` or ``"human"``, a Gantt chart of the devices.

    ## Version History
    - v0: initial version, not released yet. Its devices are those of version 2 of the catalogue
      (`cpu_gpu_env.model.profile.catalogue_version`), which result files tell; with version 1
      times, energies and rewards were others. Vector environments default to ``NEXT_STEP``
      autoreset, as Gymnasium's do (``SAME_STEP`` before); every info has the same keys, with
      ``task`` an array (a tuple before).
    """

    metadata: dict[str, Any] = {  # noqa: RUF012 (Gymnasium's own form)
        "render_modes": ["ansi", "rgb_array", "human"],
        "render_fps": RENDER_FPS,
    }

    def __init__(
        self,
        cluster: str | os.PathLike[str] | Cluster = DEFAULT_CLUSTER,
        workload: str | os.PathLike[str] | Workload = DEFAULT_WORKLOAD,
        num_tasks: int = DEFAULT_NUM_TASKS,
        energy_weight: float = 0.5,
        gpu_fractions: Sequence[float] = DEFAULT_GPU_FRACTIONS,
        load: float | str | None = DEFAULT_LOAD,
        noise: float = 0.0,
        observe_queues: bool = False,
        render_mode: str | None = None,
    ) -> None:
        arguments.check_unpacked("cluster", cluster)
        self.problem = make_problem(
            cluster, workload, num_tasks, energy_weight, gpu_fractions, load, noise
        )
        checks.check_render_mode(render_mode, self.metadata["render_modes"])
        self.objective, self.render_mode = self.problem.objective, render_mode
        self.observe_queues = checks.check_flag("observe_queues", observe_queues)
        self.action_space = spaces.Discrete(len(self.problem.gpu_fractions))
        self.observation_space = observation_space(self.problem.cluster, self.observe_queues)
        self._source = EpisodeSource(self.problem)
        self._view = make_view(self.problem.cluster, render_mode)
        self._num_actions = len(self.problem.gpu_fractions)
        self._asked_for_gpu = [fraction > 0.0 for fraction in self.problem.gpu_fractions]
        self._energy_price = self.objective.energy_price
        self._episode: Episode | None = None
        self._plan: Plan = []
        self._position = self._num_tasks = 0
        self._use_tables(self._source.pool)

    def _use_tables(self, tables: TaskTables) -> None:
        self._tables = tables
        pairs = zip(tables.costs.pools, self.objective.prices, strict=True)
        self._cpus, self._gpus = (Pool(costs, prices) for costs, prices in pairs)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observations, dict[str, Any]]:
        """Start an episode.

        Args:
            seed: Seeds this and, in turn, all later episodes.
            options: ``{"tasks": ...}`` plays given tasks; see the class.

        Raises:
            HybridClusterError: If the seed, an option or the tasks are not valid.
        """
        given = checks.check_options(options, ("tasks",)).get("tasks")
        tables = None if given is None else self._source.look_up(Tasks.from_table(given))
        super().reset(seed=checks.check_seed(seed))
        source, bits = self._source, self.np_random.bit_generator
        episode = source.draw(bits) if tables is None else source.take(tables, bits)
        if self._tables is not episode.tables:
            self._use_tables(episode.tables)
        self._episode, self._num_tasks = episode, len(episode)
        self._plan, self._noise = episode.plan, episode.noise
        self._cpus.clear()
        self._gpus.clear()
        self._position = 0
        self._active_energy_j = 0.0
        self._scale_s = self.objective.reference.makespan_s * self._num_tasks
        if self._view is not None:
            self._view.begin(0, episode.instance(self.objective), episode.as_tasks())
        return self.current_observation(), reset_info(episode.first_info)

    def step(
        self, action: np.int64 | int
    ) -> tuple[Observations, float, bool, bool, dict[str, Any]]:
        """Place the current task; see the class for what is returned.

        Raises:
            HybridClusterError: If the action is no whole number in range, or no task is to place.
        """
        position = self._position
        if position >= self._num_tasks:
            raise checks.no_task_error()
        if action.__class__ is not int or not 0 <= action < self._num_actions:
            action = arguments.check_action(action, self._num_actions)
        arrival_s, entry, task, utilisation, next_mask, next_features = self._plan[position]
        entry += action
        cpu_factor, gpu_factor = (1.0, 1.0) if self._noise is None else self._noise[position]
        on_cpu = self._cpus.serve(arrival_s, entry, cpu_factor)
        on_gpu = self._gpus.serve(arrival_s, entry, gpu_factor)
        if on_gpu is None:
            gpu = -1
            cpu, start_s, finish_s, energy_j, cost = on_cpu  # type: ignore[misc] # one of them has
        elif on_cpu is None:
            cpu = -1
            gpu, start_s, finish_s, energy_j, cost = on_gpu
        else:
            cpu, start_s, finish_s, energy_j, cost = on_cpu
            gpu, gpu_start_s, gpu_finish_s, gpu_energy_j, gpu_cost = on_gpu
            energy_j += gpu_energy_j
            cost += gpu_cost
            if gpu_start_s < start_s:
                start_s = gpu_start_s
            if gpu_finish_s > finish_s:
                finish_s = gpu_finish_s
        cost += energy_j * self._energy_price
        self._active_energy_j += energy_j
        info = {
            "task": task,
            "cpu": cpu,
            "gpu": gpu,
            "start_s": start_s,
            "finish_s": finish_s,
            "time_s": finish_s - start_s,
            "energy_j": energy_j,
            "fallback": gpu < 0 and self._asked_for_gpu[action],
            "action_mask": next_mask,
            "makespan_s": NOT_APPLICABLE,
            "total_energy_j": NOT_APPLICABLE,
            "objective": NOT_APPLICABLE,
            "utilisation": utilisation,
        }
        position += 1
        self._position = position
        terminated = position == self._num_tasks
        if terminated:
            cost += self._finish_episode(info)
        if self._view is not None:
            self._view.place(0, action)
        observation = self._with_queues(next_features) if self.observe_queues else next_features
        return observation, -cost, terminated, False, info

    def _finish_episode(self, info: dict[str, Any]) -> float:
        """Put the results of the episode into `info`; return what is left of the potential."""
        makespan_s = max(self._cpus.last_finish_s(), self._gpus.last_finish_s())
        info |= self.objective.results(makespan_s, self._active_energy_j, self._num_tasks)
        info["utilisation"][:] = np.array(self._cpus.busy_s + self._gpus.busy_s) / makespan_s
        paid = self._cpus.paid() + self._gpus.paid()
        return self.objective.makespan_price * makespan_s - paid

    def current_observation(self) -> Observations:
        """The observation of the task to place, in memory of its own.

        Raises:
            HybridClusterError: Before the first `reset`.
        """
        features = self._episode_now().features(self._position)
        return self._with_queues(features) if self.observe_queues else features

    def _with_queues(self, features: Features) -> Observations:
        """The observation with queues of the task that has these features."""
        position, num_tasks = self._position, self._num_tasks
        if position == num_tasks:
            return np.zeros(self.observation_space.shape or (), dtype=np.float32)
        free_s = self._cpus.sorted_free_s() + self._gpus.sorted_free_s()
        left = (num_tasks - position) / num_tasks
        return with_queues(features, free_s, self._plan[position][0], self._scale_s, left)

    def action_masks(self) -> npt.NDArray[np.bool_]:
        """Which actions are feasible for the current task, as sb3-contrib asks for it.

        Raises:
            HybridClusterError: Before the first `reset`.
        """
        return self._episode_now().mask(self._position)

    def scheduling_state(self) -> SchedulingState:
        """What schedulers may know about the current task, or last one, and the queues, with n = 1.

        Raises:
            HybridClusterError: Before the first `reset`.
        """
        episode, row = self._episode_now(), min(self._position, self._num_tasks - 1)
        now = slice(row, row + 1)
        return look_up_state(
            episode.tables.costs,
            self.objective,
            episode.rows[now],
            episode.arrivals_s[now],
            np.array([self._num_tasks - self._position]),
            [self._cpus.queue(), self._gpus.queue()],
        )

    @property
    def episode_over(self) -> npt.NDArray[np.bool_]:
        """Whether there is no task to place, (1,)."""
        return np.array([self._position >= self._num_tasks])

    def instances(self) -> list[Instance]:
        """The whole current episode, noise included, as a list of one: for oracles only.

        Raises:
            HybridClusterError: Before the first `reset`.
        """
        return [self._episode_now().instance(self.objective)]

    def episode_tasks(self) -> Tasks:
        """The tasks of the current episode, e.g. for `reset(options={"tasks": ...})` elsewhere.

        Raises:
            HybridClusterError: Before the first `reset`.
        """
        return self._episode_now().as_tasks()

    def _episode_now(self) -> Episode:
        if self._episode is None:
            raise checks.no_task_error()
        return self._episode

    def schedule(self) -> Schedule:
        """The schedule so far, as `render` draws it.

        Raises:
            HybridClusterError: Before the first `reset`, or without a render mode.
        """
        if self._view is None:
            raise HybridClusterError("render_mode is None; allowed for schedule(): 'ansi', say")
        return self._view.schedule(0)

    def render(self) -> Any:
        """Draw the schedule so far: text, an image (height, width, 3), or a window.

        Raises:
            HybridClusterError: Before the first `reset`.
            gymnasium.error.DependencyNotInstalled: If pygame is missing; text needs none.
        """
        if self._view is None:
            return gym.logger.warn("render() does nothing: gym.make was not given a render_mode")
        return self._view.draw(0)

    def close(self) -> None:
        """Close the window, if there is one."""
        if self._view is not None:
            self._view.close()
