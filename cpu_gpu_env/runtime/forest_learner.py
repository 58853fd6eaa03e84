"""Hybrid ML that goes on learning from what the oracle would have done.

A forest is fitted to a sliding window of finished tasks, labelled by the oracle's GPU fractions in
hindsight. That alone is not enough: it sees neither queues nor cluster, so an error that is small
in each task, and has the same sign in all of them, piles up on one pool. How the finished episodes
would have gone with any other actions is known, too. So each new forest is steepened about the
centre with which it would have done best in the latest episodes, where each task is predicted by
the trees that have not seen it. It takes over if it would have done better than the one that the
lane has, which is scored on each episode before any forest learns from that (the prequential
principle of Dawid, J. R. Stat. Soc. A 147, 1984).
"""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from cpu_gpu_env.agents.pretrained import pretrained_path
from cpu_gpu_env.baselines.imitation.forest import Forest, load_forest
from cpu_gpu_env.baselines.imitation.hybrid_ml import (
    FEATURES,
    Examples,
    ExampleWindow,
    HybridML,
    derive,
    fit_and_predict,
    label,
    nearest_fitting,
)
from cpu_gpu_env.checks import check_count, check_version
from cpu_gpu_env.errors import HybridClusterError, not_allowed
from cpu_gpu_env.io.bounded_files import open_zip, parse_json, read_array, read_member
from cpu_gpu_env.model.tasks import FloatArray
from cpu_gpu_env.problem.observation import NUM_FEATURES
from cpu_gpu_env.runtime.lanes import Arrived
from cpu_gpu_env.runtime.records import Experience, LearnedModel
from cpu_gpu_env.sim.instance import Instance

START = "random-forest"
"""Pretrained forest that online learning starts from."""
CENTRES = np.linspace(0.1, 0.9, 17)
"""Predicted GPU fractions that may become one half."""
SLOPE = 2.0
"""Of the line through it."""
FORMAT_VERSION = 1
MAX_STATE_BYTES = 2**28
MAX_MODEL_BYTES = 2**26
MAX_HEADER_BYTES = 2**16
MAX_COUNT = 2**31 - 1
"""Of models, of fits, and of tasks since the last one."""
_HEADER, _MODEL, _KIND = "header.json", "model.npz", "forest"
_ARRAYS: dict[str, tuple[str, tuple[int, ...]]] = {
    "observation": ("f4", (NUM_FEATURES,)),
    "gpu_fraction": ("f8", ()),
}
"""Of the window: type of the values, and shape of a task's."""


@dataclass(frozen=True)
class ForestSettings:
    """Settings of online learning, found by measurement."""

    windows: tuple[int, ...] = (2_000, 10_000)
    """Finished tasks, the latest ones, that forests are fitted to, ascending: one forest each. The
    short window is soon free of what was before a drift; the long one makes the better forest where
    there is none."""
    num_trees: int = 30
    """Trees of each."""
    refit_every: int = 1_000
    """Finished tasks between fits."""
    judged_on: int = 10
    """Episodes at most, the latest ones, by which centres and forests are judged."""
    needed: float = 1.0
    """Standard errors by which a new forest must be better for the lane to get it."""


@dataclass(frozen=True, eq=False)
class _Finished:
    """An episode, and how the forest of the lane did on it."""

    instance: Instance
    """What is known of it in hindsight."""
    predicted: FloatArray
    """(num_tasks,): GPU fractions."""
    objective: float
    """J."""
    unseen: bool = True
    """Whether no forest that the lane has had since is fitted to it."""


def starting_model() -> LearnedModel:
    """What a lane begins with: the pretrained forest, as version 0."""
    return LearnedModel(0, pretrained_path(START).read_bytes())


def make_online(env: Any, model: LearnedModel, seed: int | None = None) -> HybridML:
    """Build the scheduler of a lane from a model.

    Args:
        env: The environment that it will act in, or its problem.
        model: What to act by.
        seed: Not used: a forest draws nothing.

    Raises:
        HybridClusterError: If the model is damaged.
    """
    return HybridML(env, seed, load_forest(model.content, len(FEATURES)))


