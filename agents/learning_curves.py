"""Learning curves: what the event files in the folder of a training tell, and the mean of seeds."""

from __future__ import annotations

import hashlib
import inspect
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cpu_gpu_env.agents.agent import AgentSettings
from cpu_gpu_env.agents.saving import BEST_AGENT, load_agent
from cpu_gpu_env.checks import check_count, check_field
from cpu_gpu_env.errors import HybridClusterError, not_allowed, printable, shown, unknown_name
from cpu_gpu_env.io.bounded_files import check_readable
from cpu_gpu_env.io.event_files import EVENT_FILES
from cpu_gpu_env.io.paths import as_path
from cpu_gpu_env.model.tasks import FloatArray
from cpu_gpu_env.problem.problem import make_problem
from cpu_gpu_env.results.held_out import TRAINED_ON
from cpu_gpu_env.results.metrics import OBJECTIVE

MAX_EVENT_BYTES = 2**26
"""Of an event file, unless told otherwise; a training writes some million."""
MAX_LABEL = 200
"""Bytes of a curve's name, which names a folder, too; longer ones are cut."""
PROBLEM_ARGUMENTS = tuple(inspect.signature(make_problem).parameters)
REACHED = ("seed", "trained_steps", "validation_objective", TRAINED_ON)
"""Settings in which trainings that are drawn as one curve may differ."""


@dataclass(frozen=True, eq=False)
class Run:
    """A training, read back."""

    folder: Path
    """Folder of the training."""
    settings: AgentSettings
    """Of its best agent."""
    seed: int
    """Of the training."""
    problems: tuple[Mapping[str, Any], ...]
    """Arguments of the environment; of several, the mean over all is logged."""
    validation_episodes: int
    """Validation episodes of all problems."""
    steps: FloatArray
    """(n,): environment steps before each evaluation."""
    seconds: FloatArray
    """(n,): time in training before each evaluation, the evaluations before it included [s]."""
    objective: FloatArray
    """(n,): mean J of the validation episodes."""

    @property
    def recipe(self) -> dict[str, Any]:
        """All settings but the seed and what was reached; those of a DQN by name."""
        made_by = self.settings.made_by
        recipe = {**made_by, **made_by.get("settings", {})}
        return {k: v for k, v in recipe.items() if k not in (*REACHED, "settings")}

    @property
    def name(self) -> str:
        """Its algorithm and observations."""
        seen = "with" if self.settings.observe_queues else "without"
        return f"{self.settings.algo.upper()} {seen} queues"


@dataclass(frozen=True, eq=False)
class Curve:
    """The validation objective of trainings that differ in nothing but their seed."""

    label: str
    """What they are, and how many."""
    steps: FloatArray
    """(n,): environment steps."""
    seconds: FloatArray
    """(n,): time in training until then, mean over the seeds [s]."""
    objective: FloatArray
    """(seeds, n): mean J of the validation episodes."""


def read_run(folder: str | os.PathLike[str], max_bytes: int = MAX_EVENT_BYTES) -> Run:
    """Read the settings of the best agent and all evaluations of a training.

    Args:
        folder: Folder of the training.
        max_bytes: Bytes that an event file may have at most.

    Raises:
        HybridClusterError: If the folder is not that of a training with evaluations in event files.
    """
    folder = as_path(folder)
    if not folder.is_dir():
        raise HybridClusterError(
            f"{folder}: no such folder; allowed: one that train.py wrote (run it first)"
        )
    steps, seconds, objective = _read_evaluations(folder, max_bytes)
    settings = load_agent(folder / BEST_AGENT).settings
    made_by = settings.made_by
    try:
        problems = tuple(
            _parse_problem(problem, settings.gpu_fractions)
            for problem in check_field("settings", made_by, "problems", list)
        )
        check_count("number of problems", len(problems))
        if "settings" in made_by:
            check_field("settings", made_by, "settings", dict)
        seed = check_count("field 'seed'", made_by.get("seed"), low=0)
        episodes = check_count("field 'validation_episodes'", made_by.get("validation_episodes"))
    except (TypeError, ValueError, AttributeError) as error:
        raise HybridClusterError(f"{folder / BEST_AGENT}: not by train.py: {error}") from None
    return Run(folder, settings, seed, problems, episodes, steps, seconds, objective)


def _parse_problem(
    described: Mapping[str, str], gpu_fractions: tuple[float, ...]
) -> dict[str, Any]:
    """Turn `TrainingPlan.describe` back into arguments of the environment."""
    for name in described:
        if name not in PROBLEM_ARGUMENTS:
            raise unknown_name("argument of a problem", name, PROBLEM_ARGUMENTS)
    problem: dict[str, Any] = {**described, "gpu_fractions": gpu_fractions}
    for name, parse in (("num_tasks", int), ("energy_weight", float), ("noise", float)):
        if name in problem:
            problem[name] = parse(problem[name])
    load = problem.get("load")
    if load == "None":
        problem["load"] = None
    elif load not in (None, "trace"):
        problem["load"] = float(load)
    return problem


