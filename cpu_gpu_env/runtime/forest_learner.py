"""Hybrid ML that goes on learning from what the oracle would have done.

A forest is fitted to a sliding window of finished tasks, labelled by the oracle's GPU fractions in
hindsight, and takes over whole. The window is short, so that what was before a drift is soon out of
it.

A forest sees neither queues nor cluster. So its doubt, which it states as a fraction in the middle,
splits tasks that the oracle would not have split, and an error that has the same sign in many tasks
piles up on one pool. Therefore the forests are steepened (`Forest.steepened`).

How finished episodes would have gone with any other actions is known. So before it learns from
them, they are played with the newest forest and with the one that the lane began with (the
prequential principle of Dawid, J. R. Stat. Soc. A 147, 1984). If learning has made it worse by more
than chance easily does, the lane gets back what it began with, until that has changed.
"""

from __future__ import annotations

import io
import json
import math
import zipfile
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from cpu_gpu_env.agents.pretrained import PRETRAINED_FOREST, pretrained_path
from cpu_gpu_env.baselines.evaluation.play import EpisodePlay
from cpu_gpu_env.baselines.imitation.forest import Forest, load_forest
from cpu_gpu_env.baselines.imitation.hybrid_ml import (
    FEATURES,
    Examples,
    ExampleWindow,
    HybridML,
    derive,
    fit_forest,
    label,
    names_of,
    nearest_fitting,
    parse_names,
)
from cpu_gpu_env.baselines.schedulers.heuristics import EarliestFinishTime
from cpu_gpu_env.checks import MAX_FLOAT, check_count, check_flag, check_version
from cpu_gpu_env.envs.vector_env import HybridClusterVectorEnv
from cpu_gpu_env.errors import HybridClusterError, not_allowed
from cpu_gpu_env.io.bounded_files import open_zip, parse_json, read_array, read_member
from cpu_gpu_env.model.cluster import Cluster
from cpu_gpu_env.model.tasks import FloatArray
from cpu_gpu_env.problem.problem import Problem
from cpu_gpu_env.problem.task_features import NUM_FEATURES, WorkFeatures
from cpu_gpu_env.runtime.lanes import Arrived
from cpu_gpu_env.runtime.records import Experience, LearnedModel
from cpu_gpu_env.sim.instance import Instance

FORMAT_VERSION = 1
MAX_STATE_BYTES = 2**28
MAX_FOREST_BYTES = 2**26
MAX_ARRAY_BYTES = 2**26
MAX_HEADER_BYTES = 2**16
MAX_COUNT = 2**31 - 1
"""Of models and of fits."""
_HEADER, _START, _NEWEST, _KIND = "header.json", "start.npz", "newest.npz", "forest"
_ARRAYS: dict[str, tuple[str, tuple[int, ...], float]] = {
    "observation": ("f4", (NUM_FEATURES,), 1.0),
    "gpu_fraction": ("f8", (), 1.0),
    "predicted": ("f8", (), 1.0),
    "objectives": ("f8", (2,), MAX_FLOAT),
}
"""Type of the values, shape of a row, greatest value."""


@dataclass(frozen=True)
class ForestSettings:
    """Settings of online learning; window, centre and slope were found by measurement.

    Gap to the bound less that of the pretrained forest, in points, mean and 95 % interval of
    three streams of the default problem with tuning seeds (a fit every ten episodes, 80
    episodes of each drift of `drift_phases`; the same episodes as those that they were chosen
    by): -1.0 ± 0.6 where nothing drifts, -0.6 ± 0.4 after the mix of intensities has changed,
    -1.4 ± 0.6 after arrivals have sped up. With a GPU less it is +1.6 ± 0.8 in the first 20
    episodes, until the window is free of what was before, and -0.7 ± 0.5 from then on; as it
    comes back again +2.2 ± 0.9 in the first 20, and -0.9 ± 0.7 from then on. Without the
    steepening, refitting makes it +0.4 ± 0.4, +0.3 ± 0.2 and -0.2 ± 0.3 in the first three.
    """

    window: int = 5_000
    """Finished tasks that a forest is fitted to, the latest ones."""
    warm_up: int = 2_000
    """Finished tasks before the first fit."""
    refit_every: int = 1_000
    """Finished tasks between fits."""
    num_trees: int = 40
    """Trees of a forest."""
    centre: float = 0.35
    """Predicted GPU fraction that becomes one half."""
    slope: float = 2.0
    """By how much differences of predictions to it grow."""
    judged_on: int = 50
    """Episodes at most, the latest ones, by which learning is judged."""
    too_bad: float = 2.0
    """Standard errors by which it is worse as the lane gets back what it began with."""


def starting_model() -> LearnedModel:
    """What a lane begins with: the pretrained forest, as version 0."""
    return LearnedModel(0, pretrained_path(PRETRAINED_FOREST).read_bytes())


