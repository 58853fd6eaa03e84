"""Hybrid ML: a random forest that imitates the oracle from the features of the task alone."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from cpu_gpu_env.baselines.imitation.forest import Forest
from cpu_gpu_env.baselines.oracle.cache import solve_episodes
from cpu_gpu_env.baselines.oracle.search import QUICK_EFFORT, Effort
from cpu_gpu_env.baselines.schedulers.base import Actions, Memory, Scheduler
from cpu_gpu_env.baselines.schedulers.heuristics import EarliestFinishTime
from cpu_gpu_env.envs.vector_env import HybridClusterVectorEnv
from cpu_gpu_env.errors import HybridClusterError, not_allowed
from cpu_gpu_env.io.parallel import num_workers
from cpu_gpu_env.model.tasks import FloatArray, Tasks
from cpu_gpu_env.problem.observation import check_raw
from cpu_gpu_env.problem.problem import Problem
from cpu_gpu_env.problem.task_features import NUM_FEATURES, CostFeatures, Names, WorkFeatures
from cpu_gpu_env.sim.state import SchedulingState

FEATURES = ("size", "intensity", "memory", "size - intensity", "size - memory")
"""What the forest sees of plain tasks: the observation's log-scaled features, and two of their
differences (bytes moved and reuse, but for the scales): trees split along axes only. Where times
are shown, they stand for size and intensity (so the first difference is the factor between CPUs and
GPUs, but for the scales), see `derived_names`."""
NUM_TREES = 100
MIN_SAMPLES_LEAF = 10
WINDOW = 40_000
"""Finished tasks that the forest is fitted to, the latest ones."""
MIN_HISTORY = 1_000
"""Finished tasks before there is a forest at all."""
RETRAIN_EVERY = 2_000
"""Finished tasks between fits."""
BEST_FOREST = "best.npz"
"""Name of the forest in the folder of a training."""


@dataclass(frozen=True, eq=False)
class Examples:
    """Tasks and what the oracle did with them."""

    observation: npt.NDArray[np.float32]
    """(n, 3): the features of each, log-scaled."""
    gpu_fraction: FloatArray
    """(n,): of the oracle."""
    names: Names = WorkFeatures.names
    """Of the features."""


def derive(observation: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """Turn observations (n, >= 3) into what the forest sees (n, 5), see `FEATURES`."""
    first, second, memory = np.asarray(observation, dtype=np.float32)[:, :NUM_FEATURES].T
    return np.stack([first, second, memory, first - second, first - memory], axis=1)


def derived_names(names: Names) -> tuple[str, ...]:
    """Name what `derive` makes of features of these names."""
    first, second, memory = names
    return first, second, memory, f"{first} - {second}", f"{first} - {memory}"


def names_of(forest: Forest) -> Names:
    """Name the features that a forest was fitted to.

    Raises:
        HybridClusterError: If what its file says there are none.
    """
    return parse_names(forest.settings.get("features", WorkFeatures.names))


def parse_names(content: Any) -> Names:
    """Check names of features as a file has them.

    Raises:
        HybridClusterError: If no observation has such features.
    """
    for names in (WorkFeatures.names, CostFeatures.names):
        if isinstance(content, list | tuple) and tuple(content) == names:
            return names
    allowed = f"{list(WorkFeatures.names)} or {list(CostFeatures.names)}"
    raise not_allowed("field 'features'", content, allowed)


def check_forest_fits(forest: Forest, problem: Problem) -> None:
    """Check that a forest was fitted to what observations of a problem show.

    Raises:
        HybridClusterError: If not.
    """
    check_names(names_of(forest), problem)


def check_names(names: Names, problem: Problem) -> None:
    """Check that what a forest was or is to be fitted to is what observations of a problem show.

    Raises:
        HybridClusterError: If not.
    """
    shown = problem.task_features.names
    if names != shown:
        raise HybridClusterError(
            f"a forest fitted to {', '.join(names)}, but observations of workload "
            f"{problem.workload.name!r} show {', '.join(shown)}; allowed: one fitted to "
            "these (train.py --agent random-forest makes one of a workload)"
        )


def fit_forest(
    examples: Examples,
    seed: int | None = None,
    num_trees: int = NUM_TREES,
    settings: dict[str, Any] | None = None,
    jobs: int = -1,
) -> Forest:
    """Fit a forest to what the oracle did.

    Args:
        examples: What it did.
        seed: Of the fit.
        num_trees: Trees.
        settings: What else made it, JSON values.
        jobs: Threads; -1: one a core.
    """
    from sklearn.ensemble import RandomForestRegressor

    regressor = RandomForestRegressor(
        num_trees, min_samples_leaf=MIN_SAMPLES_LEAF, n_jobs=num_workers(jobs), random_state=seed
    )
    regressor.fit(derive(examples.observation), examples.gpu_fraction)
    seen = derived_names(examples.names)
    importances = dict(zip(seen, regressor.feature_importances_.tolist(), strict=True))
    described: dict[str, Any] = {
        "num_features": len(FEATURES),
        "examples": len(examples.gpu_fraction),
    }
    if examples.names != WorkFeatures.names:
        described["features"] = [*examples.names]
    return Forest.of(regressor, {**described, "importances": importances, **(settings or {})})


def r_squared(forest: Forest, examples: Examples) -> float:
    """Share of the variance of the oracle's GPU fraction that the forest explains; nan: none."""
    error = examples.gpu_fraction - forest.predict(derive(examples.observation))
    variance = float(examples.gpu_fraction.var())
    return 1.0 - float(error.var()) / variance if variance > 0 else math.nan


