"""The figures of a comparison; TensorBoard and the page show the same ones.

matplotlib, which comes with the ``[train]`` extra, is imported when a figure is made. Names of
schedulers may come from files: no text of a figure is read as mathematics.
"""

from __future__ import annotations

import io
import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from cpu_gpu_env.baselines.evaluation.comparison import ORACLE, Comparison, Entry, Estimate
from cpu_gpu_env.baselines.evaluation.first_episode import pool_utilisation
from cpu_gpu_env.model.tasks import FloatArray
from cpu_gpu_env.render.gantt import Scene

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH = 5.4
"""Width of a figure [inch]: its letters can still be read where a phone shows it whole."""
DPI = 120
MIN_PERCENT = 0.01
"""A logarithmic axis has no room for a gap of 0; it stands here."""
MAX_RATIO = 1_000.0
"""Ratios beyond it are drawn there."""
MEASURES = {
    "makespan": "makespan_s",
    "energy": "energy_j",
    "mean wait": "mean_wait_s",
    "decision time": "decision_p50_s",
}
"""What a radar shows, from the top to the left: label and name in `Comparison.rows`."""
_SIDES: tuple[Literal["center", "right", "left"], ...] = ("center", "right", "center", "left")
"""How their labels are aligned."""
NUM_STRETCHES = 120
"""Stretches of time in a figure of utilisation."""
MAX_NAME = 26
"""Letters of a name in a figure; longer ones are cut."""
MAX_LABELLED = 16
"""Schedulers whose wins are written as numbers, too."""
NEAR = 1.4
"""Up to this factor above the least makespan and energy, schedulers are drawn once more, closer."""
WIDE = 3.0
"""From this ratio of the largest to the least on, an axis is logarithmic."""
_MUTED = "0.75"


@dataclass(frozen=True)
class Gap:
    """How far a scheduler is from the bound."""

    scheduler: str
    """Name in the comparison."""
    mean: float
    """Objective / certified lower bound - 1."""
    half_width: float
    """The 95 % interval is mean plus or minus this; nan: none."""


def to_bytes(figure: Figure, kind: str) -> bytes:
    """Write a figure as ``"png"``, ``"svg"`` or ``"pdf"``: the same bytes for the same figure."""
    from matplotlib import rc_context

    dates = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}
    picture = io.BytesIO()
    with rc_context({"svg.hashsalt": "figure"}), warnings.catch_warnings():
        # A letter of a name that the font lacks becomes a box; tables have it.
        warnings.filterwarnings("ignore", "Glyph .* missing")
        figure.savefig(picture, format=kind, dpi=DPI, metadata=dates.get(kind))
    return picture.getvalue()


def _make_figure(height: float, **arguments: Any) -> tuple[Figure, Axes]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    return figure, figure.add_subplot(**arguments)


def _colours(comparison: Comparison) -> dict[str, Any]:
    """A colour for each scheduler, the same in every figure."""
    from matplotlib import colormaps

    palette = [colormaps["tab20"](index) for index in range(20)]
    # Full colours first; the pale half of the palette only where there are more than those.
    order = [*palette[::2], *palette[1::2]]
    green = order.pop(2)
    others = [entry.name for entry in comparison.entries if entry is not comparison.oracle]
    colours = {name: order[index % len(order)] for index, name in enumerate(others)}
    return {**colours, ORACLE: green} if comparison.oracle else colours


def _add_legend(figure: Figure, handles: Sequence[Any], names: Sequence[str]) -> None:
    """Write a legend below, and make room for it."""
    columns = 3 if max(map(len, names)) <= MAX_NAME * 2 // 3 else 2
    figure.set_figheight(figure.get_figheight() + 0.19 * math.ceil(len(names) / columns) + 0.1)
    legend = figure.legend(
        handles,
        # Labels that begin with an underscore would be left out.
        [f" {_short(name)}" for name in names],
        loc="outside lower center",
        ncols=columns,
        fontsize=8,
        frameon=False,
    )
    for text in legend.get_texts():
        text.set_parse_math(False)


def _short(name: str) -> str:
    """Cut the middle of a name that would leave no room for the figure."""
    return (
        name if len(name) <= MAX_NAME else f"{name[: MAX_NAME // 2]}…{name[-MAX_NAME // 2 + 1 :]}"
    )


