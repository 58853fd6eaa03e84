"""The picture of drifts, for drift.py: the gap over the stream, learning online and not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from cpu_gpu_env.baselines.report.drawing import blank_figure, literal, write_legend
from cpu_gpu_env.model.tasks import FloatArray
from cpu_gpu_env.results.drifts import BLOCK, PHASES, DriftResult, block_means
from cpu_gpu_env.results.estimate import Estimate

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLUMN, ROW, AROUND = 2.6, 2.3, 1.1
"""Width and height of the two panels of a drift and scheduler, and height around all [inch]."""
COLOURS = {"online": "tab:blue", "frozen": "0.35", "difference": "tab:purple"}


def drift_figure(results: Sequence[DriftResult], titles: Mapping[str, str], title: str) -> Figure:
    """Draw a column a drift, and for each scheduler the gap of the twins and their difference.

    Lines are means over the seeds of blocks of `BLOCK` episodes, bands their 95 % intervals; the
    drift is grey behind.

    Args:
        results: Of each drift and scheduler one at most.
        titles: What to call each drift.
        title: Above all.
    """
    kinds = list(dict.fromkeys(result.kind for result in results))
    schedulers = list(dict.fromkeys(result.scheduler for result in results))
    found = {(result.kind, result.scheduler): result for result in results}
    width = max(COLUMN * len(kinds), 2 * COLUMN)
    figure = blank_figure(ROW * len(schedulers) + AROUND, width)
    rows = 2 * len(schedulers)
    panels = figure.subplots(
        rows,
        len(kinds),
        sharex=True,
        sharey="row",
        squeeze=False,
        height_ratios=[1.5, 1] * len(schedulers),
    )
    for column, kind in enumerate(kinds):
        panels[0, column].set_title(literal(titles.get(kind, kind)), fontsize=9)
        for row, scheduler in enumerate(schedulers):
            gaps, differences = panels[2 * row : 2 * row + 2, column]
            if (kind, scheduler) in found:
                _draw(gaps, differences, found[kind, scheduler])
        panels[-1, column].set_xlabel("episodes", fontsize=9)
    for row, scheduler in enumerate(schedulers):
        panels[2 * row, 0].set_ylabel(f"{literal(scheduler)}\ngap [%]", fontsize=8)
        # There is no gap below 0, whatever an interval of few seeds reaches to.
        panels[2 * row, 0].set_ylim(bottom=max(0.0, panels[2 * row, 0].get_ylim()[0]))
        panels[2 * row + 1, 0].set_ylabel("difference\n[points]", fontsize=8)
    figure.align_ylabels(panels[:, 0])
    figure.suptitle(literal(title), fontsize=9)
    handles, labels = panels[0, 0].get_legend_handles_labels()
    more, other = panels[1, 0].get_legend_handles_labels()
    write_legend(figure, [*handles, *more], [*labels, *other], 3, 9)
    return figure


def _draw(gaps: Axes, differences: Axes, result: DriftResult) -> None:
    each = result.episodes_each
    for axes in (gaps, differences):
        axes.axvspan(each, 2 * each, color="0.93", zorder=0)
        axes.set_xlim(0, len(PHASES) * each)
        axes.set_xticks([0, each, 2 * each, 3 * each])
        axes.grid(alpha=0.3)
        axes.tick_params(labelsize=8)
    _draw_band(gaps, result.frozen, "frozen", "frozen twin")
    _draw_band(gaps, result.online, "online", "learning online")
    differences.axhline(0.0, color="0.35", linewidth=0.8)
    _draw_band(differences, result.online - result.frozen, "difference", "online less frozen")


def _draw_band(axes: Axes, values: FloatArray, look: str, label: str) -> None:
    """Draw mean and interval over the seeds of (seeds, episodes), in percent."""
    means = 100 * block_means(values)
    estimates = [Estimate.of(column) for column in means.T]
    middle = np.array([estimate.mean for estimate in estimates])
    half = np.array([estimate.half_width for estimate in estimates])
    edges = np.arange(0, values.shape[1], BLOCK)
    where = (edges + np.append(edges[1:], values.shape[1])) / 2
    style: dict[str, Any] = {"color": COLOURS[look], "linewidth": 1.2, "label": label}
    axes.plot(where, middle, **style)
    axes.fill_between(where, middle - half, middle + half, color=COLOURS[look], alpha=0.2, lw=0)
