"""The radar: a few measures of every scheduler relative to the oracle's."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from cpu_gpu_env.baselines.report.drawing import (
    add_legend,
    make_figure,
    scheduler_colours,
    short_name,
)
from cpu_gpu_env.model.tasks import FloatArray
from cpu_gpu_env.results.metrics import DECISION_METRICS, RADAR_METRICS
from cpu_gpu_env.results.records import ORACLE, Comparison

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MAX_RATIO = 1_000.0
"""Ratios beyond it are drawn there."""
_MUTED = "0.75"


def radar_figure(comparison: Comparison, highlight: str | None = None) -> Figure:
    """Draw `RADAR_METRICS` relative to the oracle.

    Args:
        comparison: The results.
        highlight: The only scheduler in colour; None: all.
    """
    ratios, reference = _relative(comparison)
    figure, axes = make_figure(4.1, projection="polar")
    angles = np.arange(len(RADAR_METRICS) + 1) * 2 * math.pi / len(RADAR_METRICS)
    colours, handles = scheduler_colours(comparison), {}
    for name, values in ratios.items():
        coloured = highlight in (None, name) or name == reference
        (line,) = axes.plot(
            angles,
            np.log10(np.append(values, values[0])),
            color=colours[name] if coloured else _MUTED,
            linewidth=1.8 if highlight in (None, name) else 0.8,
            linestyle="--" if name == reference else "-",
            marker="o" if coloured and name != reference else None,
            markersize=3,
            zorder=3 if coloured else 2,
        )
        if coloured:
            handles[name] = line
    labels = [metric.label for metric in RADAR_METRICS]
    if highlight is not None and highlight != reference:
        own = zip(labels, ratios[highlight], strict=True)
        labels = [f"{label}\n{ratio:.3g}x" for label, ratio in own]
    axes.set_theta_zero_location("N")  # type: ignore[attr-defined]
    axes.set_xticks(angles[:-1], labels)
    for text, angle in zip(axes.get_xticklabels(), angles, strict=False):
        leftwards = round(math.sin(angle))  # angles count against the clock, from the top
        text.set_horizontalalignment(("center", "right", "left")[leftwards])
    _scale_radar(axes, np.log10([*ratios.values()]))
    against = "the oracle" if comparison.oracle else short_name(reference)
    axes.set_title(
        f"relative to {against} (dashed), decision time to the shortest\n"
        "logarithmic; nearer to the centre is better",
        fontsize=9,
        parse_math=False,
    )
    add_legend(figure, [*handles.values()], [*handles])
    return figure


def _relative(comparison: Comparison) -> tuple[dict[str, FloatArray], str]:
    """Each scheduler's `RADAR_METRICS` relative to the oracle, by name, and to whom they are.

    Without an oracle they are relative to the best. Decision times are relative to the shortest:
    the oracle has none, and 1 stands for it. Where more is better the ratio is upside down.
    """
    names = [result.name for result in comparison.results]
    reference = names[0] if comparison.oracle is None else ORACLE
    columns = []
    for metric in RADAR_METRICS:
        values = np.array([result.estimate(metric).mean for result in comparison.results])
        base = values[names.index(reference)]
        if metric in DECISION_METRICS.values():
            base = min((value for value in values if not math.isnan(value)), default=math.nan)
        with np.errstate(divide="ignore", invalid="ignore"):
            ratios = values / base if metric.lower_is_better else base / values
        ratios[(values == base) | np.isnan(values)] = 1.0
        columns.append(np.clip(ratios, 1 / MAX_RATIO, MAX_RATIO))
    return dict(zip(names, np.array(columns).T, strict=True)), reference


def _scale_radar(axes: Axes, logs: FloatArray) -> None:
    """Choose the range and the rings for decadic logarithms of ratios."""
    low, high = min(float(logs.min()), 0.0) - 0.3, max(float(logs.max()), 0.3) + 0.15
    steps = (1.0,) if high - low > 1.5 else (1.0, 2.0, 5.0)
    rings = [10.0**decade * step for decade in range(-3, 4) for step in steps]
    rings = [ring for ring in rings if low < math.log10(ring) <= high]
    axes.set_ylim(low, high)
    axes.set_yticks([math.log10(ring) for ring in rings], [f"{ring:g}x" for ring in rings])
    axes.tick_params(axis="y", labelsize=7, labelcolor="0.35")
    axes.tick_params(axis="x", labelsize=9, pad=4)
    axes.set_rlabel_position(45)  # type: ignore[attr-defined]
    axes.grid(alpha=0.4)
