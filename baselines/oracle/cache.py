"""Oracle schedules of many episodes: solved in parallel, and kept on disk.

Each episode has a file of its own, named by a hash of all that its schedule depends on, the
solver's own source included. Files are renamed into place when they are whole, so several processes
may share a folder and any of them may be killed.
"""

from __future__ import annotations

import hashlib
import inspect
import json
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from functools import lru_cache
from importlib import metadata
from pathlib import Path

import numpy as np

from cpu_gpu_env.baselines.bounds import dual, linear_program, lower, placements
from cpu_gpu_env.baselines.oracle import beam_search, dispatch_pattern, local_search, search
from cpu_gpu_env.baselines.oracle.search import FULL_EFFORT, Effort, OracleSchedule, solve_episode
from cpu_gpu_env.io.atomic_files import write_text_atomically
from cpu_gpu_env.problem import objective
from cpu_gpu_env.sim import instance, pool, pool_batch
from cpu_gpu_env.sim.instance import RealisedEpisode

SOLVER_MODULES = (
    beam_search,
    dispatch_pattern,
    dual,
    instance,
    linear_program,
    local_search,
    lower,
    objective,
    placements,
    pool,
    pool_batch,
    search,
)
"""What a schedule depends on besides the episode."""


def solve_episodes(
    episodes: Sequence[RealisedEpisode],
    cache: Path | None,
    effort: Effort = FULL_EFFORT,
    jobs: int = -1,
    progress: Callable[[], None] = lambda: None,
) -> list[OracleSchedule]:
    """Solve episodes, or fetch what has been solved before.

    Args:
        episodes: The episodes.
        cache: Folder of solved episodes; None: neither read nor write any.
        effort: How hard to search.
        jobs: Processes; -1: one a core.
        progress: Called as each episode is done.
    """
    schedules = [None if cache is None else _load(_file(cache, e, effort), e) for e in episodes]
    missing = [index for index, schedule in enumerate(schedules) if schedule is None]
    for _ in range(len(episodes) - len(missing)):
        progress()
    if missing:
        from joblib import Parallel, delayed

        parallel = Parallel(n_jobs=min(jobs, len(missing)), return_as="generator")
        with _deaf_to_ctrl_c():
            solved = parallel(delayed(_solve)(episodes[index], effort, cache) for index in missing)
        for index, schedule in zip(missing, solved, strict=True):
            schedules[index] = schedule
            progress()
    return [schedule for schedule in schedules if schedule is not None]


@contextmanager
def _deaf_to_ctrl_c() -> Iterator[None]:
    """Start processes that leave Ctrl-C, which a terminal sends to all of them, to this one."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    # Processes inherit what is ignored. (They would inherit a mask, too, but loky takes it off.)
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _solve(episode: RealisedEpisode, effort: Effort, cache: Path | None) -> OracleSchedule:
    schedule = solve_episode(episode, effort)
    if cache is not None:
        content = {
            "bound": schedule.bound,
            "objective": schedule.objective,
            "actions": schedule.actions.tolist(),
        }
        write_text_atomically(_file(cache, episode, effort), json.dumps(content))
    return schedule


def _load(path: Path, episode: RealisedEpisode) -> OracleSchedule | None:
    """Read a schedule; None if there is none, or the file is damaged.

    The schedule is played, so a file cannot claim another objective than it has.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        actions = np.array(content["actions"])
        bound = float(content["bound"])
        claimed = float(content["objective"])
    except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return None
    fits = actions.shape == (episode.num_tasks,) and np.issubdtype(actions.dtype, np.integer)
    if not fits or actions.min() < 0 or actions.max() >= episode.num_actions:
        return None
    played = float(episode.simulate(actions[None])[0])
    same = abs(claimed - played) <= 1e-9 * abs(played)
    # Written so that nan is refused.
    if not (same and bound <= claimed):
        return None
    return OracleSchedule(actions.astype(np.intp), claimed, bound)


def _file(cache: Path, episode: RealisedEpisode, effort: Effort) -> Path:
    costs = episode.costs
    digest = hashlib.sha256(_solver_hash().encode())
    for array in (
        episode.release_s,
        episode.cpu_time_s,
        episode.gpu_time_s,
        episode.cpu_energy_j,
        episode.gpu_energy_j,
    ):
        digest.update(np.ascontiguousarray(array).tobytes())
    settings = [
        episode.cpu_time_s.shape,
        costs.cpu_kind,
        costs.gpu_kind,
        asdict(episode.objective),
        asdict(effort),
    ]
    digest.update(json.dumps(settings).encode())
    name = digest.hexdigest()
    return cache / name[:2] / f"{name}.json"


@lru_cache(maxsize=1)
def _solver_hash() -> str:
    """Hash of the solver's source and of the libraries that decide its result."""
    digest = hashlib.sha256()
    for module in SOLVER_MODULES:
        digest.update(inspect.getsource(module).encode())
    for library in ("numpy", "scipy"):
        digest.update(metadata.version(library).encode())
    return digest.hexdigest()
