"""The figures of all schedulers, each listed once: TensorBoard and the page show the same ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cpu_gpu_env.baselines.report.comparison_figures import (
    comparison_gaps,
    gap_figure,
    radar_figure,
    win_figure,
)
from cpu_gpu_env.baselines.report.tradeoff_figures import scatter_figure
from cpu_gpu_env.results.records import Comparison

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class ComparisonFigure:
    """A figure of all schedulers."""

    tag: str
    """TensorBoard tag."""
    draw: Callable[[Comparison], Figure | None]
    """Draws it; None where there is nothing to draw."""
    heading: str = ""
    """Of its section on the page; empty: the page does not show it."""
    alternative: str = ""
    """What the page says where it is not seen."""
    intro: str = ""
    """What the page says above it."""
    caption: str = ""
    """What the page says below it."""
    bounds_caption: str = ""
    """What it says there first if there are bounds."""
    missing: str = ""
    """What the page says where there is nothing to draw."""


COMPARISON_FIGURES = (
    ComparisonFigure("all/radar", radar_figure),
    ComparisonFigure(
        "all/gap",
        lambda comparison: gap_figure(gaps) if (gaps := comparison_gaps(comparison)) else None,
        "Distance to the certified bound",
        "Gap of every scheduler to the certified lower bound",
        "The gap of an episode is its J divided by a lower bound, minus 1. The bound is certified: "
        "the whole episode, with all that is still to come, is relaxed to a linear program that "
        "allows whatever a schedule can do and more (for very long streams, to its dual), so no "
        "scheduler can have a smaller J. The oracle sees the whole episode, too; it is a "
        "yardstick, not a competitor, and its own gap may be due to the bound as well as to its "
        "schedule.",
        missing="Made without bounds: there is no oracle, and there are no gaps.",
    ),
    ComparisonFigure(
        "all/makespan_and_energy",
        scatter_figure,
        "Makespan and energy",
        "Mean makespan against mean energy",
        caption="Nearer to the lower left is better.",
        bounds_caption="Grey: what the certified bounds rule out.",
    ),
    ComparisonFigure(
        "all/wins",
        win_figure,
        "Who beats whom",
        "Share of the episodes that each scheduler wins",
    ),
)
"""In the order of the page."""
