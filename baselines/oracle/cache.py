"""Oracle schedules of many episodes: solved in parallel, and kept on disk.

Each episode has a file of its own, named by a hash of all that its schedule depends on, the
solver's own source included. Files are renamed into place when they are whole, so several processes
may share a folder and any of them may be killed. A file is not believed: its schedule is played,
and its bound worked out again from the proof that it holds.
"""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import lru_cache, partial
from importlib import metadata, resources
from pathlib import Path
from typing import Any

import numpy as np

from cpu_gpu_env.baselines.bounds.lower import proven_bound
from cpu_gpu_env.baselines.bounds.proof import from_content, to_content
from cpu_gpu_env.baselines.oracle.exact import exact_schedule
from cpu_gpu_env.baselines.oracle.search import FULL_EFFORT, Effort, OracleSchedule, solve_episode
from cpu_gpu_env.errors import HybridClusterError, printable
from cpu_gpu_env.io.atomic_files import write_text_atomically
from cpu_gpu_env.io.bounded_files import read_json
from cpu_gpu_env.io.parallel import run_parallel
from cpu_gpu_env.io.paths import as_path
from cpu_gpu_env.model.tasks import IntArray
from cpu_gpu_env.sim.instance import Instance

SOLVER_PACKAGES = tuple(
    f"cpu_gpu_env.{name}" for name in ("baselines.bounds", "baselines.oracle", "problem", "sim")
)
"""Where all lies that a schedule depends on besides the episode."""
MAX_SCHEDULE_BYTES = 2**24
"""Of a file; a task takes some three, a proof some 100,000."""
LEAST_BOUND = 0.1
"""A proof of less than this part of the schedule's J proves next to nothing."""
_NO_SCHEDULE = (ValueError, KeyError, TypeError, OverflowError, IndexError, AttributeError, OSError)
"""What content raises that is something else, or a file that cannot be looked at."""


def solve_episodes(
    instances: Sequence[Instance],
    cache: Path | None,
    effort: Effort = FULL_EFFORT,
    jobs: int = -1,
    progress: Callable[[], None] = lambda: None,
    any_device: bool = False,
) -> list[OracleSchedule]:
    """Solve episodes, or fetch what has been solved before.

    Files that are damaged, or hold no proof of what they claim, are named in a warning, and their
    episodes are solved again. What cannot be kept is told in a warning, and given all the same.

    Args:
        instances: The episodes.
        cache: Folder of solved episodes; None: neither read nor write any.
        effort: How hard to search.
        jobs: Processes; -1: one a core.
        progress: Called as each episode is done.
        any_device: As in `solve_episode`.
    """
    cache = None if cache is None else as_path(cache, "cache")
    files = [None if cache is None else _file(cache, e, effort, any_device) for e in instances]
    schedules: list[OracleSchedule | None] = []
    left: list[tuple[int, Path | None, IntArray | None]] = []
    for index, (instance, file) in enumerate(zip(instances, files, strict=True)):
        found = None if file is None else _load(file, instance, any_device)
        schedules.append(found if isinstance(found, OracleSchedule) else None)
        if schedules[-1] is None:
            left.append((index, file, found if isinstance(found, np.ndarray) else None))
        else:
            progress()
    solved = run_parallel(
        partial(_solve, effort=effort, any_device=any_device),
        [(instances[index], file, optimum) for index, file, optimum in left],
        jobs,
        progress,
    )
    for (index, _, _), (schedule, _) in zip(left, solved, strict=True):
        schedules[index] = schedule
    for complaint in dict.fromkeys(filter(None, (told for _, told in solved))):
        warnings.warn(complaint, stacklevel=2)
    return [schedule for schedule in schedules if schedule is not None]


def _solve(
    episode: tuple[Instance, Path | None, IntArray | None], effort: Effort, any_device: bool
) -> tuple[OracleSchedule, str]:
    """Solve an episode and keep it in a file; an optimum that is said to be one is proved anew.

    Returns:
        The schedule, and what is to be told of its file, if anything.
    """
    instance, file, claimed = episode
    told = ""
    if claimed is not None:
        optimum = exact_schedule(instance, claimed, effort.exact_nodes)
        if optimum is not None and np.array_equal(optimum.actions, claimed):
            return OracleSchedule(claimed, optimum.objective, optimum.bound, None), told
        told = f"{file}: its schedule is no optimum; its episode is solved again"
    schedule = solve_episode(instance, effort, any_device=any_device)
    if file is not None:
        proof = None if schedule.proof is None else to_content(schedule.proof)
        content = {"actions": schedule.actions.tolist(), "proof": proof}
        try:
            write_text_atomically(file, json.dumps({**content, "checksum": _checksum(content)}))
        except OSError as error:
            told = f"{file.parent.parent}: cannot keep solved episodes: {error.strerror}"
    return schedule, printable(told)


def _checksum(content: dict[str, Any]) -> str:
    """Of all but itself, against accidents: who changes a file on purpose can change it, too."""
    rest = {key: value for key, value in content.items() if key != "checksum"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()


def _load(path: Path, instance: Instance, any_device: bool) -> OracleSchedule | IntArray | None:
    """Read a schedule, and work out its bound from its proof.

    Returns:
        None if there is none, or the file is damaged; the actions alone of a schedule that is said
        to be an optimum, which takes longer to prove.
    """
    try:
        if not path.exists():
            return None
        content = read_json(path, MAX_SCHEDULE_BYTES, "solved episode")
        if content["checksum"] != _checksum(content):
            raise ValueError("its checksum is another")
        actions = np.array(content["actions"])
        if actions.shape != (instance.num_tasks,) or actions.dtype.kind != "i":
            raise ValueError("its actions are those of another episode")
        if actions.min() < 0 or actions.max() >= instance.num_actions:
            raise ValueError("it has actions that there are not")
        actions = actions.astype(np.intp)
        if content["proof"] is None and not any_device:
            return actions
        proof = from_content(content["proof"])
        bound = proven_bound(instance, proof, any_device)
        objective = float(instance.simulate(actions[None])[0])
        if bound < LEAST_BOUND * objective:
            raise ValueError("it proves next to nothing")
    except _NO_SCHEDULE as error:
        reason: object = "damaged"
        if isinstance(error, (ValueError, OSError)):
            reason = error
        elif isinstance(error, KeyError):
            reason = f"it lacks {error}"
        named = "" if isinstance(error, (HybridClusterError, OSError)) else f"{path}: "
        warnings.warn(printable(f"{named}{reason}; its episode is solved again"), stacklevel=3)
        return None
    return OracleSchedule(actions, objective, bound, proof, any_device)


def _file(cache: Path, instance: Instance, effort: Effort, any_device: bool) -> Path:
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
        any_device,
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
