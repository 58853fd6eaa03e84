"""Every measure that the answers name."""

from __future__ import annotations

from typing import Literal

from cpu_gpu_env.dashboard.schemas.base import Measure
from cpu_gpu_env.results.metrics import (
    CUMULATIVE_METRICS,
    DECISION_METRICS,
    RADAR_METRICS,
    STREAM_METRICS,
    Metric,
)

METRICS = (*STREAM_METRICS, *CUMULATIVE_METRICS.values(), *DECISION_METRICS.values())


def list_measures() -> list[Measure]:
    """Describe them, in the order of the tables."""
    return [_describe(metric) for metric in METRICS]


def _describe(metric: Metric) -> Measure:
    return Measure(
        key=metric.key,
        label=metric.label,
        unit=metric.unit,
        shown_unit=metric.shown_unit,
        scale=metric.scale,
        digits=metric.digits,
        lower_is_better=metric.lower_is_better,
        in_radar=metric in RADAR_METRICS,
        over_episodes=_over_episodes(metric),
    )


def _over_episodes(metric: Metric) -> Literal["mean", "tasks", "sum"]:
    if metric in CUMULATIVE_METRICS.values():
        return "sum"
    if metric.of_all_tasks or metric in DECISION_METRICS.values():
        return "tasks"
    return "mean"
