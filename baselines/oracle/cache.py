"""Oracle schedules of many episodes: solved in parallel, and kept on disk.

Each episode has a file of its own, named by a hash of all that its schedule depends on, the
solver's own source included. Files are renamed into place when they are whole, so several processes
may share a folder and any of them may be killed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import lru_cache, partial
from importlib import metadata, resources
from pathlib import Path

import numpy as np

from cpu_gpu_env.baselines.oracle.search import FULL_EFFORT, Effort, OracleSchedule, solve_episode
from cpu_gpu_env.io.atomic_files import write_text_atomically
from cpu_gpu_env.io.bounded_files import read_json
from cpu_gpu_env.io.parallel import run_parallel
from cpu_gpu_env.sim.instance import Instance

SOLVER_PACKAGES = tuple(
    f"cpu_gpu_env.{name}" for name in ("baselines.bounds", "baselines.oracle", "problem", "sim")
)
"""Where all lies that a schedule depends on besides the episode."""
MAX_SCHEDULE_BYTES = 2**28
"""Of a file; a task takes some three."""


def solve_episodes(
    instances: Sequence[Instance],
    cache: Path | None,
    effort: Effort = FULL_EFFORT,
    jobs: int = -1,
    progress: Callable[[], None] = lambda: None,
) -> list[OracleSchedule]:
    """Solve episodes, or fetch what has been solved before.

    Args:
        instances: The episodes.
        cache: Folder of solved episodes; None: neither read nor write any.
        effort: How hard to search.
        jobs: Processes; -1: one a core.
        progress: Called as each episode is done.
    """
    schedules = [None if cache is None else _load(_file(cache, e, effort), e) for e in instances]
    missing = [index for index, schedule in enumerate(schedules) if schedule is None]
    for _ in range(len(instances) - len(missing)):
        progress()
    solved = run_parallel(
        partial(_solve, effort=effort, cache=cache),
        [instances[index] for index in missing],
        jobs,
        progress,
    )
    for index, schedule in zip(missing, solved, strict=True):
        schedules[index] = schedule
    return [schedule for schedule in schedules if schedule is not None]


def _solve(instance: Instance, effort: Effort, cache: Path | None) -> OracleSchedule:
    schedule = solve_episode(instance, effort)
    if cache is not None:
        content = {
            "bound": schedule.bound,
            "objective": schedule.objective,
            "actions": schedule.actions.tolist(),
        }
        write_text_atomically(_file(cache, instance, effort), json.dumps(content))
    return schedule


def _load(path: Path, instance: Instance) -> OracleSchedule | None:
    """Read a schedule; None if there is none, or the file is damaged.

    The schedule is played, so a file cannot claim another objective than it has.
    """
    try:
        content = read_json(path, MAX_SCHEDULE_BYTES, "schedule")
        actions = np.array(content["actions"])
        bound = float(content["bound"])
        claimed = float(content["objective"])
    except (ValueError, KeyError, TypeError, OverflowError):
        return None
    fits = actions.shape == (instance.num_tasks,) and np.issubdtype(actions.dtype, np.integer)
    if not fits or actions.min() < 0 or actions.max() >= instance.num_actions:
        return None
    played = float(instance.simulate(actions[None])[0])
    same = abs(claimed - played) <= 1e-9 * abs(played)
    # Written so that nan is refused.
    if not (same and bound <= claimed):
        return None
    return OracleSchedule(actions.astype(np.intp), claimed, bound)


def _file(cache: Path, instance: Instance, effort: Effort) -> Path:
    costs = instance.costs
    digest = hashlib.sha256(_solver_hash().encode())
    for array in (
        instance.release_s,
        *(table for own in costs.pools for table in (own.time_s, own.energy_j)),
    ):
        digest.update(np.ascontiguousarray(array).tobytes())
    settings = [
        *((own.time_s.shape, own.device_type) for own in costs.pools),
        asdict(instance.objective),
        asdict(effort),
    ]
    digest.update(json.dumps(settings).encode())
    name = digest.hexdigest()
    return cache / name[:2] / f"{name}.json"


@lru_cache(maxsize=1)
def _solver_hash() -> str:
    """Hash of the solver's source and of the libraries that decide its result."""
    digest = hashlib.sha256()
    for package in SOLVER_PACKAGES:
        for file in sorted(resources.files(package).iterdir(), key=lambda file: file.name):
            if file.name.endswith(".py"):
                digest.update(file.read_bytes())
    for library in ("numpy", "scipy"):
        digest.update(metadata.version(library).encode())
    return digest.hexdigest()