class ForestLearner:
    """Learns from finished episodes; a `Learner`.

    Args:
        model: What the lane begins with; None: the pretrained forest.
        seed: Of the fits.
        settings: How to learn.

    Raises:
        HybridClusterError: If the model is damaged.
    """

    def __init__(
        self,
        model: LearnedModel | None = None,
        seed: int = 0,
        settings: ForestSettings | None = None,
    ) -> None:
        model = starting_model() if model is None else model
        self.settings = settings or ForestSettings()
        self._seed = seed
        self._version, self._fits = model.version, 0
        self._forest = load_forest(model.content, len(FEATURES))
        self._window = ExampleWindow(self.settings.windows[-1])
        self._latest: list[_Finished] = []

    def learn(self, experience: Experience) -> LearnedModel | None:
        """Score the forest that the lane has on the episodes, then learn from them.

        Returns:
            A new forest, if it is time for one and it would have done better.

        Raises:
            HybridClusterError: If an action of the oracle is none.
        """
        arrived = Arrived.of(experience.batch)
        problem = experience.batch.phase.problem
        examples = label(problem, arrived.tasks, experience.oracle_actions)
        predicted = self._forest.predict(derive(examples.observation))
        for instance, own in zip(
            arrived.instances, np.split(predicted, len(arrived.tasks)), strict=True
        ):
            objective = float(_objectives(instance, own[None])[0])
            self._latest.append(_Finished(instance, own, objective))
        # However long episodes are, there are two to judge by.
        self._window.size = max(self.settings.windows[-1], 2 * problem.num_tasks)
        self._window.add(examples)
        total = np.cumsum([finished.instance.num_tasks for finished in self._latest[::-1]])
        fitting = int((total <= self._window.size).sum())
        self._latest = self._latest[-min(fitting, self.settings.judged_on) :]
        return self._refit() if self._window.fresh >= self.settings.refit_every else None

    def _refit(self) -> LearnedModel | None:
        """Fit forests, and take the best one if it is better than the lane's."""
        score = self._score()
        found = [self._fit(window) for window in self.settings.windows]
        self._window.fresh = 0
        forest, objectives = min(found, key=lambda candidate: float(candidate[1].mean()))
        if not self._is_better(objectives):
            return None
        self._forest, self._version = forest, self._version + 1
        self._latest = [replace(finished, unseen=False) for finished in self._latest]
        return LearnedModel(self._version, forest.to_bytes(), score)

    def _fit(self, window: int) -> tuple[Forest, FloatArray]:
        """Fit a forest to a window; return it, and J that it would have had in the latest episodes.

        Its centre is the best for them.
        """
        lengths = [finished.instance.num_tasks for finished in self._latest]
        examples = self._window.latest(max(window, sum(lengths)))
        seed = self._seed + self._fits
        forest, predicted = fit_and_predict(examples, sum(lengths), seed, self.settings.num_trees)
        self._fits += 1
        candidates = np.clip(0.5 + SLOPE * (predicted - CENTRES[:, None]), 0.0, 1.0)
        of_each = np.split(candidates, np.cumsum(lengths)[:-1], axis=1)
        objectives = np.stack(
            [
                _objectives(finished.instance, own)
                for finished, own in zip(self._latest, of_each, strict=True)
            ],
            axis=1,
        )
        best = int(objectives.mean(axis=1).argmin())
        return forest.steepened(float(CENTRES[best]), SLOPE), objectives[best]

    def _is_better(self, objectives: FloatArray) -> bool:
        """Whether J is better than that of the lane's forest, where it was not fitted to it."""
        unseen = np.array([finished.unseen for finished in self._latest])
        own = np.array([finished.objective for finished in self._latest])
        differences = (objectives - own)[unseen]
        if len(differences) < 2:
            return False
        error = differences.std(ddof=1) / np.sqrt(len(differences))
        return bool(differences.mean() < -self.settings.needed * error)

    def _score(self) -> dict[str, float]:
        """How the lane's forest did on those of the latest episodes that it is not fitted to."""
        unseen = [finished for finished in self._latest if finished.unseen]
        if not unseen:
            return {}
        predicted = np.concatenate([finished.predicted for finished in unseen])
        fractions = self._window.latest(len(predicted)).gpu_fraction
        error, variance = fractions - predicted, float(fractions.var())
        score = {
            "objective": float(np.mean([finished.objective for finished in unseen])),
            "mean_absolute_error": float(np.abs(error).mean()),
        }
        if variance > 0:
            score["r_squared"] = 1.0 - float((error**2).mean()) / variance
        return score

    def state(self) -> bytes:
        """What a learner goes on from: the window, the forest, and what is counted.

        The episodes that forests are judged by are not kept; they come anew.
        """
        header = {
            "format_version": FORMAT_VERSION,
            "learner": _KIND,
            "version": self._version,
            "fits": self._fits,
            "fresh": self._window.fresh,
        }
        content = io.BytesIO()
        with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(_HEADER, json.dumps(header))
            archive.writestr(_MODEL, self._forest.to_bytes())
            for name in _ARRAYS:
                with archive.open(f"{name}.npy", "w") as file:
                    np.save(file, getattr(self._window.examples, name), allow_pickle=False)
        return content.getvalue()

    def restore(self, state: bytes) -> None:
        """Go on from a state.

        Raises:
            HybridClusterError: If it is damaged, or of another kind of learner.
        """
        with open_zip(state, MAX_STATE_BYTES, "state", "not the state of a forest") as archive:
            header = _read_header(archive)
            forest = load_forest(read_member(archive, _MODEL, MAX_MODEL_BYTES), len(FEATURES))
            examples = _read_examples(archive)
        self._version, self._fits = header["version"], header["fits"]
        self._forest, self._latest = forest, []
        self._window = ExampleWindow(max(self.settings.windows[-1], len(examples.gpu_fraction)))
        self._window.add(examples)
        self._window.fresh = header["fresh"]