def make_online(env: Any, model: LearnedModel, seed: int | None = None) -> HybridML:
    """Build the scheduler of a lane from a model.

    Args:
        env: The environment that it will act in, or its problem.
        model: What to act by.
        seed: Not used: a forest draws nothing.

    A forest of other features than the environment shows, as the pretrained one may be, is left
    out: the lane follows `EarliestFinishTime` until it has learned.

    Raises:
        HybridClusterError: If the model is damaged.
    """
    scheduler, forest = HybridML(env, seed), load_forest(model.content, len(FEATURES))
    if _fits(forest, scheduler.problem):
        scheduler.forest = forest
    return scheduler


def _fits(forest: Forest, problem: Problem) -> bool:
    return names_of(forest) == problem.task_features.names


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
        self._start_content = self._newest_content = model.content
        self._start = self._newest = load_forest(model.content, len(FEATURES))
        self._version, self._fits, self._gave_up = model.version, 0, False
        self._cluster: Cluster | None = None
        """Where the latest episodes ran."""
        self._window = ExampleWindow(self.settings.window)
        self._predicted = np.empty(0)
        """(fresh,): what the newest forest predicts for the tasks since the last fit."""
        self._objectives = np.empty((0, 2))
        """(episodes, 2): J of the latest ones, with the forest that the lane began with and with
        the one that was the newest."""

    def learn(self, experience: Experience) -> LearnedModel | None:
        """Score the newest forest on the episodes, then learn from them.

        Returns:
            A forest for the lane, if it is time for another one.

        Raises:
            HybridClusterError: If an action of the oracle is none.
        """
        arrived = Arrived.of(experience.batch)
        problem = experience.batch.phase.problem
        if self._is_elsewhere(problem.cluster):
            self._begin_again()
        examples = label(problem, arrived.tasks, experience.oracle_actions)
        forests = (self._start, self._newest)
        predicted = np.stack([_predict(forest, examples, arrived) for forest in forests])
        of_each = np.split(predicted, len(arrived.instances), axis=1)
        found = [_objectives(*pair) for pair in zip(arrived.instances, of_each, strict=True)]
        self._objectives = np.concatenate([self._objectives, found])[-self.settings.judged_on :]
        self._window.add(examples)
        self._predicted = np.concatenate([self._predicted, predicted[1]])[-self.settings.window :]
        if self._window.fresh < self.settings.refit_every:
            return None
        if len(self._window.examples.gpu_fraction) < self.settings.warm_up:
            return None
        return self._refit()

    def _is_elsewhere(self, cluster: Cluster) -> bool:
        """Whether the cluster is another than that of the episodes before."""
        before, self._cluster = self._cluster, cluster
        return before is not None and before != cluster

    def _begin_again(self) -> None:
        """Forget what the oracle did on another cluster: it would have done otherwise on this."""
        self._newest, self._newest_content = self._start, self._start_content
        self._window, self._gave_up = ExampleWindow(self.settings.window), False
        self._predicted, self._objectives = np.empty(0), np.empty((0, 2))

    def _refit(self) -> LearnedModel | None:
        own, score = self.settings, self._score()
        forest = fit_forest(self._window.examples, self._seed + self._fits, own.num_trees, jobs=1)
        self._newest = forest.steepened(own.centre, own.slope)
        self._newest_content = self._newest.to_bytes()
        self._fits += 1
        self._window.fresh, self._predicted = 0, np.empty(0)
        gave_up, self._gave_up = self._gave_up, self._is_worse()
        if gave_up and self._gave_up:
            return None
        self._version += 1
        content = self._start_content if self._gave_up else self._newest_content
        return LearnedModel(self._version, content, score, cluster=self._cluster)

    def _is_worse(self) -> bool:
        """Whether learning has made J worse than it would have been without."""
        differences = self._objectives[:, 1] - self._objectives[:, 0]
        if len(differences) < 2:
            return False
        error = differences.std(ddof=1) / np.sqrt(len(differences))
        return bool(differences.mean() > self.settings.too_bad * error)

    def _score(self) -> dict[str, float]:
        """How the newest forest did on the tasks since it was fitted."""
        fractions = self._window.examples.gpu_fraction[-len(self._predicted) :]
        error, variance = fractions - self._predicted, float(fractions.var())
        score = {
            "mean_absolute_error": float(np.abs(error).mean()),
            "r_squared": 1.0 - float((error**2).mean()) / variance if variance > 0 else math.nan,
            "objective": float(self._objectives[:, 1].mean()),
            "objective_without_learning": float(self._objectives[:, 0].mean()),
        }
        return {name: value for name, value in score.items() if not math.isnan(value)}

    def state(self) -> bytes:
        """What a learner goes on from: forests, window, scores and counts."""
        examples = self._window.examples
        header = {
            "format_version": FORMAT_VERSION,
            "learner": _KIND,
            "features": [*examples.names],
            "version": self._version,
            "fits": self._fits,
            "gave_up": self._gave_up,
        }
        arrays: dict[str, npt.NDArray[Any]] = {
            "observation": examples.observation,
            "gpu_fraction": examples.gpu_fraction,
            "predicted": self._predicted,
            "objectives": self._objectives,
        }
        members = {_HEADER: json.dumps(header).encode()}
        members |= {_START: self._start_content, _NEWEST: self._newest_content}
        content = io.BytesIO()
        with zipfile.ZipFile(content, "w") as archive:
            for name, member in members.items():
                archive.writestr(zipfile.ZipInfo(name), member)  # without the time of day
            for name, array in arrays.items():
                with archive.open(zipfile.ZipInfo(f"{name}.npy"), "w") as file:
                    np.save(file, array, allow_pickle=False)
        return content.getvalue()

    def restore(self, state: bytes) -> None:
        """Go on from a state.

        Raises:
            HybridClusterError: If it is damaged, or of another kind of learner.
        """
        with open_zip(state, MAX_STATE_BYTES, "state", "not the state of a forest") as archive:
            header = _read_header(archive)
            version = check_count("field 'version'", header.get("version"), MAX_COUNT, low=0)
            fits = check_count("field 'fits'", header.get("fits"), MAX_COUNT, low=0)
            gave_up = check_flag("field 'gave_up'", header.get("gave_up"))
            names = parse_names(header.get("features", WorkFeatures.names))
            start = read_member(archive, _START, MAX_FOREST_BYTES)
            newest = read_member(archive, _NEWEST, MAX_FOREST_BYTES)
            forests = [load_forest(content, len(FEATURES)) for content in (start, newest)]
            arrays = _read_arrays(archive)
        self._version, self._fits, self._gave_up = version, fits, gave_up
        self._start_content, self._newest_content = start, newest
        self._start, self._newest = forests
        self._predicted, self._objectives = arrays["predicted"], arrays["objectives"]
        self._window = ExampleWindow(self.settings.window)
        self._window.add(Examples(arrays["observation"], arrays["gpu_fraction"], names))
        self._window.fresh = len(self._predicted)


