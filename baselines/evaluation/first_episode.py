"""A closer look at the first held-out episode: every scheduler's schedule and its decisions."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from cpu_gpu_env.baselines.evaluation.audit import Decision, audit_decisions
from cpu_gpu_env.baselines.evaluation.comparison import Comparison, Entry
from cpu_gpu_env.envs.env import HybridClusterEnv
from cpu_gpu_env.model.tasks import FloatArray
from cpu_gpu_env.render.gantt import GanttRenderer, Scene

MAX_TASKS = 2_000
"""Longer episodes are not looked at: charts would be a blur, and an audit plays them once for each
of their tasks."""


@dataclass(frozen=True, eq=False)
class EpisodeView:
    """How one scheduler played the episode."""

    scene: Scene
    """Its schedule."""
    audit: tuple[Decision, ...] | None
    """Decisions other than the oracle's, the dearest first; None without an oracle to judge by."""


def view_first_episode(
    comparison: Comparison,
    env_kwargs: Mapping[str, Any],
    progress: Callable[[str], None] = lambda name: None,
) -> dict[str, EpisodeView]:
    """Play the recorded actions of the first episode again.

    Args:
        comparison: The results.
        env_kwargs: Arguments of the environment, as `compare` had them.
        progress: Called with a name when that scheduler's episode has been looked at.

    Returns:
        A view for each name; none at all if the episode has more than `MAX_TASKS` tasks.
    """
    # Shares are recorded for drawing only, and text needs no library to draw with.
    env = HybridClusterEnv(**env_kwargs, render_mode="ansi")
    views: dict[str, EpisodeView] = {}
    if env.problem.num_tasks > MAX_TASKS:
        return views
    for entry in comparison.entries:
        env.reset(seed=comparison.provenance["seeds"][0])
        for action in entry.episodes.actions[0].tolist():
            env.step(action)
        scene = env.scene()
        scene.title = entry.name
        views[entry.name] = EpisodeView(scene, _audit(env, entry, comparison.oracle))
        progress(entry.name)
    return views


def _audit(
    env: HybridClusterEnv, entry: Entry, oracle: Entry | None
) -> tuple[Decision, ...] | None:
    if oracle is None or entry is oracle:
        return None
    (episode,) = env.instances()
    actions = entry.episodes.actions[0], oracle.episodes.actions[0]
    return audit_decisions(episode, env.episode_tasks(), *actions)


def draw_gantts(views: Mapping[str, EpisodeView]) -> dict[str, bytes]:
    """Draw the schedules as PNG, by name.

    Raises:
        gymnasium.error.DependencyNotInstalled: If pygame is missing.
    """
    from matplotlib.image import imsave

    pictures = {}
    for name, view in views.items():
        picture = io.BytesIO()
        imsave(picture, GanttRenderer(view.scene.cluster).draw(view.scene), format="png")
        pictures[name] = picture.getvalue()
    return pictures


def pool_utilisation(scene: Scene, bin_s: float) -> FloatArray:
    """Share of each stretch of time for which the devices of a pool are busy, (2, bins).

    Args:
        scene: The schedule.
        bin_s: Length of a stretch [s]; the first begins with the first arrival, at 0, and the last
            ends with the makespan or after it.

    Returns:
        Row 0: the CPUs; row 1: the GPUs.
    """
    num_bins = max(int(np.ceil(scene.makespan_s / bin_s)), 1)
    edges_s = np.arange(num_bins + 1) * bin_s
    busy_s = np.zeros((2, num_bins))
    num_cpus = len(scene.cluster.cpus)
    for share in scene.shares:
        covered_s = np.diff(np.clip(edges_s, share.start_s, share.finish_s))
        busy_s[int(share.device >= num_cpus)] += covered_s
    devices = np.array([[num_cpus], [len(scene.cluster.gpus)]])
    return busy_s / (devices * bin_s)
