"""Paired comparison: every scheduler plays the same held-out episodes."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib import metadata
from typing import Any

import numpy as np
from scipy import stats

from cpu_gpu_env.baselines.evaluation.play import (
    EpisodeResults,
    SchedulerFactory,
    decision_times_s,
    play_episodes,
)
from cpu_gpu_env.baselines.oracle.search import OracleSchedule, Replay
from cpu_gpu_env.errors import HybridClusterError
from cpu_gpu_env.model.profile import cluster_to_profile
from cpu_gpu_env.model.tasks import COLUMNS, FloatArray
from cpu_gpu_env.problem.problem import Problem, make_problem

NUM_DECISIONS = 400
"""Single decisions that are timed for each scheduler."""

ORACLE = "oracle"
"""Name of the oracle in the tables; it sees the whole stream."""

MEASURES = ("objective", "makespan_s", "energy_j", "mean_wait_s")
"""What is reported of each episode, fields of `EpisodeResults`; the gap comes on top."""

REPORTED_PACKAGES = ("cpu-gpu-env", "gymnasium", "numpy", "scipy", "stable-baselines3", "torch")


@dataclass(frozen=True)
class Entrant:
    """A scheduler that takes part."""

    name: str
    """Name in the tables."""
    make: SchedulerFactory
    """Builds it for an environment."""
    observe_queues: bool = False
    """Whether it was made for the observation with queues."""
    learned: bool = False
    """Whether it was trained: reports look closer at its decisions."""


@dataclass(frozen=True, eq=False)
class Entry:
    """What one scheduler achieved."""

    name: str
    """Name in the tables."""
    episodes: EpisodeResults
    """Its episodes."""
    decision_s: FloatArray
    """Wall-clock times of single decisions [s]; empty for the oracle, which plans ahead."""
    gap: FloatArray | None
    """(n,): objective / certified lower bound - 1; None without bounds."""
    learned: bool = False
    """Whether it was trained."""


@dataclass(frozen=True)
class Estimate:
    """A mean with its 95 % confidence interval (Student's t over episodes)."""

    mean: float
    """Sample mean."""
    half_width: float
    """The interval is mean plus or minus this; nan for a single episode."""

    @staticmethod
    def of(sample: FloatArray) -> Estimate:
        """Estimate the mean of a sample."""
        if len(sample) < 2:
            return Estimate(float(sample.mean()), float("nan"))
        quantile = float(stats.t.ppf(0.975, len(sample) - 1))
        spread = float(sample.std(ddof=1)) / len(sample) ** 0.5
        return Estimate(float(sample.mean()), quantile * spread)


@dataclass(frozen=True)
class Comparison:
    """The results of all schedulers, the best first, and what made them."""

    entries: tuple[Entry, ...]
    """In ascending order of the mean objective."""
    provenance: dict[str, Any]
    """Hashes, arguments, seeds, versions and command; JSON values."""

    @property
    def oracle(self) -> Entry | None:
        """The oracle's entry; None without bounds."""
        clairvoyant = (e for e in self.entries if e.name == ORACLE and e.gap is not None)
        return next(clairvoyant, None)

    def wins(self) -> FloatArray:
        """Share of the episodes in which the row's scheduler beats the column's, (n, n)."""
        objective = np.stack([entry.episodes.objective for entry in self.entries])
        return np.asarray((objective[:, None] < objective[None]).mean(axis=2))

    def rows(self) -> list[dict[str, Any]]:
        """One flat record a scheduler: means, half-widths, decision times."""
        return [_summarise(entry) for entry in self.entries]


def compare(
    entrants: Sequence[Entrant],
    seeds: Sequence[int],
    env_kwargs: Mapping[str, Any],
    command: str = "",
    progress: Callable[[str], None] = lambda name: None,
    oracle: Sequence[OracleSchedule] | None = None,
) -> Comparison:
    """Let every entrant play the episodes of the seeds; Ctrl-C leaves out those not yet done.

    Args:
        entrants: The schedulers.
        seeds: One an episode.
        env_kwargs: Arguments of the environment.
        command: What makes this comparison again.
        progress: Called with a name when that scheduler has finished.
        oracle: A schedule with its bound for each episode: the oracle then takes part, and every
            scheduler gets its gap.

    Raises:
        HybridClusterError: If there are no entrants or seeds, or an argument is not valid.
        RuntimeError: If a scheduler beats a bound, which would be a defect of this package.
    """
    if not entrants or not seeds:
        raise HybridClusterError("a comparison needs at least one scheduler and one episode")
    bounds = None if oracle is None else np.array([schedule.bound for schedule in oracle])
    entries = []
    if oracle is not None:
        plans = np.stack([schedule.actions for schedule in oracle])
        episodes = play_episodes(lambda env: Replay(env, plans), seeds, **env_kwargs)
        entries.append(Entry(ORACLE, episodes, np.empty(0), _gaps(ORACLE, episodes, bounds)))
    try:
        for entrant in entrants:
            kwargs = {**env_kwargs, "observe_queues": entrant.observe_queues}
            episodes = play_episodes(entrant.make, seeds, **kwargs)
            decision_s = decision_times_s(entrant.make, seeds[0], NUM_DECISIONS, **kwargs)
            gap = _gaps(entrant.name, episodes, bounds)
            entries.append(Entry(entrant.name, episodes, decision_s, gap, entrant.learned))
            progress(entrant.name)
    except KeyboardInterrupt:
        if not entries:
            raise
    entries.sort(key=lambda entry: float(entry.episodes.objective.mean()))
    provenance = {
        "problem": describe_problem(make_problem(**env_kwargs)),
        "seeds": list(seeds),
        "versions": package_versions(),
        "command": command,
    }
    return Comparison(tuple(entries), provenance)


def _gaps(name: str, episodes: EpisodeResults, bounds: FloatArray | None) -> FloatArray | None:
    if bounds is None:
        return None
    gaps = episodes.objective / bounds - 1.0
    if gaps.min() < -1e-9:
        seed = episodes.seeds[int(gaps.argmin())]
        raise RuntimeError(f"{name} beats the bound of the episode of seed {seed}: please report")
    return np.asarray(gaps)


def describe_problem(problem: Problem) -> dict[str, Any]:
    """Everything that defines a problem: arguments, and hashes of cluster and workload."""
    profile = json.dumps(cluster_to_profile(problem.cluster), sort_keys=True)
    pool = hashlib.sha256()
    for column in COLUMNS:
        pool.update(np.ascontiguousarray(getattr(problem.workload.pool, column)).tobytes())
    return {
        "cluster": problem.cluster.name,
        "cluster_sha256": hashlib.sha256(profile.encode()).hexdigest(),
        "workload": problem.workload.name,
        "workload_sha256": pool.hexdigest(),
        "workload_notes": list(problem.workload.notes),
        "num_tasks": problem.num_tasks,
        "energy_weight": problem.objective.energy_weight,
        "gpu_fractions": list(problem.gpu_fractions),
        "load": problem.load,
        "noise": problem.noise,
        "reference_per_task": asdict(problem.objective.reference),
    }


def package_versions() -> dict[str, str]:
    """Versions of Python and of the packages that results depend on."""
    versions = {"python": platform.python_version()}
    for package in REPORTED_PACKAGES:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return versions


def _summarise(entry: Entry) -> dict[str, Any]:
    row: dict[str, Any] = {"scheduler": entry.name, "episodes": len(entry.episodes.seeds)}
    for name in MEASURES:
        estimate = Estimate.of(getattr(entry.episodes, name))
        row[name] = estimate.mean
        row[f"{name}_ci95"] = estimate.half_width
    if entry.gap is not None:
        estimate = Estimate.of(entry.gap)
        row["gap"], row["gap_ci95"] = estimate.mean, estimate.half_width
        row["gap_median"] = float(np.median(entry.gap))
    for percent in (50, 99):
        times = entry.decision_s
        row[f"decision_p{percent}_s"] = float(
            np.percentile(times, percent) if len(times) else "nan"
        )
    return row