def _read_evaluations(folder: Path, max_bytes: int) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Steps, seconds in training and objective of each evaluation, in the order of the steps.

    A resumed training goes on, in a new file, from the checkpoint of its last evaluation: its clock
    goes on from there, too, so that neither the pause counts nor what was lost before it. What an
    older file has from the first evaluation of a newer one on was done again.
    """
    points: list[tuple[int, float, float]] = []
    files = [_read_file(path, max_bytes) for path in folder.glob(EVENT_FILES)]
    for started_s, evaluations in sorted(files):
        if evaluations:
            points = [point for point in points if point[0] < evaluations[0][0]]
            before_s = points[-1][1] if points else 0.0
            points += [(step, before_s + now - started_s, j) for step, now, j in evaluations]
    if not points:
        raise HybridClusterError(
            f"{folder}: no event file ({EVENT_FILES}) with {OBJECTIVE.validation_tag!r}; allowed: "
            "a folder that train.py wrote"
        )
    steps, seconds, objective = np.array(points, dtype=float).T
    return steps, seconds, objective


def _read_file(path: Path, max_bytes: int) -> tuple[float, list[tuple[int, float, float]]]:
    """When a file was begun [s], and (step, time [s], objective) of the evaluations in it."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    check_readable(path, max_bytes, "event file")
    tag = OBJECTIVE.validation_tag
    events = EventAccumulator(str(path), size_guidance={"scalars": 0})
    try:
        events.Reload()
        if tag not in events.Tags()["scalars"]:
            return 0.0, []
        found = [(event.step, event.wall_time, event.value) for event in events.Scalars(tag)]
        return events.FirstEventTimestamp(), found
    except Exception as error:  # damaged bytes raise whatever the parser likes
        raise HybridClusterError(f"{path}: not a usable event file: {error}") from None


def check_comparable(runs: Sequence[Run]) -> None:
    """Check that all trainings were judged on the same episodes.

    Raises:
        HybridClusterError: If not.
    """
    first = runs[0]
    for run in runs[1:]:
        for name in ("problems", "validation_episodes"):
            mine, other = getattr(run, name), getattr(first, name)
            if mine != other:
                allowed = f"that of {first.folder}, {shown(other)}: curves are of the same episodes"
                raise not_allowed(f"{run.folder}: field {name!r}", mine, allowed)


def mean_curves(runs: Sequence[Run]) -> list[Curve]:
    """Group trainings by their settings, and bring each group to the same steps.

    Raises:
        HybridClusterError: If two are the same training, or a group has no steps in common.
    """
    groups: list[list[Run]] = []
    for run in runs:
        group = next((group for group in groups if group[0].recipe == run.recipe), [])
        for other in group:
            if other.seed == run.seed:
                raise HybridClusterError(
                    f"{run.folder} and {other.folder}: seed {run.seed} twice; allowed: trainings "
                    "that differ"
                )
        if not group:
            groups.append(group)
        group.append(run)
    firsts = [group[0] for group in groups]
    return [_mean_curve(_full_name(group[0], firsts), group) for group in groups]


def _full_name(run: Run, runs: Sequence[Run]) -> str:
    """Name of a run, and the settings in which others of that name differ from it."""
    recipe, alike = run.recipe, [other.recipe for other in runs if other.name == run.name]
    settings = sorted({key for other in alike for key in other})
    differing = [key for key in settings if any(o.get(key) != recipe.get(key) for o in alike)]
    name = printable(run.name + "".join(f", {key} {recipe.get(key)}" for key in differing))
    if len(name.encode()) <= MAX_LABEL:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:8]
    return f"{name.encode()[:MAX_LABEL].decode(errors='ignore')}... ({digest})"


def _mean_curve(name: str, group: Sequence[Run]) -> Curve:
    """Bring trainings to the steps that all of them reached, between evaluations by lines."""
    first = max(run.steps[0] for run in group)
    last = min(run.steps[-1] for run in group)
    steps = np.unique(np.concatenate([run.steps for run in group]))
    steps = steps[(first <= steps) & (steps <= last)]
    if not len(steps):
        raise HybridClusterError(
            f"{', '.join(str(run.folder) for run in group)}: no steps in common: one has less than "
            f"{first:.0f}, where another begins"
        )
    seconds = np.mean([np.interp(steps, run.steps, run.seconds) for run in group], axis=0)
    objective = np.array([np.interp(steps, run.steps, run.objective) for run in group])
    count = f"{len(group)} seed{'s' * (len(group) > 1)}"
    return Curve(f"{name} ({count})", steps, seconds, objective)