def gap_figure(gaps: Sequence[Gap], title: str = "") -> Figure:
    """Draw a point and an interval a scheduler, the first on top, on a logarithmic axis."""
    figure, axes = _make_figure(0.3 * len(gaps) + 1.1 + 0.25 * bool(title))
    for height, gap in enumerate(reversed(gaps)):
        percent, half = gap.mean * 100, gap.half_width * 100
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
    names = [_short(gap.scheduler) for gap in reversed(gaps)]
    axes.set_yticks(range(len(gaps)), names, parse_math=False)
    axes.set_xscale("log")
    widest = max([300.0, *(gap.mean * 100 for gap in gaps)])
    ticks = [tick for power in range(9) for tick in (10**power, 3 * 10**power) if tick <= widest]
    axes.set_xticks(ticks, [f"{tick:,}" for tick in ticks])
    axes.margins(x=0.08)
    axes.set_xlabel("gap to the certified lower bound [%], mean and 95 % interval", fontsize=9)
    axes.set_ylim(-0.6, len(gaps) - 0.2)
    axes.set_title(title, fontsize=9, parse_math=False)
    axes.grid(axis="x", alpha=0.3)
    return figure


def comparison_gaps(comparison: Comparison) -> list[Gap]:
    """The gaps of a comparison, the least first; empty without bounds."""
    gaps = [
        Gap(entry.name, estimate.mean, estimate.half_width)
        for entry in comparison.entries
        if entry.gap is not None
        for estimate in [Estimate.of(entry.gap)]
    ]
    return sorted(gaps, key=lambda gap: gap.mean)


def radar_figure(comparison: Comparison, highlight: str | None = None) -> Figure:
    """Draw makespan, energy, mean wait and decision time relative to the oracle.

    Args:
        comparison: The results.
        highlight: The only scheduler in colour; None: all.
    """
    ratios, reference = _relative(comparison)
    figure, axes = _make_figure(4.1, projection="polar")
    angles = np.arange(len(MEASURES) + 1) * 2 * math.pi / len(MEASURES)
    colours, handles = _colours(comparison), {}
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
    labels = list(MEASURES)
    if highlight is not None and highlight != reference:
        own = zip(labels, ratios[highlight], strict=True)
        labels = [f"{label}\n{ratio:.3g}x" for label, ratio in own]
    axes.set_theta_zero_location("N")  # type: ignore[attr-defined]
    axes.set_xticks(angles[:-1], labels)
    for text, side in zip(axes.get_xticklabels(), _SIDES, strict=True):
        text.set_horizontalalignment(side)
    _scale_radar(axes, np.log10([*ratios.values()]))
    against = "the oracle" if comparison.oracle else _short(reference)
    axes.set_title(
        f"relative to {against} (dashed), decision time to the shortest\n"
        "logarithmic; nearer to the centre is better",
        fontsize=9,
        parse_math=False,
    )
    _add_legend(figure, [*handles.values()], [*handles])
    return figure


