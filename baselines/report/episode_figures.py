"""Figures of what a scheduler did: its schedule, how busy the devices were, what it chose."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from cpu_gpu_env.baselines.evaluation.first_episode import EpisodeView
from cpu_gpu_env.baselines.report.drawing import load_matplotlib, make_figure, short_name
from cpu_gpu_env.model.tasks import FloatArray
from cpu_gpu_env.render.gantt import GanttRenderer
from cpu_gpu_env.results.records import ORACLE, Comparison, SchedulerResult
from cpu_gpu_env.sim.schedule import Schedule

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NUM_STRETCHES = 120
"""Stretches of time in a figure of utilisation."""


def draw_gantts(views: Mapping[str, EpisodeView]) -> dict[str, bytes]:
    """Draw the schedules as PNG, by name.

    Raises:
        gymnasium.error.DependencyNotInstalled: If pygame is missing.
    """
    load_matplotlib()
    from matplotlib.image import imsave

    pictures = {}
    for name, view in views.items():
        picture = io.BytesIO()
        imsave(picture, GanttRenderer(view.schedule.cluster).draw(view.schedule), format="png")
        pictures[name] = picture.getvalue()
    return pictures


def utilisation_figure(schedule: Schedule) -> Figure:
    """Draw how busy the CPUs and the GPUs are over the time of an episode."""
    figure, axes = make_figure(
        2.4,
        title=short_name(schedule.title),
        xlabel="time [s]",
        ylabel="busy devices [%]",
        xlim=(0, schedule.makespan_s),
        ylim=(-3, 103),
    )
    stretch_s = schedule.makespan_s / NUM_STRETCHES
    edges_s = np.arange(NUM_STRETCHES + 1) * stretch_s
    busy = schedule.pool_utilisation(stretch_s)[:, :NUM_STRETCHES] * 100
    for pool, devices, values, colour in (
        ("CPUs", schedule.cluster.cpus, busy[0], "tab:blue"),
        ("GPUs", schedule.cluster.gpus, busy[1], "tab:orange"),
    ):
        label = f"{pool} ({len(devices)}): {values.mean():.0f} % on average"
        axes.stairs(values, edges_s, label=label, color=colour, linewidth=1.4)
    axes.legend(fontsize=8, loc="lower left")
    axes.grid(alpha=0.3)
    return figure


def fraction_figure(comparison: Comparison, result: SchedulerResult) -> Figure:
    """Draw the share of the tasks that a scheduler gave each GPU fraction, and the oracle's."""
    fractions = comparison.provenance.problem.gpu_fractions
    figure, axes = make_figure(2.6, xlabel="GPU fraction", ylabel="tasks [%]")
    places = np.arange(len(fractions))

    def percent(result: SchedulerResult) -> FloatArray:
        actions = result.episodes.actions.ravel()
        return np.bincount(actions, minlength=len(fractions)) / len(actions) * 100

    label = f" {short_name(result.name)}"
    axes.bar(places, percent(result), width=0.8, color="tab:blue", label=label)
    if comparison.oracle not in (None, result):
        edges = np.arange(len(fractions) + 1) - 0.5
        shares = percent(comparison.oracle)
        axes.stairs(shares, edges, color="tab:green", linewidth=1.6, label=ORACLE)
    every = math.ceil(len(fractions) / 12)
    axes.set_xticks(places[::every], [f"{fraction:.3g}" for fraction in fractions[::every]])
    axes.legend(fontsize=8)
    return figure
