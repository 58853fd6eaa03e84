"""Comparisons as runs of a store: a row an episode and scheduler."""

from __future__ import annotations

import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any

import numpy as np

from cpu_gpu_env.results.metrics import DECISION_METRICS, REGRET
from cpu_gpu_env.results.records import Comparison, SchedulerResult
from cpu_gpu_env.results.store.rows import Rows
from cpu_gpu_env.results.store.tables import episodes
from cpu_gpu_env.results.store.writer import StoreWriter


class ComparisonRun:
    """Gathers comparisons, and writes them as one run.

    The store is opened at once, so that one that cannot be written to is told before the work;
    nothing is in it before `finish`.

    Args:
        url: Path or URL of the store.
        kind: Of the run: comparison, transfer or pareto.
        command: The command line that makes it again, without passwords.

    Raises:
        HybridClusterError: If the store cannot be written to.
    """

    def __init__(self, url: str, kind: str, command: str) -> None:
        self._writer = StoreWriter(url)
        self._kind, self._command = kind, command
        self._started_at = time.time()
        self._added: list[tuple[str, dict[str, Any], Comparison]] = []

    def __enter__(self) -> ComparisonRun:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._writer.close()

    def add(self, comparison: Comparison, env_kwargs: Mapping[str, Any], phase: str = "") -> None:
        """Add a comparison.

        Args:
            comparison: The results.
            env_kwargs: Arguments of its environment, JSON values.
            phase: What tells it from the others of the run; empty: it is the only one.
        """
        self._added.append((phase, dict(env_kwargs), comparison))

    def finish(self, status: str = "finished") -> int:
        """Write what was added; return the number of the run once it is acknowledged.

        Args:
            status: Of the run: finished, or interrupted.
        """
        names = (result.name for _, _, comparison in self._added for result in comparison.results)
        notes = (note for _, _, comparison in self._added for note in comparison.provenance.notes)
        num_episodes = [len(comparison.provenance.seeds) for _, _, comparison in self._added]
        tasks = [comparison.provenance.problem.num_tasks for _, _, comparison in self._added]
        _, env_kwargs, first = self._added[0]
        run = self._writer.new_run(
            kind=self._kind,
            status="running",
            started_at=self._started_at,
            command=self._command,
            schedulers=list(dict.fromkeys(names)),
            provenance={k: v for k, v in first.provenance.to_json().items() if k != "seeds"},
            settings={
                "env_kwargs": env_kwargs,
                "seed": first.provenance.seeds[0],
                "phases": [
                    {
                        "name": phase,
                        "episodes": len(comparison.provenance.seeds),
                        "env_kwargs": kwargs,
                        "problem": comparison.provenance.problem.to_json(),
                    }
                    for phase, kwargs, comparison in self._added
                ],
            },
            notes=list(dict.fromkeys(notes)),
            next_episode=sum(num_episodes),
            tasks=int(np.dot(num_episodes, tasks)),
            clock_s=0.0,
        )
        starts = np.cumsum([0, *num_episodes]).tolist()
        for start, (phase, _, comparison) in zip(starts, self._added, strict=False):
            for result in comparison.results:
                rows = comparison_rows(run, comparison, result, phase, start)
                self._writer.put([rows], run)
        self._writer.flush()
        self._writer.close(run, status)
        return run


def comparison_rows(
    run: int, comparison: Comparison, result: SchedulerResult, phase: str = "", first: int = 0
) -> Rows:
    """Turn what a scheduler did in a comparison into rows of episodes.

    The percentiles of its decision times, which were timed together, stand in every row.

    Args:
        run: Number of the run.
        comparison: The comparison.
        result: One of its results.
        phase: Name of the comparison within the run.
        first: Number of its first episode within the run.
    """
    played, bounds = result.episodes, comparison.bounds
    count = len(played.seeds)
    columns: dict[str, Any] = {
        "run": run,
        "scheduler": result.name,
        "episode": np.arange(first, first + count),
        "phase": phase,
        "seed": [str(seed) for seed in played.seeds],
        "tasks": comparison.provenance.problem.num_tasks,
        "finished_at": time.time(),
        "model_version": 0,
        "exploration": 0.0,
    }
    columns.update((metric.key, values) for metric, values in played.values.items())
    for percent, metric in DECISION_METRICS.items():
        columns[metric.key] = np.full(count, result.decision_percentile_s(percent))
    if bounds is not None:
        columns["bound"] = bounds
        columns[REGRET.key] = played.objective - bounds
    return Rows(episodes, columns, count)