def _relative(comparison: Comparison) -> tuple[dict[str, FloatArray], str]:
    """Each scheduler's `MEASURES` relative to the oracle, by name, and to whom they are.

    Without an oracle they are relative to the best. Decision times are relative to the shortest:
    the oracle has none, and 1 stands for it.
    """
    rows = comparison.rows()
    table = np.array([[row[name] for name in MEASURES.values()] for row in rows])
    names = [row["scheduler"] for row in rows]
    reference = names[0] if comparison.oracle is None else ORACLE
    base = table[names.index(reference)].copy()
    timed = [entry for entry in comparison.entries if len(entry.decision_s)]
    base[-1] = min((float(np.median(entry.decision_s)) for entry in timed), default=np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = np.where((table == base) | np.isnan(table), 1.0, table / base)
    clipped = np.clip(ratios, 1 / MAX_RATIO, MAX_RATIO)
    return dict(zip(names, clipped, strict=True)), reference


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


def utilisation_figure(scene: Scene) -> Figure:
    """Draw how busy the CPUs and the GPUs are over the time of an episode."""
    figure, axes = _make_figure(2.4)
    stretch_s = scene.makespan_s / NUM_STRETCHES
    edges_s = np.arange(NUM_STRETCHES + 1) * stretch_s
    busy = pool_utilisation(scene, stretch_s)[:, :NUM_STRETCHES] * 100
    for pool, devices, values, colour in (
        ("CPUs", scene.cluster.cpus, busy[0], "tab:blue"),
        ("GPUs", scene.cluster.gpus, busy[1], "tab:orange"),
    ):
        label = f"{pool} ({len(devices)}): {values.mean():.0f} % on average"
        axes.stairs(values, edges_s, label=label, color=colour, linewidth=1.4)
    axes.set_xlabel("time [s]", fontsize=9)
    axes.set_ylabel("busy devices [%]", fontsize=9)
    axes.set_ylim(-3, 103)
    axes.set_xlim(0, scene.makespan_s)
    axes.set_title(_short(scene.title), fontsize=9, parse_math=False)
    axes.legend(fontsize=8, loc="lower left")
    axes.grid(alpha=0.3)
    return figure


def fraction_figure(comparison: Comparison, entry: Entry) -> Figure:
    """Draw the share of the tasks that a scheduler gave each GPU fraction, and the oracle's."""
    fractions = comparison.provenance["problem"]["gpu_fractions"]
    figure, axes = _make_figure(2.6)
    places = np.arange(len(fractions))

    def percent(entry: Entry) -> FloatArray:
        actions = entry.episodes.actions.ravel()
        return np.bincount(actions, minlength=len(fractions)) / len(actions) * 100

    axes.bar(places, percent(entry), width=0.8, color="tab:blue", label=f" {_short(entry.name)}")
    if comparison.oracle not in (None, entry):
        axes.stairs(
            percent(comparison.oracle),
            np.arange(len(fractions) + 1) - 0.5,
            color="tab:green",
            linewidth=1.6,
            label="oracle",
        )
    every = math.ceil(len(fractions) / 12)
    axes.set_xticks(places[::every], [f"{fraction:.3g}" for fraction in fractions[::every]])
    axes.set_xlabel("GPU fraction", fontsize=9)
    axes.set_ylabel("tasks [%]", fontsize=9)
    for text in axes.legend(fontsize=8).get_texts():
        text.set_parse_math(False)
    return figure


def win_figure(comparison: Comparison) -> Figure:
    """Draw in how many percent of the episodes each scheduler beats each other."""
    names = [_short(entry.name) for entry in comparison.entries]
    count = len(names)
    wins = comparison.wins() * 100
    np.fill_diagonal(wins, np.nan)
    figure, axes = _make_figure(min(WIDTH, 0.28 * count + 1.6))
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


def scatter_figure(comparison: Comparison) -> Figure:
    """Draw mean makespan against mean energy: of all schedulers, and closer at the best ones.

    Grey is what the certified bounds rule out.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH, 2.7), layout="constrained")
    whole, close = figure.subplots(1, 2)
    rows, colours = comparison.rows(), _colours(comparison)
    names = [row["scheduler"] for row in rows]
    means = np.array([(row["makespan_s"], row["energy_j"] / 1e3) for row in rows])
    for axes in (whole, close):
        handles = [
            axes.scatter(*mean, s=28, color=colours[name], marker="s" if name == ORACLE else "o")
            for name, mean in zip(names, means, strict=True)
        ]
    near = means[(means <= NEAR * means.min(axis=0)).all(axis=1)]
    if len(near):
        low, span = near.min(axis=0), np.ptp(near, axis=0) + 0.02 * near.min(axis=0)
        close.set_xlim(low[0] - 0.15 * span[0], low[0] + 1.1 * span[0])
        close.set_ylim(low[1] - 0.15 * span[1], low[1] + 1.1 * span[1])
    wide = bool((means.max(axis=0) > WIDE * means.min(axis=0)).any())
    whole.set_title("all (logarithmic)" if wide else "all", fontsize=9)
    if wide:
        _use_log_axes(whole)
    close.set_title("the best", fontsize=9)
    for axes in (whole, close):
        _shade_what_bounds_rule_out(axes, comparison)
        axes.set_xlabel("makespan [s]", fontsize=9)
        axes.tick_params(labelsize=8)
        axes.grid(alpha=0.3)
    whole.set_ylabel("energy [kJ]", fontsize=9)
    _add_legend(figure, handles, names)
    return figure


def _shade_what_bounds_rule_out(axes: Axes, comparison: Comparison) -> None:
    """Shade the means that no scheduler can have.

    The bound b of an episode of n tasks says (1-w) makespan / (n T) + w energy / (n E) >= b, and so
    do the means of all episodes with the mean of their bounds.
    """
    first = comparison.entries[0]
    problem = comparison.provenance["problem"]
    weight, reference = problem["energy_weight"], problem["reference_per_task"]
    if first.gap is None:
        return
    bound = float((first.episodes.objective / (1.0 + first.gap)).mean())
    (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
    makespan_s = np.linspace(left, right, 400)
    rest = bound - (1 - weight) * makespan_s / (reference["makespan_s"] * problem["num_tasks"])
    least_kj = np.where(rest > 0, np.inf, -np.inf)  # with a weight of 0 energy is free
    if weight > 0:
        least_kj = rest / weight * reference["energy_j"] * problem["num_tasks"] / 1e3
    axes.fill_between(makespan_s, bottom, np.clip(least_kj, bottom, top), color="0.88", zorder=0)
    axes.set_xlim(left, right)
    axes.set_ylim(bottom, top)


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
