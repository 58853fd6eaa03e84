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

from cpu_gpu_env.baselines.evaluation.comparison import MEASURES, Comparison, Entry
from cpu_gpu_env.baselines.evaluation.first_episode import EpisodeView, pool_utilisation
from cpu_gpu_env.baselines.report import figures
from cpu_gpu_env.baselines.report.tables import (
    AUDIT_EXPLAINED,
    audit_table,
    describe_audit,
    leaderboard,
    win_table,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from torch.utils.tensorboard import SummaryWriter

SUFFIX = ".comparison"
"""Ends the names of our event files: a new comparison replaces these and no others."""
PERCENTILES = tuple(range(1, 100))
MAX_POINTS = 1_000
"""Points of a curve, as many as TensorBoard reads; longer ones are thinned out."""

LAYOUT: dict[str, dict[str, list[Any]]] = {
    category: {title: ["Multiline", [f"^{tag}$"]] for title, tag in charts.items()}
    for category, charts in {
        "Objective and gap to the certified bound": {
            "gap, mean so far": "mean/gap",
            "gap of an episode": "episode/gap",
            "J, mean so far": "mean/objective",
            "J of an episode": "episode/objective",
        },
        "Makespan and wait": {
            "makespan, mean so far [s]": "mean/makespan_s",
            "makespan of an episode [s]": "episode/makespan_s",
            "wait of a task, mean so far [s]": "mean/mean_wait_s",
            "mean wait in an episode [s]": "episode/mean_wait_s",
        },
        "Energy": {
            "energy, mean so far [J]": "mean/energy_j",
            "energy of an episode [J]": "episode/energy_j",
        },
        "Decision time": {"decision time by percentile [s]": "decision/time_by_percentile_s"},
        "Utilisation in the first episode, by second": {
            "CPUs": "utilisation/cpus",
            "GPUs": "utilisation/gpus",
        },
    }.items()
}
"""Charts of the Custom Scalars tab; a chart draws a curve for each run that has the tag."""


def write_tensorboard(
    comparison: Comparison,
    views: Mapping[str, EpisodeView],
    pictures: Mapping[str, bytes],
    folder: Path,
    progress: Callable[[str], None] = lambda name: None,
) -> None:
    """Write all runs; when they are whole, those of an earlier comparison are removed.

    The step of ``episode/`` is the episode, of ``mean/`` the last episode that the mean is over, of
    ``utilisation/`` the second, of ``decision/time_by_percentile_s`` the percent.

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
    for entry in comparison.entries:
        with SummaryWriter(str(folder / entry.name), filename_suffix=SUFFIX) as writer:
            _write_scalars(writer, entry)
            _write_hparams(writer, comparison, entry)
            _write_figures(writer, comparison, entry)
            writer.add_custom_scalars(LAYOUT)
            if entry.name in views:
                _write_view(writer, comparison, views[entry.name])
            if entry.name in pictures:
                add_png(writer, "first_episode/gantt", pictures[entry.name])
        progress(entry.name)
    with SummaryWriter(str(folder), filename_suffix=SUFFIX) as writer:
        _write_overview(writer, comparison)
    for path in earlier:
        path.unlink()


def _write_scalars(writer: SummaryWriter, entry: Entry) -> None:
    curves = {name: getattr(entry.episodes, name) for name in MEASURES}
    if entry.gap is not None:
        curves["gap"] = entry.gap
    last = len(entry.episodes.seeds) - 1
    steps = np.unique(np.linspace(0, last, min(last + 1, MAX_POINTS)).astype(int)).tolist()
    for name, values in curves.items():
        means = np.cumsum(values) / np.arange(1, len(values) + 1)
        for step in steps:
            writer.add_scalar(f"episode/{name}", values[step], step)
            writer.add_scalar(f"mean/{name}", means[step], step)
    if len(entry.decision_s):
        for percent in PERCENTILES:
            time_s = np.percentile(entry.decision_s, percent)
            writer.add_scalar("decision/time_by_percentile_s", time_s, percent)
            if percent in (50, 99):
                writer.add_scalar(f"decision/p{percent}_s", time_s, 0)


def _write_hparams(writer: SummaryWriter, comparison: Comparison, entry: Entry) -> None:
    """Write the row of the HPARAMS tab into the scheduler's own run.

    `SummaryWriter.add_hparams` would make a run of its own for it.
    """
    from torch.utils.tensorboard.summary import hparams

    problem = comparison.provenance["problem"]
    kind = "learned" if entry.learned else "oracle" if entry is comparison.oracle else "fixed"
    described = (
        f"{problem['cluster']}, {problem['workload']}, {problem['num_tasks']} tasks, "
        f"load {problem['load']}, energy weight {problem['energy_weight']}, "
        f"noise {problem['noise']}"
    )
    settings = {"scheduler": entry.name, "kind": kind, "problem": described}
    metrics = [f"mean/{name}" for name in ("gap", *MEASURES)]
    metrics += ["decision/p50_s", "decision/p99_s"]
    if entry.gap is None:
        metrics.remove("mean/gap")
    for summary in hparams(settings, dict.fromkeys(metrics, 0.0)):  # type: ignore[no-untyped-call]
        writer.file_writer.add_summary(summary)  # type: ignore[attr-defined]


def _write_figures(writer: SummaryWriter, comparison: Comparison, entry: Entry) -> None:
    gpu_fractions = np.array(comparison.provenance["problem"]["gpu_fractions"])
    writer.add_histogram("gpu_fraction", gpu_fractions[entry.episodes.actions.ravel()], 0)
    _add_figure(writer, "scheduler/radar", figures.radar_figure(comparison, entry.name))
    _add_figure(writer, "scheduler/gpu_fraction", figures.fraction_figure(comparison, entry))
    _write_provenance(writer, comparison)


def _write_view(writer: SummaryWriter, comparison: Comparison, view: EpisodeView) -> None:
    _add_figure(writer, "first_episode/utilisation", figures.utilisation_figure(view.scene))
    stretch_s = max(1.0, np.ceil(view.scene.makespan_s / MAX_POINTS))
    busy = pool_utilisation(view.scene, stretch_s)
    for pool, values in zip(("cpus", "gpus"), busy, strict=True):
        for index, value in enumerate(values):
            writer.add_scalar(f"utilisation/{pool}", value, int(index * stretch_s))
    if view.audit is not None:
        num_tasks = comparison.provenance["problem"]["num_tasks"]
        found = describe_audit(view.audit, num_tasks)
        table = audit_table(view.audit).to_markdown()
        writer.add_text("decision_audit", f"{found}\n\n{table}\n\n{AUDIT_EXPLAINED}")


def _write_overview(writer: SummaryWriter, comparison: Comparison) -> None:
    writer.add_text("leaderboard", leaderboard(comparison).to_markdown())
    writer.add_text("wins", win_table(comparison).to_markdown())
    _write_provenance(writer, comparison)
    _add_figure(writer, "all/radar", figures.radar_figure(comparison))
    _add_figure(writer, "all/wins", figures.win_figure(comparison))
    _add_figure(writer, "all/makespan_and_energy", figures.scatter_figure(comparison))
    gaps = figures.comparison_gaps(comparison)
    if gaps:
        _add_figure(writer, "all/gap", figures.gap_figure(gaps))


def _write_provenance(writer: SummaryWriter, comparison: Comparison) -> None:
    writer.add_text("provenance", f"```\n{json.dumps(comparison.provenance, indent=1)}\n```")


def _add_figure(writer: SummaryWriter, tag: str, figure: Figure) -> None:
    add_png(writer, tag, figures.to_bytes(figure, "png"))


def add_png(writer: SummaryWriter, tag: str, png: bytes) -> None:
    """Add a picture as it is; `SummaryWriter.add_image` would draw it anew."""
    from tensorboard.compat.proto.summary_pb2 import Summary

    width, height = struct.unpack(">II", png[16:24])  # of the header that begins every PNG
    image = Summary.Image(height=height, width=width, colorspace=3, encoded_image_string=png)
    summary = Summary(value=[Summary.Value(tag=tag, image=image)])
    writer.file_writer.add_summary(summary, 0)  # type: ignore[attr-defined]
