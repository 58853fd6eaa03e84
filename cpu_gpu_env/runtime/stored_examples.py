"""What the oracle did in a stored run, for a forest to imitate."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from cpu_gpu_env.baselines.imitation.hybrid_ml import Examples
from cpu_gpu_env.errors import HybridClusterError
from cpu_gpu_env.problem.problem import Problem, make_problem
from cpu_gpu_env.results.held_out import UsedEpisodes
from cpu_gpu_env.results.provenance import ProblemRecord
from cpu_gpu_env.results.records import ORACLE
from cpu_gpu_env.results.seeds import purpose_of
from cpu_gpu_env.results.store.problems import check_unchanged
from cpu_gpu_env.results.store.reading import NO_END, StoreReader
from cpu_gpu_env.results.store.records import StoredEpisodes, parse_seed
from cpu_gpu_env.results.store.tables import decisions
from cpu_gpu_env.runtime.settings import phase_env_kwargs
from cpu_gpu_env.runtime.stored_tasks import TASK_COLUMNS, tasks_of

MAX_TASKS = 60_000
"""Tasks that a forest is fitted to unless told, the latest: as many as `train.py` asks for."""
_COLUMNS = ("sequence", "episode", "task", *TASK_COLUMNS, "gpu_fraction")


@dataclass(frozen=True, eq=False)
class StoredExamples:
    """Tasks of a run and what the oracle did with them."""

    examples: Examples
    """In the order of `imitate_oracle`: the first task of every episode, the second, and so on."""
    episodes: int
    """How many episodes they are from."""
    problem: ProblemRecord
    """Of the first of them."""
    trained_on: tuple[UsedEpisodes, ...]
    """Which they are, a record a phase of the run."""


def stored_examples(
    reader: StoreReader, run: int, first: int = 0, end: int = NO_END, max_tasks: int = MAX_TASKS
) -> StoredExamples:
    """Read what the oracle decided in the episodes from number `first` to before `end`.

    Those are left out of which not all decisions are kept, and the oldest so that there are at
    most `max_tasks` tasks.

    Raises:
        HybridClusterError: If the run is unknown, the oracle did not take part, no decisions of it
            are kept, or a problem is not what it was.
    """
    row, played = reader.run_row(run), reader.episodes(run, ORACLE, first, end)
    kept = reader.kept_decisions(run).get(ORACLE)
    if not len(played) or kept is None:
        raise HybridClusterError(f"run {run} keeps no decisions of the oracle in these episodes")
    start = reader.span(run, int(played.episode[0])).start
    stop = reader.span(run, int(played.episode[-1])).stop
    table = _read(reader, run, max(start, kept[0], stop - max_tasks), stop)
    found, used, count = [], [], 0
    for phase in dict.fromkeys(played.phase):
        of_phase = played.take(played.phase == phase)
        problem = make_problem(**phase_env_kwargs(row, phase))
        check_unchanged(row, phase, ProblemRecord.of(problem))
        mine = {name: v[np.isin(table["episode"], of_phase.episode)] for name, v in table.items()}
        whole = _whole_episodes(mine["episode"], problem.num_tasks)
        if len(whole):
            found.append(_examples(mine, whole, problem))
            used.append(_used(of_phase.take(np.isin(of_phase.episode, whole)), problem))
            count += len(whole)
    if not found:
        raise HybridClusterError(f"run {run} keeps all decisions of the oracle in none of these")
    examples = Examples(
        np.concatenate([part.observation for part in found]),
        np.concatenate([part.gpu_fraction for part in found]),
        found[0].names,
    )
    return StoredExamples(examples, count, used[0].problem, tuple(used))


def _read(reader: StoreReader, run: int, start: int, stop: int) -> dict[str, npt.NDArray[Any]]:
    columns = [decisions.c[name] for name in _COLUMNS]
    pages: Iterator[Any] = reader.pages(decisions, run, ORACLE, start, stop, columns)
    parts = [{name: np.array(page[name]) for name in _COLUMNS} for page in pages]
    if not parts:
        raise HybridClusterError(f"run {run} keeps no decisions of the oracle in these episodes")
    return {name: np.concatenate([part[name] for part in parts]) for name in _COLUMNS}


def _whole_episodes(episode: npt.NDArray[Any], num_tasks: int) -> npt.NDArray[Any]:
    """Numbers of the episodes of which all decisions are there."""
    numbers, counts = np.unique(episode, return_counts=True)
    return np.asarray(numbers[counts == num_tasks])


def _examples(
    table: dict[str, npt.NDArray[Any]], episodes: npt.NDArray[Any], problem: Problem
) -> Examples:
    rows = np.flatnonzero(np.isin(table["episode"], episodes))
    rows = rows[np.lexsort((table["episode"][rows], table["task"][rows]))]
    kept = {name: table[name][rows] for name in TASK_COLUMNS}
    tasks = tasks_of(problem, kept, np.zeros(len(rows)))  # arrivals are no feature
    shown = problem.task_features
    return Examples(shown.table(tasks), table["gpu_fraction"][rows], shown.names)


def _used(played: StoredEpisodes, problem: Problem) -> UsedEpisodes:
    # Windows of a trace without noise have no seed: whoever plays the trace has seen them.
    seeds = [
        int(n) if s is None else parse_seed(s)
        for s, n in zip(played.seed, played.episode, strict=True)
    ]
    return UsedEpisodes.of(purpose_of(min(seeds)), range(min(seeds), max(seeds) + 1), problem)
