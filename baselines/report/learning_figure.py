"""The picture of learning curves, for plot_learning.py."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import cycle
from typing import TYPE_CHECKING, Any

from cpu_gpu_env.baselines.report.drawing import (
    MIN_PERCENT,
    blank_figure,
    literal,
    load_matplotlib,
    write_legend,
)
from cpu_gpu_env.model.tasks import FloatArray
from cpu_gpu_env.results.records import ORACLE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
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
    curves: Mapping[str, tuple[FloatArray, FloatArray, FloatArray]],
    lines: Mapping[str, float],
    title: str,
) -> Figure:
    """Draw the gap to the bound against steps and against seconds, on logarithmic axes of gaps.

    Args:
        curves: Of each group of trainings, by label, environment steps (n,), time in training (n,)
            [s] and gap (seeds, n): a line for the mean, a band from the least to the greatest.
        lines: Gap of each scheduler that does not learn, by name.
        title: Above all.
    """
    load_matplotlib()
    from matplotlib.ticker import EngFormatter, LogLocator, NullFormatter, StrMethodFormatter

    gaps = {name: 100 * gap.clip(MIN_PERCENT / 100) for name, (*_, gap) in curves.items()}
    percents = {name: max(100 * gap, MIN_PERCENT) for name, gap in lines.items()}
    needed = [percent for name, percent in percents.items() if name not in OPTIONAL]
    top = ROOM * max([*needed, *(float(gap.max()) for gap in gaps.values())])
    percents = {name: percent for name, percent in percents.items() if percent <= top}
    low = min([*percents.values(), *(float(gap.min()) for gap in gaps.values())]) / ROOM

    figure = blank_figure(HEIGHT, WIDTH)
    panels = figure.subplots(1, 2, sharey=True)
    for panel, axes in enumerate(panels):
        for colour, (name, gap) in zip(cycle(COLOURS), gaps.items(), strict=False):
            where, label = curves[name][panel], f" {name}"
            axes.plot(where, gap.mean(axis=0), color=colour, marker="o", markersize=3, label=label)
            axes.fill_between(where, gap.min(axis=0), gap.max(axis=0), color=colour, alpha=0.2)
        _draw_lines(axes, percents)
        axes.set_xlim(left=0)
        axes.set(yscale="log", ylim=(low, top))
        axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 3.0, 5.0)))
        axes.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        axes.yaxis.set_minor_formatter(NullFormatter())
        axes.grid(alpha=0.3)
        axes.tick_params(labelsize=9)
    panels[0].xaxis.set_major_formatter(EngFormatter(sep=""))
    panels[0].set_xlabel("environment steps", fontsize=9)
    panels[1].set_xlabel("time in training [s]", fontsize=9)
    panels[0].set_ylabel("gap to the certified bound [%]", fontsize=9)
    figure.suptitle(literal(title), fontsize=9)
    handles, labels = panels[0].get_legend_handles_labels()
    longest = max(map(len, labels))
    columns = 3 if longest < 40 else 2 if longest < 60 else 1
    write_legend(figure, handles, [literal(label) for label in labels], columns, 9)
    return figure


def _draw_lines(axes: Axes, percents: Mapping[str, float]) -> None:
    """Draw a line across for each scheduler that does not learn."""
    styles = cycle(STYLES)
    for name, percent in percents.items():
        colour, style = ("tab:green", "-") if name == ORACLE else ("0.35", next(styles))
        look: dict[str, Any] = {"color": colour, "linestyle": style, "linewidth": 1.2, "zorder": 1}
        axes.axhline(percent, label=f" {name}", **look)
