"""Draw how the gap to the certified bound falls in training.

The gap of a point is the mean objective of the validation episodes over the mean of their certified
lower bounds, minus 1: a training logs only the mean objective. It is the same ratio of means for
the lines of the schedulers that do not learn, so it is not the mean gap that compare.py prints.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

if __name__ == "__main__":  # Ctrl-C during the imports below
    signal.signal(signal.SIGINT, lambda *_: os._exit(130))

import numpy as np

from cpu_gpu_env.baselines import make_scheduler
from cpu_gpu_env.baselines.evaluation.play import play_episodes
from cpu_gpu_env.baselines.report.drawing import FORMATS, to_bytes
from cpu_gpu_env.baselines.report.tensorboard import add_png
from cpu_gpu_env.errors import HybridClusterError
from cpu_gpu_env.io.atomic_files import write_bytes_atomically
from cpu_gpu_env.io.event_files import EVENT_FILES, writing_events
from cpu_gpu_env.problem.problem import make_problem
from cpu_gpu_env.results.gap import gap_to_bound
from cpu_gpu_env.results.metrics import GAP
from cpu_gpu_env.results.provenance import ProblemRecord
from cpu_gpu_env.results.records import ORACLE
from cpu_gpu_env.scripts import command, comparing, outputs

if TYPE_CHECKING:
    from cpu_gpu_env.agents.learning_curves import Curve

DEFAULT_RUN = Path("runs/dqn")
HEURISTICS = ("myopic", "static-price", "queue-price")
SUFFIX = ".learning"
"""Ends the names of our event files: new curves replace these and no others."""


def parse_arguments(argv: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = command.Parser(
        "plot-learning",
        "Draw learning curves of trainings, with the mean and range of those that differ only in "
        "their seed, as a PNG, PDF or SVG and for TensorBoard.",
        "runs/dqn runs/dqn-queues --output runs/learning.png",
    )
    parser.add_argument(
        "runs",
        type=command.path,
        metavar="RUN",
        nargs="*",
        default=[DEFAULT_RUN],
        help="folder of a training by train.py; all on the same problem",
    )
    parser.add("--output", command.path, "runs/learning.png", "file to write")
    parser.add_argument(
        "--tensorboard",
        type=command.path,
        help="folder to write for TensorBoard (default: the output without its ending)",
    )
    parser.add(
        "--max-bytes",
        command.whole_number(1, 2**40),
        2**26,
        "bytes that an event file may have at most; it may take ten times as much memory",
    )
    comparing.add_oracle_arguments(parser)
    arguments = parser.parse_args(argv)
    if arguments.tensorboard is None:
        output = arguments.output
        arguments.tensorboard = output.with_suffix("") if output.name else output
    return arguments


@command.entry_point(parse_arguments, lambda arguments: {arguments.tensorboard: ()})
def main(arguments: argparse.Namespace) -> int:
    """Read the trainings, bound their validation episodes, and draw."""
    from cpu_gpu_env.agents.learning_curves import check_comparable, mean_curves, read_run
    from cpu_gpu_env.agents.training import validation_seeds
    from cpu_gpu_env.baselines.report.learning_figure import learning_figure

    outputs.check_output(arguments.output, "file", FORMATS)
    outputs.check_tensorboard(arguments.tensorboard)
    outputs.check_output(arguments.cache)
    runs = [read_run(folder, arguments.max_bytes) for folder in arguments.runs]
    check_comparable(runs)
    curves = mean_curves(runs)
    problems = runs[0].problems
    seeds = validation_seeds(runs[0].validation_episodes, len(problems))
    bound, lines = validation_gaps(problems, seeds, arguments.cache, arguments.jobs)
    gaps = {curve.label: gap_to_bound(curve.objective, bound) for curve in curves}
    points = {curve.label: (curve.steps, curve.seconds, gaps[curve.label]) for curve in curves}
    figure = learning_figure(points, lines, describe(problems, len(seeds)))
    file_format, png = arguments.output.suffix[1:].lower(), to_bytes(figure, "png")
    # Saved again, a figure is laid out anew and may differ by a little.
    picture = png if file_format == "png" else to_bytes(figure, file_format)
    write_bytes_atomically(arguments.output, picture)
    outputs.tell_written(arguments.output)
    with writing_events(arguments.tensorboard):
        write_runs(curves, lines, bound, png, arguments.tensorboard)
    outputs.tell_tensorboard("learning curves", arguments.tensorboard)
    return 0


def validation_gaps(
    problems: Sequence[Mapping[str, Any]], seeds: Sequence[int], cache: Path, jobs: int
) -> tuple[float, dict[str, float]]:
    """Play and bound the episodes that judged a training, the same seeds of each problem.

    Returns:
        Mean lower bound of the objective, and mean objective / that - 1 of each heuristic and of
        the oracle.

    Raises:
        HybridClusterError: If the bound is 0, from which no gap can be drawn.
    """
    objective = dict.fromkeys((*HEURISTICS, ORACLE), 0.0)
    bound, count = 0.0, len(problems)
    for problem in problems:
        command.check_total("validation episodes", len(seeds), make_problem(**problem).num_tasks)
        solved = comparing.solve_oracle(seeds, dict(problem), cache, jobs)
        bound += float(np.mean([schedule.bound for schedule in solved])) / count
        objective[ORACLE] += float(np.mean([schedule.objective for schedule in solved])) / count
        for name in HEURISTICS:
            played = play_episodes(partial(make_scheduler, name, seed=0), seeds, **problem)
            objective[name] += float(played.objective.mean()) / count
    if bound <= 0.0:
        raise HybridClusterError(
            f"the certified bound of the validation episodes is {bound}: energy alone counts, and "
            "their tasks need none; allowed: trainings on episodes that cost something"
        )
    return bound, {name: float(gap_to_bound(mean, bound)) for name, mean in objective.items()}


def describe(problems: Sequence[Mapping[str, Any]], num_episodes: int) -> str:
    """What the curves are of, for the title."""
    if len(problems) > 1:
        return f"{len(problems)} problems, {num_episodes} validation episodes of each"
    return ProblemRecord.of(make_problem(**problems[0])).describe(num_episodes, "validation")


def write_runs(
    curves: Sequence[Curve], lines: Mapping[str, float], bound: float, png: bytes, folder: Path
) -> None:
    """Write a TensorBoard run for each curve (mean of the seeds) and each line (two points).

    The picture is in the folder itself. When all is written, that of an earlier call is removed.
    """
    from torch.utils.tensorboard import SummaryWriter

    last = max(curve.steps[-1] for curve in curves)
    points = {
        curve.label: list(
            zip(curve.steps, gap_to_bound(curve.objective.mean(axis=0), bound), strict=True)
        )
        for curve in curves
    }
    points.update({name: [(0, gap), (last, gap)] for name, gap in lines.items()})
    pattern = f"{EVENT_FILES}{SUFFIX}"
    earlier = [*folder.glob(pattern), *folder.glob(f"*/{pattern}")]
    for name, values in points.items():
        # Names hold settings, and those may hold paths.
        with SummaryWriter(str(folder / name.replace("/", "_")), filename_suffix=SUFFIX) as writer:
            for step, gap in values:
                writer.add_scalar(GAP.validation_tag, gap, int(step))
    with SummaryWriter(str(folder), filename_suffix=SUFFIX) as writer:
        add_png(writer, "learning", png)
    for path in earlier:
        path.unlink()


if __name__ == "__main__":
    sys.exit(main())
