"""Figures of makespan against energy, with what the certified bounds rule out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from cpu_gpu_env.baselines.report import drawing
from cpu_gpu_env.model.tasks import FloatArray
from cpu_gpu_env.problem.objective import Reference
from cpu_gpu_env.results.metrics import ENERGY, MAKESPAN
from cpu_gpu_env.results.records import ORACLE, Comparison

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

AXES = (MAKESPAN, ENERGY)
"""To the right, and upwards."""
NEAR = 1.4
"""Up to this factor above the least makespan and energy, schedulers are drawn once more, closer."""
WIDE = 3.0
"""From this ratio of the largest to the least on, an axis is logarithmic."""


def scatter_figure(comparison: Comparison) -> Figure:
    """Draw mean makespan against mean energy: of all schedulers, and closer at the best ones.

    Grey is what the certified bounds rule out.
    """
    figure = drawing.blank_figure(2.7)
    whole, close = figure.subplots(1, 2)
    colours = drawing.scheduler_colours(comparison)
    names = [result.name for result in comparison.results]
    columns = [[r.estimate(m).mean * m.scale for r in comparison.results] for m in AXES]
    means = np.array(columns).T
    for axes in (whole, close):
        handles = [
            axes.scatter(*mean, s=28, color=colours[name], marker="s" if name == ORACLE else "o")
            for name, mean in zip(names, means, strict=True)
        ]
    near = means[(means <= NEAR * means.min(axis=0)).all(axis=1)]
    if len(near):
        low, span = near.min(axis=0), np.ptp(near, axis=0) + 0.02 * near.min(axis=0)
        limits = np.array([low - 0.15 * span, low + 1.1 * span]).T
        close.set(xlim=limits[0], ylim=limits[1])
    # A logarithmic axis has no room for schedules that take no energy.
    wide = bool(means.min() > 0 and (means.max(axis=0) > WIDE * means.min(axis=0)).any())
    whole.set_title("all (logarithmic)" if wide else "all", fontsize=9)
    if wide:
        _use_log_axes(whole)
    close.set_title("the best", fontsize=9)
    problem = comparison.provenance.problem
    for axes in (whole, close):
        if comparison.bounds is not None:
            bounds = {problem.energy_weight: float(comparison.bounds.mean())}
            scale = episode_scale(problem.reference_per_task, problem.num_tasks)
            _shade(axes, bounds, scale, color="0.88", zorder=0)
        axes.set_xlabel(MAKESPAN.heading, fontsize=9)
        axes.tick_params(labelsize=8)
        axes.grid(alpha=0.3)
    whole.set_ylabel(ENERGY.heading, fontsize=9)
    drawing.add_legend(figure, handles, names)
    return figure


def episode_scale(reference: Reference, num_tasks: int) -> FloatArray:
    """Units of makespan [s] and energy [J] in the objective of an episode, (2,)."""
    return np.array([reference.makespan_s, reference.energy_j]) * num_tasks


def least_energy_j(
    bounds: Mapping[float, float], scale: FloatArray, makespan_s: FloatArray
) -> FloatArray:
    """Least energy that the bounds allow at each mean makespan, like `makespan_s` [J].

    The bound b at weight w says (1-w) makespan / T + w energy / E >= b, of each episode and so of
    the means of all.

    Args:
        bounds: Mean bound of the episodes by energy weight.
        scale: T [s] and E [J], see `episode_scale`.
        makespan_s: Mean makespans [s].
    """
    least_j = np.zeros(len(makespan_s))
    for weight, bound in bounds.items():
        rest = bound - (1 - weight) * makespan_s / scale[0]
        if weight > 0:
            least_j = np.maximum(least_j, rest / weight * scale[1])
        else:  # energy is free
            least_j = np.where(rest > 0, np.inf, least_j)
    return least_j


def _shade(axes: Axes, bounds: Mapping[float, float], scale: FloatArray, **style: Any) -> None:
    """Shade what the bounds rule out, within the limits that the axes have."""
    (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
    makespan_s = np.linspace(left, right, 400)
    least = least_energy_j(bounds, scale, makespan_s) * ENERGY.scale
    axes.fill_between(makespan_s, bottom, np.clip(least, bottom, top), **style)
    axes.set(xlim=(left, right), ylim=(bottom, top))


def pareto_figure(rows: Sequence[Mapping[str, Any]], scale: FloatArray, title: str) -> Figure:
    """Draw a line a scheduler through what it reaches at each energy weight.

    Args:
        rows: Records of schedulers as in CSV, with their ``energy_weight`` and the mean ``bound``.
        scale: See `episode_scale`.
        title: Of the figure.
    """
    figure = drawing.blank_figure(5.5, 7.5)
    axes = figure.add_subplot()
    for name in dict.fromkeys(row["scheduler"] for row in rows):
        own = [row for row in rows if row["scheduler"] == name]
        own.sort(key=lambda row: row["energy_weight"])
        points = [[row[m.key] * m.scale for row in own] for m in AXES]
        axes.plot(*points, "s-" if name == ORACLE else "o-", markersize=4, label=name)
    bounds = {row["energy_weight"]: row["bound"] for row in rows}
    _shade(axes, bounds, scale, color="0.85", label="ruled out by the bounds")
    axes.set(xlabel=f"{MAKESPAN.heading}, mean over the episodes", ylabel=ENERGY.heading)
    axes.set_title(drawing.literal(title), fontsize=10)
    axes.legend(fontsize=8)
    axes.grid(alpha=0.3)
    return figure


def _use_log_axes(axes: Axes) -> None:
    """Make both axes logarithmic, with plain numbers at few ticks."""
    from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

    axes.set(xscale="log", yscale="log")
    for axis in (axes.xaxis, axes.yaxis):
        low, high = axis.get_view_interval()
        if high > WIDE * low:  # else matplotlib's own ticks are few enough
            axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
            axis.set_minor_formatter(NullFormatter())
        axis.set_major_formatter(StrMethodFormatter("{x:g}"))
