"""What made a result: the problem with hashes, seeds, versions and the command."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field, fields
from importlib import metadata
from typing import Any

import numpy as np

from cpu_gpu_env.model.profile import catalogue_version, cluster_to_profile
from cpu_gpu_env.model.tasks import COLUMNS
from cpu_gpu_env.problem.objective import Reference
from cpu_gpu_env.problem.problem import Problem

REPORTED_PACKAGES = ("cpu-gpu-env", "gymnasium", "numpy", "scipy", "stable-baselines3", "torch")


@dataclass(frozen=True)
class ProblemRecord:
    """Everything that defines a scheduling problem; the fields are those of the JSON."""

    cluster: str
    """Name of the cluster."""
    cluster_sha256: str
    """Of its profile as JSON with sorted keys."""
    workload: str
    """Name of the workload."""
    workload_sha256: str
    """Of the columns of its pool, one after another, the optional ones that say anything after
    their names."""
    workload_notes: tuple[str, ...]
    """What the workload assumes, and what stands in for rates that a device has not."""
    num_tasks: int
    """Tasks of an episode."""
    energy_weight: float
    """w of the objective."""
    gpu_fractions: tuple[float, ...]
    """GPU fraction of each action."""
    load: float | str | None
    """Rate of arrivals, see `Problem.load`."""
    noise: float
    """Sigma of the lognormal factor on execution times."""
    reference_per_task: Reference
    """Units of the objective, a task."""

    @staticmethod
    def of(problem: Problem) -> ProblemRecord:
        """Describe a problem."""
        profile = json.dumps(cluster_to_profile(problem.cluster), sort_keys=True)
        pool = hashlib.sha256()
        tasks = problem.workload.pool
        for column in COLUMNS:
            pool.update(np.ascontiguousarray(getattr(tasks, column)).tobytes())
        for name, values in tasks.extra_columns.items():
            pool.update(name.encode() + np.ascontiguousarray(values).tobytes())
        return ProblemRecord(
            cluster=problem.cluster.name,
            cluster_sha256=hashlib.sha256(profile.encode()).hexdigest(),
            workload=problem.workload.name,
            workload_sha256=pool.hexdigest(),
            workload_notes=problem.notes,
            num_tasks=problem.num_tasks,
            energy_weight=problem.objective.energy_weight,
            gpu_fractions=tuple(problem.gpu_fractions),
            load=problem.load,
            noise=problem.noise,
            reference_per_task=problem.objective.reference,
        )

    @staticmethod
    def from_json(content: Mapping[str, Any]) -> ProblemRecord:
        """Read what `to_json` wrote.

        Raises:
            KeyError, TypeError, ValueError: If a field is missing or is no such value.
        """
        read: dict[str, Callable[[Any], Any]] = {
            "workload_notes": lambda notes: tuple(map(str, notes)),
            "num_tasks": int,
            "energy_weight": float,
            "gpu_fractions": lambda fractions: tuple(map(float, fractions)),
            "load": lambda load: load if load is None or isinstance(load, str) else float(load),
            "noise": float,
            "reference_per_task": lambda units: Reference(
                float(units["makespan_s"]), float(units["energy_j"])
            ),
        }
        names = [field.name for field in fields(ProblemRecord)]
        return ProblemRecord(**{name: read.get(name, str)(content[name]) for name in names})

    def to_json(self) -> dict[str, Any]:
        """What JSON holds, by field."""
        return asdict(self)

    def describe(self, num_episodes: int, kind: str = "") -> str:
        """Say in a line what was played; `kind` is a word for the episodes, such as "held-out"."""
        words = (str(num_episodes), kind, "episode" if num_episodes == 1 else "episodes")
        episodes = " ".join(filter(None, words))
        return f"{self.cluster}, {self.workload}, {self.num_tasks} tasks, {episodes}"


@dataclass(frozen=True)
class Provenance:
    """What made a result, and makes it again."""

    problem: ProblemRecord
    """What was scheduled."""
    seeds: tuple[int, ...]
    """One an episode."""
    versions: Mapping[str, str]
    """Of Python, of the device catalogue, and of the packages that results depend on."""
    command: str
    """The command line."""
    seen_in_training: Mapping[str, str] = field(default_factory=dict)
    """Scheduler -> why the episodes are not held out from it; empty: they are, from all."""
    remarks: tuple[str, ...] = ()
    """What else is to be known of the episodes and their bounds, a line each."""

    @staticmethod
    def from_json(content: Mapping[str, Any]) -> Provenance:
        """Read what `to_json` wrote.

        Raises:
            KeyError, TypeError, ValueError: If a field is missing or is no such value.
        """
        return Provenance(
            ProblemRecord.from_json(content["problem"]),
            tuple(int(seed) for seed in content["seeds"]),
            {str(name): str(version) for name, version in dict(content["versions"]).items()},
            str(content["command"]),
            {str(name): str(why) for name, why in dict(content["seen_in_training"]).items()},
            tuple(map(str, content["remarks"])),
        )

    def to_json(self) -> dict[str, Any]:
        """What JSON holds, by field."""
        return asdict(self)

    def describe(self) -> str:
        """Say in a line what was compared; held-out episodes are held out from all schedulers."""
        return self.problem.describe(len(self.seeds), "" if self.seen_in_training else "held-out")

    @property
    def notes(self) -> tuple[str, ...]:
        """From whom the episodes are not held out, and the remarks, a line each."""
        seen = (f"not held out from {n}: {why}" for n, why in self.seen_in_training.items())
        return (*seen, *self.remarks)


def versions_used() -> dict[str, str]:
    """Versions of Python, of the device catalogue, and of the packages that results depend on."""
    versions = {"python": platform.python_version(), "device catalogue": str(catalogue_version())}
    for package in REPORTED_PACKAGES:
        with suppress(metadata.PackageNotFoundError):
            versions[package] = metadata.version(package)
    return versions