def _read_header(archive: zipfile.ZipFile) -> dict[str, Any]:
    content = parse_json(read_member(archive, _HEADER, MAX_HEADER_BYTES), f"{_HEADER} is no JSON")
    check_version(_HEADER, content, "format_version", FORMAT_VERSION)
    if content.get("learner") != _KIND:
        raise not_allowed("field 'learner'", content.get("learner"), repr(_KIND))
    return dict(content)


def _read_arrays(archive: zipfile.ZipFile) -> dict[str, npt.NDArray[Any]]:
    arrays = {name: read_array(archive, name, MAX_ARRAY_BYTES) for name in _ARRAYS}
    tasks = arrays["gpu_fraction"].size
    for name, (dtype, row, highest) in _ARRAYS.items():
        array = arrays[name]
        if array.dtype != np.dtype(dtype) or array.ndim == 0 or array.shape[1:] != row:
            allowed = f"{np.dtype(dtype)} {('n', *row)}"
            raise not_allowed(f"array {name!r}", f"{array.dtype} {array.shape}", allowed)
        if not ((array >= 0.0) & (array <= highest)).all():
            raise HybridClusterError(f"array {name!r} has values beyond [0, {highest:g}]")
    for name, fewest in (("observation", tasks), ("predicted", 0)):
        check_count(f"length of {name!r}", len(arrays[name]), tasks, low=fewest)
    return arrays


def _predict(forest: Forest, examples: Examples, arrived: Arrived) -> FloatArray:
    """GPU fractions that a forest chooses for examples, those of the tasks that have arrived.

    One of other features stands for the scheduler that takes its place, see `make_online`.
    """
    problem = arrived.batch.phase.problem
    if _fits(forest, problem):
        return forest.predict(derive(examples.observation))
    batch = arrived.batch
    env = HybridClusterVectorEnv(len(batch), **batch.phase.env_kwargs)
    play = EpisodePlay(EarliestFinishTime, env, batch.seeds, tasks=batch.tasks)
    return np.array(problem.gpu_fractions)[play.finish().actions.ravel()]


def _objectives(instance: Instance, predicted: FloatArray) -> FloatArray:
    """J of an episode, (k,), for predicted GPU fractions (k, num_tasks)."""
    costs = instance.costs
    masks = costs.action_masks(np.arange(instance.num_tasks))
    return instance.simulate(nearest_fitting(predicted, np.array(costs.gpu_fractions), masks))
