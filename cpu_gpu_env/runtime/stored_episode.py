"""An episode of a stored run, played again: what its decisions cost against the oracle's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from cpu_gpu_env.baselines.evaluation.first_episode import (
    MAX_TASKS,
    Decision,
    audit_decisions,
    cost_of_decision,
)
from cpu_gpu_env.checks import check_count
from cpu_gpu_env.envs.env import HybridClusterEnv
from cpu_gpu_env.errors import HybridClusterError, not_allowed
from cpu_gpu_env.model.tasks import Tasks
from cpu_gpu_env.results.metrics import OBJECTIVE
from cpu_gpu_env.results.provenance import ProblemRecord
from cpu_gpu_env.results.records import ORACLE
from cpu_gpu_env.results.store.problems import check_unchanged, replays_windows
from cpu_gpu_env.results.store.queries import Page
from cpu_gpu_env.results.store.reading import StoreReader
from cpu_gpu_env.results.store.records import StoredEpisodes, parse_seed
from cpu_gpu_env.runtime.settings import phase_env_kwargs
from cpu_gpu_env.runtime.stored_tasks import tasks_of
from cpu_gpu_env.sim.instance import Instance

TOLERANCE = 1e-9
"""Relative: by how much a stored objective may differ from that of its actions played again, as
other orders of additions do."""


@dataclass(frozen=True, eq=False)
class StoredEpisode:
    """One episode of a run, with what each scheduler decided."""

    instance: Instance
    """The episode, noise included."""
    tasks: Tasks
    """Its tasks."""
    actions: Mapping[str, npt.NDArray[np.int64]]
    """(num_tasks,) of each scheduler whose decisions are kept whole, in the order of the lanes."""

    @property
    def oracle_actions(self) -> npt.NDArray[np.int64]:
        """(num_tasks,) of the oracle.

        Raises:
            HybridClusterError: If none is kept.
        """
        if ORACLE not in self.actions:
            raise HybridClusterError(
                "what decisions cost is told against the oracle's, and of this episode there are "
                "none: it did not take part, or they are no longer kept"
            )
        return self.actions[ORACLE]

    def costs(self, task: int) -> dict[str, float]:
        """What the decision on a task cost each scheduler, as part of the oracle's J.

        See `cpu_gpu_env.baselines.evaluation.first_episode.decision_costs`; where the oracle's J is
        0 the cost is in units of J.

        Raises:
            HybridClusterError: If no decisions of the oracle are kept.
        """
        oracle = self.oracle_actions
        unit = self.instance.simulate(oracle[None])[0] or 1.0
        return {
            name: cost_of_decision(self.instance, actions, oracle, task) / unit
            for name, actions in self.actions.items()
        }

    def audits(self) -> dict[str, tuple[Decision, ...]]:
        """The decisions of each scheduler that differ from the oracle's, the dearest first.

        Raises:
            HybridClusterError: If no decisions of the oracle are kept, or the episode is too long.
        """
        oracle = self.oracle_actions
        if len(oracle) > MAX_TASKS:
            allowed = f"at most {MAX_TASKS}, or the audit of a single task"
            raise not_allowed("tasks of an episode to audit", len(oracle), allowed)
        return {
            name: audit_decisions(self.instance, self.tasks, actions, oracle)
            for name, actions in self.actions.items()
            if name != ORACLE
        }


def load_episode(reader: StoreReader, run: int, episode: int) -> StoredEpisode:
    """Draw an episode of a run again, and read what was decided in it.

    Args:
        reader: The store.
        run: Number of the run.
        episode: Number of the episode within the run.

    Raises:
        HybridClusterError: If run or episode are unknown, no decisions of the episode are kept, or
            it is not the same any more: its files have changed, or this version draws others.
    """
    row, kept = reader.run_row(run), reader.decisions_of(run, episode)
    played = {name: reader.episodes(run, name, episode, episode + 1) for name in kept}
    first = next(iter(kept))
    env = draw_episode(row, played[first], kept[first])
    (instance,) = env.instances()
    actions = {name: actions_of(name, instance, page) for name, page in kept.items()}
    check_same(row, instance, actions, played)
    return StoredEpisode(instance, env.episode_tasks(), actions)


def draw_episode(
    row: Mapping[str, Any], played: StoredEpisodes, kept: Page, observe_queues: bool = False
) -> HybridClusterEnv:
    """Draw an episode of a run again.

    Args:
        row: Of the run.
        played: The episode, of any scheduler.
        kept: All decisions in it, of any scheduler.
        observe_queues: Whether the environment shows the queues.

    Returns:
        The environment, at the start of the episode.

    Raises:
        HybridClusterError: If cluster or workload are not what they were.
    """
    phase, seed, options = played.phase[0], played.seed[0], {}
    env = HybridClusterEnv(**phase_env_kwargs(row, phase), observe_queues=observe_queues)
    check_unchanged(row, phase, ProblemRecord.of(env.problem))
    if seed is None or replays_windows(row):  # its tasks were given, not drawn
        arrival_s = np.array(kept["arrival_s"], np.float64)
        options["tasks"] = tasks_of(env.problem, kept, arrival_s)
    env.reset(seed=None if seed is None else parse_seed(seed), options=options)
    return env


def actions_of(scheduler: str, instance: Instance, kept: Page) -> npt.NDArray[np.int64]:
    """Read the actions (num_tasks,) of a scheduler in an episode.

    Raises:
        HybridClusterError: If they are not one for each task, or there is no such action.
    """
    actions = np.array(kept["action"], np.int64)
    num_tasks = instance.num_tasks
    check_count(f"tasks that {scheduler} placed", len(actions), num_tasks, low=num_tasks)
    for end in (actions.min(), actions.max()):
        check_count(f"action of {scheduler}", int(end), instance.num_actions - 1, low=0)
    return actions


def check_same(
    row: Mapping[str, Any],
    instance: Instance,
    actions: Mapping[str, npt.NDArray[np.int64]],
    played: Mapping[str, StoredEpisodes],
) -> None:
    """Check that actions come to what they came to when the episode was played.

    Args:
        row: Of the run.
        instance: The episode as it was drawn again.
        actions: (num_tasks,) of each scheduler.
        played: The episode, of each scheduler.

    Raises:
        HybridClusterError: If not.
    """
    objective = instance.simulate(np.stack(list(actions.values())))
    for now, of_scheduler in zip(objective, map(played.__getitem__, actions), strict=True):
        before = of_scheduler[OBJECTIVE][0]
        if not np.isclose(now, before, rtol=TOLERANCE, atol=0.0):
            raise HybridClusterError(
                f"episode {of_scheduler.episode[0]} of run {row['run']} cannot be played again: "
                f"its actions come to J {now:.9g} now, and came to {before:.9g} (made by "
                f"{row['provenance'].get('versions')})"
            )
