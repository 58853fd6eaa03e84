"""Figures of all schedulers, each listed once: TensorBoard and the page show the same ones."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from cpu_gpu_env.baselines.report import drawing
from cpu_gpu_env.baselines.report.drawing import short_name
from cpu_gpu_env.baselines.report.tradeoff_figures import scatter_figure
from cpu_gpu_env.model.tasks import FloatArray
from cpu_gpu_env.results.estimate import Estimate
from cpu_gpu_env.results.metrics import DECISION_METRICS, GAP, RADAR_METRICS
from cpu_gpu_env.results.records import ORACLE, Comparison

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MAX_RATIO = 1_000.0
"""Ratios beyond it are drawn there."""
MAX_GAP = 1e3
"""Gaps beyond it are drawn there."""
MAX_LABELLED = 16
"""Schedulers whose wins are written as numbers, too."""


def radar_figure(comparison: Comparison, highlight: str | None = None) -> Figure:
    """Draw `RADAR_METRICS` relative to the oracle.

    Args:
        comparison: The results.
        highlight: The only scheduler in colour; None: all.
    """
    ratios, reference = _relative(comparison)
    figure, axes = drawing.make_figure(4.1, projection="polar")
    angles = np.arange(len(RADAR_METRICS) + 1) * 2 * math.pi / len(RADAR_METRICS)
    colours, handles = drawing.scheduler_colours(comparison), {}
    for name, values in ratios.items():
        coloured = highlight in (None, name) or name == reference
        (line,) = axes.plot(
            angles,
            np.log10(np.append(values, values[0])),
            color=colours[name] if coloured else "0.75",
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
    title = (
        f"relative to {against} (dashed), decision time to the shortest\n"
        "logarithmic; nearer to the centre is better"
    )
    axes.set_title(title, fontsize=9)
    drawing.add_legend(figure, [*handles.values()], [*handles])
    return figure


def _relative(comparison: Comparison) -> tuple[dict[str, FloatArray], str]:
    """Each scheduler's `RADAR_METRICS` relative to the oracle, by name, and to whom they are.

    Without an oracle they are relative to the best. Decision times are relative to the shortest:
    the oracle has none, and 1 stands for it.
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
            ratios = values / base
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


@dataclass(frozen=True)
class Gap:
    """How far a scheduler is from the bound."""

    scheduler: str
    """Name in the comparison."""
    mean: float
    """Of `gap_to_bound` over the episodes; may be infinite."""
    half_width: float
    """The 95 % interval is mean plus or minus this; nan: none."""


def comparison_gaps(comparison: Comparison) -> list[Gap]:
    """The gaps of a comparison, the least first; empty without bounds."""
    gaps = []
    for result in comparison.results:
        if result.episodes.gap is not None:
            found = Estimate.of(result.episodes.gap)
            gaps.append(Gap(result.name, found.mean, found.half_width))
    return sorted(gaps, key=lambda gap: gap.mean)


def gap_figure(gaps: Sequence[Gap], title: str = "") -> Figure:
    """Draw a point and an interval a scheduler, the first on top, on a logarithmic axis.

    Gaps beyond `MAX_GAP`, an infinite one too, are triangles there.
    """
    figure, axes = drawing.make_figure(
        0.3 * len(gaps) + 1.1 + 0.25 * bool(title),
        title=drawing.literal(title),
        xlabel=f"gap to the certified lower bound [{GAP.shown_unit}], mean and 95 % interval",
        xscale="log",
        ylim=(-0.6, len(gaps) - 0.2),
    )
    for height, gap in enumerate(reversed(gaps)):
        mean, half_width = min(gap.mean, MAX_GAP), min(gap.half_width, MAX_GAP)  # nan stays
        percent, half = mean * GAP.scale, half_width * GAP.scale
        place = max(percent, drawing.MIN_PERCENT), height
        colour = "tab:green" if gap.scheduler == ORACLE else "tab:blue"
        if gap.mean > MAX_GAP:
            axes.plot(*place, marker=">", color=colour)
            text = "infinite" if math.isinf(gap.mean) else f"{gap.mean * GAP.scale:.3g}"
        else:
            axes.errorbar(*place, xerr=abs(half), fmt="o", color=colour, capsize=3)
            text = f"{percent:,.0f}" if percent >= 100 else f"{percent:.3g}"
        above: dict[str, Any] = {"xytext": (0, 6), "textcoords": "offset points", "ha": "center"}
        axes.annotate(text, place, fontsize=8, **above)
    axes.set_yticks(range(len(gaps)), [short_name(gap.scheduler) for gap in reversed(gaps)])
    widest = max([300.0, *(min(gap.mean, MAX_GAP) * GAP.scale for gap in gaps)])
    steps = (1, 3) if widest <= 1e4 else (1,)
    ticks = [10**power * step for power in range(9) for step in steps]
    ticks = [tick for tick in ticks if tick <= widest]
    axes.set_xticks(ticks, [f"{tick:,}" for tick in ticks])
    axes.margins(x=0.08)
    axes.grid(axis="x", alpha=0.3)
    return figure


def win_figure(comparison: Comparison) -> Figure:
    """Draw in how many percent of the episodes each scheduler beats each other."""
    names = [short_name(result.name) for result in comparison.results]
    count = len(names)
    wins = comparison.wins() * 100
    np.fill_diagonal(wins, np.nan)
    title = "row beats column [% of the episodes]"
    figure, axes = drawing.make_figure(min(drawing.WIDTH, 0.28 * count + 1.6), title=title)
    axes.imshow(wins, cmap="RdYlBu", vmin=0, vmax=100, aspect="auto")
    axes.set_xticks(range(count), names, rotation=60, ha="right", fontsize=8)
    axes.set_yticks(range(count), names, fontsize=8)
    for row, column in np.ndindex(count, count):
        share = wins[row, column]
        if row != column and count <= MAX_LABELLED:
            colour = "white" if abs(share - 50) > 40 else "black"
            axes.text(column, row, f"{share:.0f}", ha="center", va="center", color=colour, size=7)
    return figure


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
        "all/wins", win_figure, "Who beats whom", "Share of the episodes that each scheduler wins"
    ),
)
"""In the order of the page."""
