"""Figures of who is how far from perfect, and who beats whom."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from cpu_gpu_env.baselines.report.drawing import MIN_PERCENT, WIDTH, make_figure, short_name
from cpu_gpu_env.results.metrics import GAP
from cpu_gpu_env.results.records import ORACLE, Comparison, Estimate

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MAX_LABELLED = 16
"""Schedulers whose wins are written as numbers, too."""


@dataclass(frozen=True)
class Gap:
    """How far a scheduler is from the bound."""

    scheduler: str
    """Name in the comparison."""
    mean: float
    """Objective / certified lower bound - 1."""
    half_width: float
    """The 95 % interval is mean plus or minus this; nan: none."""


def gap_figure(gaps: Sequence[Gap], title: str = "") -> Figure:
    """Draw a point and an interval a scheduler, the first on top, on a logarithmic axis."""
    figure, axes = make_figure(0.3 * len(gaps) + 1.1 + 0.25 * bool(title))
    for height, gap in enumerate(reversed(gaps)):
        percent, half = gap.mean * GAP.scale, gap.half_width * GAP.scale
        shown = max(percent, MIN_PERCENT)
        colour = "tab:green" if gap.scheduler == ORACLE else "tab:blue"
        axes.errorbar(shown, height, xerr=abs(half), fmt="o", color=colour, capsize=3)
        axes.annotate(
            f"{percent:,.0f}" if percent >= 100 else f"{percent:.3g}",
            (shown, height),
            (0, 6),
            textcoords="offset points",
            ha="center",
            fontsize=8,
        )
    names = [short_name(gap.scheduler) for gap in reversed(gaps)]
    axes.set_yticks(range(len(gaps)), names, parse_math=False)
    axes.set_xscale("log")
    widest = max([300.0, *(gap.mean * GAP.scale for gap in gaps)])
    ticks = [tick for power in range(9) for tick in (10**power, 3 * 10**power) if tick <= widest]
    axes.set_xticks(ticks, [f"{tick:,}" for tick in ticks])
    axes.margins(x=0.08)
    unit = f"[{GAP.shown_unit}]"
    axes.set_xlabel(f"gap to the certified lower bound {unit}, mean and 95 % interval", fontsize=9)
    axes.set_ylim(-0.6, len(gaps) - 0.2)
    axes.set_title(title, fontsize=9, parse_math=False)
    axes.grid(axis="x", alpha=0.3)
    return figure


def comparison_gaps(comparison: Comparison) -> list[Gap]:
    """The gaps of a comparison, the least first; empty without bounds."""
    estimates = {
        result.name: Estimate.of(result.episodes.gap)
        for result in comparison.results
        if result.episodes.gap is not None
    }
    gaps = [Gap(name, found.mean, found.half_width) for name, found in estimates.items()]
    return sorted(gaps, key=lambda gap: gap.mean)


def win_figure(comparison: Comparison) -> Figure:
    """Draw in how many percent of the episodes each scheduler beats each other."""
    names = [short_name(result.name) for result in comparison.results]
    count = len(names)
    wins = comparison.wins() * 100
    np.fill_diagonal(wins, np.nan)
    figure, axes = make_figure(min(WIDTH, 0.28 * count + 1.6))
    axes.imshow(wins, cmap="RdYlBu", vmin=0, vmax=100, aspect="auto")
    axes.set_xticks(range(count), names, rotation=60, ha="right", fontsize=8, parse_math=False)
    axes.set_yticks(range(count), names, fontsize=8, parse_math=False)
    for row, column in np.ndindex(count, count):
        share = wins[row, column]
        if row != column and count <= MAX_LABELLED:
            colour = "white" if abs(share - 50) > 40 else "black"
            axes.text(column, row, f"{share:.0f}", ha="center", va="center", color=colour, size=7)
    axes.set_title("row beats column [% of the episodes]", fontsize=9)
    return figure
