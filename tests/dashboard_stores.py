"""Stores for the page to show."""

from __future__ import annotations

from pathlib import Path

import stored_runs

from cpu_gpu_env.results.store.comparisons import ComparisonRun
from cpu_gpu_env.scripts import stream

SCHEDULERS = ("myopic", "random-forest", "dqn-queues", "oracle")
"""Of the streams: one that is fixed, two that were trained, and the best."""


def stream_into(url: str, folder: Path, *arguments: str) -> None:
    """Play a stream of small episodes to its end; its curves go into a folder."""
    line = ["--num-tasks", "10", "--quick-oracle", "--jobs", "1", *arguments]
    assert stream.main([*line, "--store", url, "--output", str(folder)]) == 0


def fill(url: str, folder: Path) -> None:
    """Put a run of every kind into a store; run 1 is a stream, with all that an engine writes."""
    line = ["--schedulers", ",".join(SCHEDULERS), "--episodes", "6", "--electricity-price", "0.3"]
    stream_into(url, folder, *line)
    env_kwargs = {"num_tasks": 8}
    comparison, _, _ = stored_runs.play(env_kwargs, range(5, 8))
    for kind in ("comparison", "transfer", "pareto"):
        with ComparisonRun(url, kind, f"python scripts/{kind}.py") as stored:
            for phase in [""] if kind == "comparison" else ["one", "another"]:
                stored.add(comparison, env_kwargs, phase)
            stored.finish()