def _read_header(archive: zipfile.ZipFile) -> dict[str, int]:
    """Read what is counted."""
    content = parse_json(read_member(archive, _HEADER, MAX_HEADER_BYTES), f"{_HEADER} is no JSON")
    check_version(_HEADER, content, "format_version", FORMAT_VERSION)
    if content.get("learner") != _KIND:
        raise not_allowed("field 'learner'", content.get("learner"), repr(_KIND))
    return {
        name: check_count(f"field {name!r}", content.get(name), MAX_COUNT, low=0)
        for name in ("version", "fits", "fresh")
    }


def _read_examples(archive: zipfile.ZipFile) -> Examples:
    """Read the window."""
    arrays = {name: read_array(archive, name, MAX_STATE_BYTES) for name in _ARRAYS}
    tasks = arrays["gpu_fraction"].size
    for name, (dtype, row) in _ARRAYS.items():
        array = arrays[name]
        if array.dtype != np.dtype(dtype) or array.shape != (tasks, *row):
            allowed = f"{np.dtype(dtype)} {(tasks, *row)}"
            raise not_allowed(f"array {name!r}", f"{array.dtype} {array.shape}", allowed)
        if not ((array >= 0.0) & (array <= 1.0)).all():
            raise HybridClusterError(f"array {name!r} has values that are not in [0, 1]")
    return Examples(**arrays)


def _objectives(instance: Instance, predicted: FloatArray) -> FloatArray:
    """J of an episode, (k,), for predicted GPU fractions (k, num_tasks)."""
    costs = instance.costs
    masks = costs.action_masks(np.arange(instance.num_tasks))
    return instance.simulate(nearest_fitting(predicted, np.array(costs.gpu_fractions), masks))
