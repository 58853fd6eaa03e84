"""Tables of what a store keeps, for the terminal: runs, schedulers, models, decisions."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import astuple
from datetime import datetime
from typing import Any

import numpy as np

from cpu_gpu_env.baselines.report.tables import TextTable
from cpu_gpu_env.results.metrics import DECISION_METRICS, Metric
from cpu_gpu_env.results.store.paired import StoredPair
from cpu_gpu_env.results.store.records import StoredEpisodes, StoredModel

NOTHING = "-"
"""Stands for what there is not."""


def runs_table(rows: Sequence[Mapping[str, Any]]) -> TextTable:
    """A row a run."""
    headings = ("run", "kind", "status", "started", "episodes", "tasks", "schedulers", "problem")
    return TextTable(headings, tuple(map(_run_cells, rows)))


def _run_cells(row: Mapping[str, Any]) -> tuple[str, ...]:
    return (
        str(row["run"]),
        row["kind"],
        row["status"],
        moment(row["started_at"]),
        f"{row['next_episode']:,}",
        f"{row['tasks']:,}",
        str(len(row["schedulers"])),
        describe_problem(row),
    )


def moment(time_s: float | None) -> str:
    """A Unix time [s] as the clock of this place shows it."""
    if time_s is None:
        return NOTHING
    try:
        return datetime.fromtimestamp(time_s).strftime("%Y-%m-%d %H:%M:%S")
    except (OverflowError, ValueError, OSError):  # none that calendars know
        return f"{time_s:g}"


def describe_problem(row: Mapping[str, Any]) -> str:
    """Cluster and workload of a run in a few words."""
    problem = row["provenance"].get("problem")
    if not isinstance(problem, Mapping):
        return NOTHING
    named = [str(problem[name]) for name in ("cluster", "workload") if name in problem]
    return ", ".join(named) or NOTHING


def measured(played: Sequence[StoredEpisodes]) -> tuple[Metric, ...]:
    """Metrics that were measured of all schedulers in every episode, in the order of the tables."""
    first, *others = played
    return tuple(m for m in first.metrics if all(m in other.metrics for other in others))


def best_first(played: Sequence[StoredEpisodes]) -> list[StoredEpisodes]:
    """Schedulers by their mean objective."""
    return sorted(played, key=lambda episodes: float(episodes.objective.mean()))


def means_table(played: Sequence[StoredEpisodes], metrics: Sequence[Metric]) -> TextTable:
    """Means with 95 % intervals, a row a scheduler.

    Args:
        played: Episodes of each scheduler.
        metrics: What to show; with `DECISION_METRICS`, their medians over the episodes.
    """
    rows = tuple(
        (one.scheduler, *(_cell(metric, *astuple(one.estimate(metric))) for metric in metrics))
        for one in played
    )
    return TextTable(("scheduler", *map(_heading, metrics)), rows)


def _heading(metric: Metric) -> str:
    for percent, timed in DECISION_METRICS.items():
        if metric is timed:
            return f"p{percent} {metric.shown_unit}"
    return metric.heading


def _cell(metric: Metric, mean: float, half_width: float = math.nan) -> str:
    return NOTHING if math.isnan(mean) else metric.text(mean, half_width)


def differences_table(
    pairs: Mapping[str, StoredPair], metrics: Sequence[Metric] | None = None
) -> TextTable:
    """Differences with 95 % intervals, a row a pair.

    Args:
        pairs: What to call the pair -> both.
        metrics: What to show; None: all that were measured of both in every pair.
    """
    shown = [m for m in _common(pairs) if metrics is None or m in metrics]
    rows = tuple(
        (name, *(m.difference_text(*astuple(pair.difference(m))) for m in shown))
        for name, pair in pairs.items()
    )
    return TextTable(("scheduler", *(metric.difference_heading for metric in shown)), rows)


def _common(pairs: Mapping[str, StoredPair]) -> list[Metric]:
    first, *others = pairs.values()
    return [metric for metric in first.metrics if all(metric in pair.metrics for pair in others)]


def rollup_table(groups: Sequence[StoredEpisodes], metric: Metric) -> TextTable:
    """Means of a metric over groups of episodes, a row a group and a column a scheduler."""
    starts = sorted({int(first) for one in groups for first in one.episode})
    columns = [dict(zip(one.episode.tolist(), one[metric].tolist(), strict=True)) for one in groups]
    rows = tuple(
        (f"{start:,}", *(_cell(metric, column.get(start, math.nan)) for column in columns))
        for start in starts
    )
    heading = f"{metric.heading}, from episode"
    return TextTable((heading, *(one.scheduler for one in groups)), rows)


def models_table(models: Sequence[StoredModel]) -> TextTable:
    """A row a model that was learned: whose, from which episode on, and how the one before did."""
    names = list(dict.fromkeys(name for model in models for name in model.score))
    rows = tuple(
        (
            f"{model.scheduler} {model.version}",
            f"{model.episode:,}",
            moment(model.made_at),
            *(_score(model.score.get(name)) for name in names),
        )
        for model in models
    )
    return TextTable(("model", "from episode", "made", *names), rows)


def _score(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, (int, float)) else NOTHING


def task_table(
    rows: Mapping[str, Mapping[str, Any]], costs: Mapping[str, float] | None
) -> TextTable:
    """What each scheduler saw of its queues, chose for a task, and what became of it.

    Args:
        rows: Scheduler -> its row of the table of decisions.
        costs: Scheduler -> what its decision cost, as part of the oracle's J; None: not known.
    """
    headings = (
        "scheduler",
        "CPU wait [s]",
        "GPU wait [s]",
        "GPU fraction",
        "CPU share [s]",
        "GPU share [s]",
        "response [s]",
        "energy [kJ]",
        "model",
        "cost [%]",
    )
    return TextTable(headings, tuple(_decision_cells(n, r, costs) for n, r in rows.items()))


def _decision_cells(
    scheduler: str, row: Mapping[str, Any], costs: Mapping[str, float] | None
) -> tuple[str, ...]:
    finishes_s = [row[name] for name in ("cpu_finish_s", "gpu_finish_s") if row[name] is not None]
    finish_s = max(finishes_s, default=math.nan)
    cost = (costs or {}).get(scheduler, math.nan)
    return (
        scheduler,
        f"{row['cpu_wait_s']:.2f}",
        f"{row['gpu_wait_s']:.2f}",
        f"{row['gpu_fraction']:g}{' (did not fit)' if row['fallback'] else ''}",
        _share(row, "cpu"),
        _share(row, "gpu"),
        f"{finish_s - row['arrival_s']:.2f}",
        f"{row['energy_j'] / 1e3:.2f}",
        str(row["model_version"]),
        NOTHING if math.isnan(cost) else f"{cost * 100:+.2f}",
    )


def _share(row: Mapping[str, Any], pool: str) -> str:
    """Device, start and finish of a share."""
    if row[f"{pool}_device"] is None:
        return NOTHING
    start_s, finish_s = (row[f"{pool}_{what}_s"] or 0.0 for what in ("start", "finish"))
    return f"#{row[f'{pool}_device']} {start_s:.2f} to {finish_s:.2f}"


def describe_task(row: Mapping[str, Any]) -> str:
    """The task of a row of the table of decisions in a line."""
    return (
        f"task {row['task']} of episode {row['episode']:,}: arrival {row['arrival_s']:.2f} s, "
        f"{_work(row)}{row['memory_bytes'] / 1e9:.3g} GB"
    )


def _work(row: Mapping[str, Any]) -> str:
    """Size and intensity of a task, where they are known."""
    if row["size_flop"] is None:
        return ""
    size, intensity = row["size_flop"], row["intensity_flop_per_byte"]
    return f"{size / 1e12:.3g} TFLOP, {intensity:.3g} FLOP/B, "


def count_episodes(played: Sequence[StoredEpisodes]) -> int:
    """Episodes that any of the schedulers has played."""
    return len(np.unique(np.concatenate([one.episode for one in played])))
