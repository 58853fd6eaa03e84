"""Writing a comparison down for TensorBoard: one run a scheduler, the same tags in each.

What belongs to no single scheduler (leaderboard, win matrix, overlaid radar) is in the folder
itself, which TensorBoard shows as the run ``.``.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cpu_gpu_env.baselines.evaluation.first_episode import EpisodeView
from cpu_gpu_env.baselines.report import tables
from cpu_gpu_env.baselines.report.comparison_figures import COMPARISON_FIGURES, radar_figure
from cpu_gpu_env.baselines.report.drawing import to_bytes
from cpu_gpu_env.baselines.report.episode_figures import fraction_figure, utilisation_figure
from cpu_gpu_env.results import metrics
from cpu_gpu_env.results.records import Comparison, SchedulerResult

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from torch.utils.tensorboard import SummaryWriter

SUFFIX = ".comparison"
"""Ends the names of our event files: a new comparison replaces these and no others."""
MAX_POINTS = 1_000
"""Points of a curve, as many as TensorBoard reads; longer ones are thinned out."""

Layout = dict[str, dict[str, list[Any]]]


def custom_scalars(charts: Mapping[str, Mapping[str, str]]) -> Layout:
    """Lay out the Custom Scalars tab; a chart draws a curve for each run that has a tag of it.

    Args:
        charts: Category -> title -> pattern of tags.
    """
    return {
        category: {title: ["Multiline", [f"^{tag}$"]] for title, tag in titled.items()}
        for category, titled in charts.items()
    }


LAYOUT = custom_scalars(metrics.charts())
"""Charts of a comparison."""


def write_tensorboard(
    comparison: Comparison,
    views: Mapping[str, EpisodeView],
    pictures: Mapping[str, bytes],
    folder: Path,
    progress: Callable[[str], None] = lambda name: None,
) -> None:
    """Write all runs; when they are whole, those of an earlier comparison are removed.

    The step of ``episode/`` is the episode, of ``mean/`` and ``difference/`` the last episode that
    the mean is over, of ``utilisation/`` the second, of ``decision/time_by_percentile_s`` the
    percent.

    Args:
        comparison: The results.
        views: Of the first episode, by name; may be empty.
        pictures: Gantt charts as PNG, by name; may be empty.
        folder: Where to write.
        progress: Called with a name when that run is written.
    """
    from torch.utils.tensorboard import SummaryWriter

    pattern = f"events.out.tfevents.*{SUFFIX}"
    earlier = [*folder.glob(pattern), *folder.glob(f"*/{pattern}")]
    for result in comparison.results:
        with SummaryWriter(str(folder / result.name), filename_suffix=SUFFIX) as writer:
            _write_scalars(writer, comparison, result)
            _write_hparams(writer, comparison, result)
            gpu_fractions = np.array(comparison.provenance.problem.gpu_fractions)
            writer.add_histogram("gpu_fraction", gpu_fractions[result.episodes.actions.ravel()], 0)
            _add_figure(writer, "scheduler/radar", radar_figure(comparison, result.name))
            _add_figure(writer, "scheduler/gpu_fraction", fraction_figure(comparison, result))
            _write_provenance(writer, comparison)
            writer.add_custom_scalars(LAYOUT)
            if result.name in views:
                _write_view(writer, views[result.name])
            if result.name in pictures:
                add_png(writer, "first_episode/gantt", pictures[result.name])
        progress(result.name)
    with SummaryWriter(str(folder), filename_suffix=SUFFIX) as writer:
        leaderboard = tables.leaderboard(comparison).to_markdown()
        notes = "\n\n".join(map(tables.escape_markdown, comparison.provenance.notes))
        writer.add_text("leaderboard", f"{leaderboard}\n\n{notes}")
        explained = tables.escape_markdown(tables.describe_differences(comparison))
        differences = tables.difference_table(comparison).to_markdown()
        writer.add_text("differences", f"{explained}\n\n{differences}")
        writer.add_text("wins", tables.win_table(comparison).to_markdown())
        _write_provenance(writer, comparison)
        for figure in COMPARISON_FIGURES:
            if (drawn := figure.draw(comparison)) is not None:
                _add_figure(writer, figure.tag, drawn)
    for path in earlier:
        path.unlink()


def _write_scalars(writer: SummaryWriter, comparison: Comparison, result: SchedulerResult) -> None:
    last = len(result.episodes.seeds) - 1
    steps = np.unique(np.linspace(0, last, min(last + 1, MAX_POINTS)).astype(int)).tolist()
    for metric, values in result.episodes.values.items():
        differences = result.differences(metric, comparison.reference)
        with np.errstate(invalid="ignore"):  # differences of gaps may be infinite
            means, mean_differences = (
                np.cumsum(sample) / np.arange(1, len(sample) + 1)
                for sample in (values, differences)
            )
        for step in steps:
            writer.add_scalar(metric.episode_tag, values[step], step)
            writer.add_scalar(metric.tag, means[step], step)
            writer.add_scalar(metric.difference_tag, mean_differences[step], step)
    if len(result.decision_s):
        for percent in range(1, 100):
            time_s = result.decision_percentile_s(percent)
            writer.add_scalar(metrics.DECISION_CURVE.tag, time_s, percent)
        for percent, metric in metrics.DECISION_METRICS.items():
            writer.add_scalar(metric.tag, result.decision_percentile_s(percent), 0)


def _write_hparams(writer: SummaryWriter, comparison: Comparison, result: SchedulerResult) -> None:
    """Write the row of the HPARAMS tab into the scheduler's own run.

    `SummaryWriter.add_hparams` would make a run of its own for it.
    """
    from torch.utils.tensorboard.summary import hparams

    problem = comparison.provenance.problem
    family = "learned" if result.learned else "oracle" if result is comparison.oracle else "fixed"
    described = (
        f"{problem.cluster}, {problem.workload}, {problem.num_tasks} tasks, load {problem.load}, "
        f"energy weight {problem.energy_weight}, noise {problem.noise}"
    )
    settings = {"scheduler": result.name, "family": family, "problem": described}
    measured = (*comparison.metrics, *metrics.DECISION_METRICS.values())
    tags = [metric.tag for metric in measured]
    tags += [metric.difference_tag for metric in comparison.metrics]
    values = dict.fromkeys(tags, 0.0)  # the run's scalars take their place
    for summary in hparams(settings, values):  # type: ignore[no-untyped-call]
        writer.file_writer.add_summary(summary)  # type: ignore[attr-defined]


def _write_view(writer: SummaryWriter, view: EpisodeView) -> None:
    schedule = view.schedule
    _add_figure(writer, "first_episode/utilisation", utilisation_figure(schedule))
    stretch_s = max(1.0, np.ceil(schedule.makespan_s / MAX_POINTS))
    busy = schedule.pool_utilisation(stretch_s)
    for curve, values in zip(metrics.UTILISATION_CURVES, busy, strict=True):
        for index, value in enumerate(values):
            writer.add_scalar(curve.tag, value, int(index * stretch_s))
    if view.audit is not None:
        found = tables.describe_audit(view.audit, schedule.num_tasks)
        table = tables.audit_table(view.audit).to_markdown()
        writer.add_text("decision_audit", f"{found}\n\n{table}\n\n{tables.AUDIT_EXPLAINED}")


def _write_provenance(writer: SummaryWriter, comparison: Comparison) -> None:
    text = json.dumps(comparison.provenance.to_json(), indent=1)
    writer.add_text("provenance", f"```\n{text}\n```")


def _add_figure(writer: SummaryWriter, tag: str, figure: Figure) -> None:
    add_png(writer, tag, to_bytes(figure, "png"))


def add_png(writer: SummaryWriter, tag: str, png: bytes) -> None:
    """Add a picture as it is; `SummaryWriter.add_image` would draw it anew."""
    from tensorboard.compat.proto.summary_pb2 import Summary

    width, height = struct.unpack(">II", png[16:24])  # of the header that begins every PNG
    image = Summary.Image(height=height, width=width, colorspace=3, encoded_image_string=png)
    summary = Summary(value=[Summary.Value(tag=tag, image=image)])
    writer.file_writer.add_summary(summary, 0)  # type: ignore[attr-defined]
