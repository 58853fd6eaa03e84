"""What lets a training go on from its checkpoint: the same world, schedules without a jump."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from stable_baselines3.common.base_class import BaseAlgorithm

from cpu_gpu_env.agents.saving import load_agent
from cpu_gpu_env.checks import check_field
from cpu_gpu_env.errors import HybridClusterError
from cpu_gpu_env.problem.problem import make_problem
from cpu_gpu_env.results.provenance import ProblemRecord

SCHEDULES = ("lr_schedule", "exploration_schedule", "clip_range", "clip_range_vf")
"""Attributes of algorithms that are functions of the share of the training that is left."""
WORLD = ("cluster", "cluster_sha256", "workload", "workload_sha256")
"""Fields of a problem's record that tell which one was behind a name or path."""


def describe_worlds(problems: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    """Names and hashes of the cluster and workload of each problem."""
    records = [ProblemRecord.of(make_problem(**problem)).to_json() for problem in problems]
    return [{name: record[name] for name in WORLD} for record in records]


def check_same_training(
    path: Path,
    progress: Mapping[str, Any],
    plan: Mapping[str, Any],
    worlds: Sequence[Mapping[str, str]],
) -> None:
    """Check that a checkpoint is of the training that is to go on.

    Args:
        path: The checkpoint, for messages.
        progress: What it holds beside the algorithm.
        plan: All that decides the outcome, see `TrainingPlan.describe`.
        worlds: Clusters and workloads as they are now, see `describe_worlds`.

    Raises:
        HybridClusterError: If the plan was another, or a cluster or workload is not what it was.
    """
    before = progress.get("plan")
    if before != plan:
        known = before if isinstance(before, dict) else {}
        differing = sorted(name for name in {*known, *plan} if known.get(name) != plan.get(name))
        raise HybridClusterError(
            f"{path}: the checkpoint is of another training; differing: {', '.join(differing)}"
        )
    trained_on = check_field(str(path), progress, "worlds", list)
    if trained_on == list(worlds):
        return
    changed = {
        f"{what} {now[what]!r}"
        for now, then in zip(worlds, trained_on, strict=False)
        for what in ("cluster", "workload")
        for field in (what, f"{what}_sha256")
        if not isinstance(then, dict) or then.get(field) != now[field]
    }
    raise HybridClusterError(
        f"{path}: no longer what the checkpoint was trained on: {', '.join(sorted(changed))} (by "
        "sha256); allowed: to put the old one back, or to train anew"
    )


class Schedules:
    """Learning rate, exploration and the like, which never jump when a training is resumed.

    Stable-Baselines3 has them as functions of the share of the training that is left, of as many
    steps as it is to have now. If these are others than before the checkpoint, what the checkpoint
    had left of the schedules is spread over the steps that are left. Where it had nothing left,
    they stay at their ends.

    Args:
        steps: Of the whole training, those before the checkpoint included.
    """

    def __init__(self, steps: int) -> None:
        self.steps = steps
        self._begun, self._left = 0, 1.0

    def left(self, done: float) -> float:
        """Share of the schedules that is left after so many steps."""
        if done <= self._begun:
            return self._left
        return self._left * max(0.0, self.steps - done) / (self.steps - self._begun)

    def go_on(self, model: BaseAlgorithm, left: float) -> None:
        """Let an algorithm, restored from its checkpoint, go on with what that had left."""
        self._begun, self._left = model.num_timesteps, left
        for name in SCHEDULES:
            if (schedule := getattr(model, name, None)) is not None:
                setattr(model, name, self._spread(schedule))

    def _spread(self, schedule: Callable[[float], float]) -> Callable[[float], float]:
        return lambda remaining: schedule(self.left((1.0 - remaining) * self.steps))


def describe_resumption(model: BaseAlgorithm, steps: int) -> str:
    """Say in a line where a training goes on, and how its settings go on from there."""
    done = model.num_timesteps
    if done >= steps:
        return f"the checkpoint has {done:,} of {steps:,} steps: nothing is left to train"
    now, end = 1.0 - done / steps, 0.0
    parts = [f"going on at step {done:,} of {steps:,}"]
    for name, what in (("lr_schedule", "learning rate"), ("exploration_schedule", "exploration")):
        if (schedule := getattr(model, name, None)) is not None:
            first, last = (f"{schedule(remaining):.3g}" for remaining in (now, end))
            parts.append(f"{what} {first}" + (f", {last} at the end" if last != first else ""))
    return "; ".join(parts)


def kept_objective(path: Path) -> float:
    """What the agent of a file has reached; infinite if there is none, so that any is better.

    The file tells, not the checkpoint: it may be younger, or gone.
    """
    try:
        reached = load_agent(path).settings.made_by.get("validation_objective")
    except HybridClusterError:
        return math.inf
    return reached if isinstance(reached, float) else math.inf