def imitate_oracle(
    seeds: Sequence[int],
    env_kwargs: dict[str, Any],
    cache: Path | None = None,
    effort: Effort = QUICK_EFFORT,
    jobs: int = -1,
    progress: Callable[[], None] = lambda: None,
) -> Examples:
    """Let the oracle play episodes, and collect what it did.

    Args:
        seeds: One an episode.
        env_kwargs: Arguments of the environment.
        cache: Folder of solved episodes; None: none.
        effort: How hard the oracle searches.
        jobs: Processes; -1: one a core.
        progress: Called as each episode is solved.
    """
    env = HybridClusterVectorEnv(len(seeds), **env_kwargs)
    env.reset(seed=list(seeds))
    solved = solve_episodes(env.instances(), cache, effort, jobs, progress)
    plans = np.stack([schedule.actions for schedule in solved])
    episodes = label(env.problem, env.episode_tasks(), plans)
    # Task by task over all episodes: the order in which the forest that ships was fitted.
    order = np.arange(plans.size).reshape(plans.shape).T.ravel()
    return Examples(episodes.observation[order], episodes.gpu_fraction[order], episodes.names)


def label(problem: Problem, tasks: Sequence[Tasks], actions: npt.NDArray[np.integer]) -> Examples:
    """Make examples of finished episodes, one after another, and the oracle's actions in them.

    Args:
        problem: Whose episodes they are.
        tasks: Of each of n episodes.
        actions: (n, num_tasks).

    Raises:
        HybridClusterError: If there is no such action.
    """
    fractions = np.array(problem.gpu_fractions)
    if actions.min() < 0 or actions.max() >= len(fractions):
        raise HybridClusterError(
            f"the oracle's actions are from {actions.min()} to {actions.max()}; allowed: 0 to "
            f"{len(fractions) - 1}"
        )
    shown = problem.task_features
    seen = np.concatenate([shown.table(of_episode) for of_episode in tasks])
    return Examples(seen, fractions[actions.ravel()], shown.names)


def nearest_fitting(
    predicted: FloatArray, gpu_fractions: FloatArray, action_mask: npt.NDArray[np.int8]
) -> Actions:
    """Round predicted GPU fractions (..., n) to actions, of those that fit: mask (n, actions)."""
    distance = np.abs(predicted[..., None] - gpu_fractions)
    return np.asarray(np.where(action_mask == 1, distance, np.inf).argmin(axis=-1))


class ExampleWindow:
    """The latest finished tasks.

    Args:
        size: How many at most.
    """

    def __init__(self, size: int = WINDOW) -> None:
        self.size = size
        self.examples = Examples(np.empty((0, NUM_FEATURES), dtype=np.float32), np.empty(0))
        self.fresh = 0
        """Tasks that came since the last fit; whoever fits sets it to 0."""

    def add(self, finished: Examples) -> None:
        """Add finished tasks; the oldest fall out.

        Raises:
            HybridClusterError: If there are not as many fractions as observations, or they show
                other features than those before.
        """
        if len(self.examples.gpu_fraction) and finished.names != self.examples.names:
            raise HybridClusterError(
                f"examples of {', '.join(finished.names)}; allowed: "
                f"{', '.join(self.examples.names)}, as those before"
            )
        if len(finished.observation) != len(finished.gpu_fraction):
            raise HybridClusterError(
                f"{len(finished.observation)} observations, but {len(finished.gpu_fraction)} GPU "
                "fractions; allowed: one for each finished task"
            )
        old, new = self.examples, finished.observation[:, :NUM_FEATURES]
        self.examples = Examples(
            np.concatenate([old.observation, new])[-self.size :],
            np.concatenate([old.gpu_fraction, finished.gpu_fraction])[-self.size :],
            finished.names,
        )
        self.fresh += len(new)


class HybridML(Scheduler):
    """Takes the feasible action whose GPU fraction is nearest to the forest's prediction.

    Without a forest it follows `EarliestFinishTime` until `learn` has been given `MIN_HISTORY`
    finished tasks; then a forest is fitted to the last `WINDOW` of them, and again after every
    `RETRAIN_EVERY` more.

    Args:
        env: The environment it will act in; see `Scheduler`.
        seed: Of the fits.
        forest: A forest to begin with.

    Raises:
        HybridClusterError: If the forest was fitted to other features than observations show.
    """

    def __init__(self, env: Any, seed: int | None = None, forest: Forest | None = None) -> None:
        super().__init__(env, seed)
        if forest is not None:
            check_forest_fits(forest, self.problem)
        self.forest = forest
        self._fallback = EarliestFinishTime(env, seed)
        self._fractions = np.array(self.problem.gpu_fractions)
        self._window = ExampleWindow()

    def choose(self, state: SchedulingState, memory: Memory) -> tuple[Actions, Memory]:
        """Predict, and round to what fits."""
        if self.forest is None:
            return self._fallback.choose(state, memory)
        check_raw(state.observation)
        predicted = self.forest.predict(derive(state.observation))
        return nearest_fitting(predicted, self._fractions, state.action_mask), memory

    def learn(self, finished: Examples) -> bool:
        """Add finished tasks to the history; fit anew when there are enough; return whether so.

        Raises:
            HybridClusterError: If there are not as many fractions as observations, or they show
                other features than the environment does (`label` makes examples of it).
        """
        check_names(finished.names, self.problem)
        self._window.add(finished)
        if self._window.fresh < (MIN_HISTORY if self.forest is None else RETRAIN_EVERY):
            return False
        self.forest = fit_forest(self._window.examples, seed=int(self.rng.integers(2**31)))
        self._window.fresh = 0
        return True
