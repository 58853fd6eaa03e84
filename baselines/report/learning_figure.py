"""The picture of learning curves, for plot_learning.py."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from cpu_gpu_env.agents.learning_curves import Curve
from cpu_gpu_env.baselines.report.drawing import MIN_PERCENT, blank_figure, write_legend
from cpu_gpu_env.results.records import ORACLE

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WIDTH, HEIGHT = 8.4, 3.6
"""Of the figure [inch]."""
COLOURS = ("tab:blue", "tab:orange", "tab:purple", "tab:red", "tab:brown", "tab:cyan", "tab:pink")
"""Of the curves."""
STYLES = ("--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)))
"""Of the heuristics' lines."""
ROOM = 1.15
"""The axis of gaps ends this factor beyond the curves."""
OPTIONAL = ("myopic",)
"""Schedulers drawn only if the curves come near."""


def learning_figure(
    curves: Sequence[Curve], lines: Mapping[str, float], bound: float, title: str
) -> Figure:
    """Draw the gap to the bound against steps and against seconds, on logarithmic axes of gaps.

    Args:
        curves: One a group of trainings: a line for the mean, a band from least to greatest.
        lines: Gap of each scheduler that does not learn, by name.
        bound: Mean lower bound of the held-out episodes.
        title: Above all.
    """
    from matplotlib.ticker import EngFormatter, LogLocator, NullFormatter, StrMethodFormatter

    gaps = [100 * (curve.objective / bound - 1.0).clip(MIN_PERCENT / 100) for curve in curves]
    percents = {name: max(100 * gap, MIN_PERCENT) for name, gap in lines.items()}
    needed = [percent for name, percent in percents.items() if name not in OPTIONAL]
    top = ROOM * max([*needed, *(float(gap.max()) for gap in gaps)])
    percents = {name: percent for name, percent in percents.items() if percent <= top}
    low = min([*percents.values(), *(float(gap.min()) for gap in gaps)]) / ROOM

    figure = blank_figure(HEIGHT, WIDTH)
    panels = figure.subplots(1, 2, sharey=True)
    for axes, unit in zip(panels, ("steps", "seconds"), strict=True):
        for index, (curve, gap) in enumerate(zip(curves, gaps, strict=True)):
            colour, where = COLOURS[index % len(COLOURS)], getattr(curve, unit)
            (line,) = axes.plot(where, gap.mean(axis=0), color=colour, marker="o", markersize=3)
            line.set_label(f" {curve.label}")
            axes.fill_between(where, gap.min(axis=0), gap.max(axis=0), color=colour, alpha=0.2)
        others = [name for name in percents if name != ORACLE]
        for name, percent in percents.items():
            learnt_by_none = name == ORACLE
            style = "-" if learnt_by_none else STYLES[others.index(name) % len(STYLES)]
            colour = "tab:green" if learnt_by_none else "0.35"
            axes.axhline(
                percent, color=colour, linestyle=style, linewidth=1.2, zorder=1, label=f" {name}"
            )
        axes.set_xlim(left=0)
        axes.set_yscale("log")
        axes.set_ylim(low, top)
        axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 3.0, 5.0)))
        axes.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        axes.yaxis.set_minor_formatter(NullFormatter())
        axes.grid(alpha=0.3)
        axes.tick_params(labelsize=9)
    panels[0].xaxis.set_major_formatter(EngFormatter(sep=""))
    panels[0].set_xlabel("environment steps", fontsize=9)
    panels[1].set_xlabel("time in training [s]", fontsize=9)
    panels[0].set_ylabel("gap to the certified bound [%]", fontsize=9)
    figure.suptitle(title, fontsize=9, parse_math=False)
    handles, labels = panels[0].get_legend_handles_labels()
    longest = max(map(len, labels))
    write_legend(figure, handles, labels, 3 if longest < 40 else 2 if longest < 60 else 1, 9)
    return figure
