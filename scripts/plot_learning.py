"""Draw how the gap to the certified bound falls in training.

The gap of a point is the mean objective of the held-out episodes over the mean of their certified
lower bounds, minus 1: a training logs only the mean objective. It is the same ratio of means for
the lines of the schedulers that do not learn, so it is not the mean gap that compare.py prints.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if __name__ == "__main__":  # Ctrl-C during the imports below
    signal.signal(signal.SIGINT, lambda *_: os._exit(130))

import numpy as np

from cpu_gpu_env.baselines import make_scheduler
from cpu_gpu_env.baselines.evaluation.play import play_episodes
from cpu_gpu_env.baselines.report.drawing import FORMATS, to_bytes
from cpu_gpu_env.io.atomic_files import write_bytes_atomically
from cpu_gpu_env.problem.problem import make_problem
from cpu_gpu_env.results.metrics import GAP
from cpu_gpu_env.results.provenance import ProblemRecord
from cpu_gpu_env.results.records import ORACLE
from cpu_gpu_env.scripts.command import check_output, check_total, entry_point, make_parser
from cpu_gpu_env.scripts.scheduler_arguments import add_oracle_arguments, solve_oracle

if TYPE_CHECKING:
    from cpu_gpu_env.agents.learning_curves import Curve, Run

DEFAULT_RUN = Path("runs/dqn")
HEURISTICS = ("myopic", "static-price", "queue-price")
SUFFIX = ".learning"
"""Ends the names of our event files: new curves replace these and no others."""


def parse_arguments(argv: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = make_parser(
        "plot-learning",
        "Draw learning curves of trainings, with the mean and range of those that differ only in "
        "their seed, as a PNG, PDF or SVG and for TensorBoard.",
        "runs/dqn runs/dqn-queues --output runs/learning.png",
    )
    parser.add_argument(
        "runs",
        metavar="RUN",
        type=Path,
        nargs="*",
        default=[DEFAULT_RUN],
        help="folder of a training by train.py; all on the same problem",
    )
    parser.add_argument(
        "--output", type=Path, default=Path("runs/learning.png"), help="file to write"
    )
    parser.add_argument(
        "--tensorboard",
        type=Path,
        help="folder to write for TensorBoard (default: the output without its ending)",
    )
    add_oracle_arguments(parser)
    arguments = parser.parse_args(argv)
    if arguments.tensorboard is None:
        arguments.tensorboard = arguments.output.with_suffix("")
    return arguments


def execute(arguments: argparse.Namespace) -> int:
    """Read the trainings, bound their held-out episodes, and draw."""
    from cpu_gpu_env.agents.learning_curves import check_comparable, mean_curves, read_run
    from cpu_gpu_env.baselines.report.learning_figure import learning_figure

    check_output(arguments.output, "file", FORMATS)
    check_output(arguments.tensorboard)
    check_output(arguments.cache)
    runs = [read_run(folder) for folder in arguments.runs]
    check_comparable(runs)
    curves = mean_curves(runs)
    bound, lines = heldout_gaps(runs[0], arguments.cache, arguments.jobs)
    gaps = {curve.label: curve.objective / bound - 1.0 for curve in curves}
    points = {curve.label: (curve.steps, curve.seconds, gaps[curve.label]) for curve in curves}
    figure = learning_figure(points, lines, describe(runs[0]))
    file_format, png = arguments.output.suffix[1:].lower(), to_bytes(figure, "png")
    # Saved again, a figure is laid out anew and may differ by a little.
    picture = png if file_format == "png" else to_bytes(figure, file_format)
    write_bytes_atomically(arguments.output, picture)
    print(f"written: {arguments.output}")
    write_runs(curves, lines, bound, png, arguments.tensorboard)
    print(f"learning curves: tensorboard --logdir {arguments.tensorboard}")
    return 0


def heldout_gaps(training: Run, cache: Path, jobs: int) -> tuple[float, dict[str, float]]:
    """Play and bound the episodes that judged a training.

    Returns:
        Mean lower bound of the objective, and mean objective / that - 1 of each heuristic and of
        the oracle.
    """
    from cpu_gpu_env.agents.training import validation_seeds

    objective = dict.fromkeys((*HEURISTICS, ORACLE), 0.0)
    bound, count = 0.0, len(training.problems)
    seeds = validation_seeds(training.validation_episodes, count)
    for problem in training.problems:
        check_total("held-out episodes", len(seeds), make_problem(**problem).num_tasks)
        solved = solve_oracle(seeds, dict(problem), cache, jobs)
        bound += float(np.mean([schedule.bound for schedule in solved])) / count
        objective[ORACLE] += float(np.mean([schedule.objective for schedule in solved])) / count
        for name in HEURISTICS:
            played = play_episodes(
                lambda env, name=name: make_scheduler(name, env, 0),  # type: ignore[misc]
                seeds,
                **problem,
            )
            objective[name] += float(played.objective.mean()) / count
    return bound, {name: mean / bound - 1.0 for name, mean in objective.items()}


def describe(training: Run) -> str:
    """What the curves are of, for the title."""
    from cpu_gpu_env.agents.training import validation_seeds

    seeds = validation_seeds(training.validation_episodes, len(training.problems))
    if len(training.problems) > 1:
        return f"{len(training.problems)} problems, {len(seeds)} held-out episodes of each"
    return ProblemRecord.of(make_problem(**training.problems[0])).describe(len(seeds))


def write_runs(
    curves: Sequence[Curve], lines: Mapping[str, float], bound: float, png: bytes, folder: Path
) -> None:
    """Write a TensorBoard run for each curve (mean of the seeds) and each line (two points).

    The picture is in the folder itself. When all is written, that of an earlier call is removed.
    """
    from torch.utils.tensorboard import SummaryWriter

    from cpu_gpu_env.agents.learning_curves import EVENT_FILES
    from cpu_gpu_env.baselines.report.tensorboard import add_png

    last = max(curve.steps[-1] for curve in curves)
    points = {
        curve.label: list(zip(curve.steps, curve.objective.mean(axis=0) / bound - 1.0, strict=True))
        for curve in curves
    }
    points.update({name: [(0, gap), (last, gap)] for name, gap in lines.items()})
    pattern = f"{EVENT_FILES}{SUFFIX}"
    earlier = [*folder.glob(pattern), *folder.glob(f"*/{pattern}")]
    for name, values in points.items():
        # Names hold settings, and those may hold paths.
        with SummaryWriter(str(folder / name.replace("/", "_")), filename_suffix=SUFFIX) as writer:
            for step, gap in values:
                writer.add_scalar(GAP.heldout_tag, gap, int(step))
    with SummaryWriter(str(folder), filename_suffix=SUFFIX) as writer:
        add_png(writer, "learning", png)
    for path in earlier:
        path.unlink()


main = entry_point(parse_arguments, execute)

if __name__ == "__main__":
    sys.exit(main())
