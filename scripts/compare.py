"""Compare all schedulers on the same episodes."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from pathlib import Path
from typing import Any

if __name__ == "__main__":  # Ctrl-C during the imports below
    signal.signal(signal.SIGINT, lambda *_: os._exit(130))

from gymnasium.error import DependencyNotInstalled

from cpu_gpu_env.baselines.evaluation.first_episode import view_first_episode
from cpu_gpu_env.baselines.report.episode_figures import draw_gantts
from cpu_gpu_env.baselines.report.page import write_html
from cpu_gpu_env.baselines.report.tables import make_tables, result_rows, write_json, write_rows
from cpu_gpu_env.baselines.report.tensorboard import write_tensorboard
from cpu_gpu_env.io.event_files import writing_events
from cpu_gpu_env.problem.problem import make_problem
from cpu_gpu_env.results.records import Comparison
from cpu_gpu_env.scripts import command, comparing, outputs, storing, terminal

FILES = ("comparison.csv", "comparison.json")
ANY_DEVICE = "any-device"
"""Choice of bounds: those of schedulers that choose devices, too."""


def parse_arguments(argv: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = command.Parser(
        "compare",
        "Compare schedulers, fixed and trained, on the same episodes, and say from which training "
        "they are not held out.",
        "--agent runs/dqn/best.zip --report runs/report.html",
    )
    comparing.add_arguments(parser, None, episodes=100, output="runs/comparison")
    parser.add_argument(
        "--bound",
        choices=("certified", ANY_DEVICE, "none"),
        default="certified",
        help="'any-device' holds for schedulers as well that choose the device of each share; "
        "'none' leaves out the oracle and the gaps: for huge streams",
    )
    parser.add(
        "--report", Path, None, "HTML file to write: all of it on one page that stands alone"
    )
    return parser.parse_args(argv)


@command.entry_point(parse_arguments, lambda arguments: {arguments.output: FILES})
def main(arguments: argparse.Namespace) -> int:
    """Compare, with a progress bar, and write everything down."""
    kwargs, output = command.env_kwargs(arguments), arguments.output
    problem, bounded = make_problem(**kwargs), arguments.bound != "none"
    comparing.check(arguments, FILES, bounded)
    if arguments.report is not None:
        outputs.check_output(arguments.report, "file", (".html", ".htm"))
    specs = comparing.find_schedulers(arguments, problem)
    for spec in specs:
        outputs.check_tensorboard(output / "tensorboard" / spec.name)
    with storing.storing(arguments, "comparison") as store:
        comparison, stopped = comparing.compare_schedulers(
            arguments, specs, kwargs, bounded, arguments.bound == ANY_DEVICE
        )
        table, record = (output / name for name in FILES)
        terminal.print_tables(*make_tables(comparison))  # first: a full disk takes nothing from it
        write_rows(result_rows(comparison), table)
        write_json(comparison, record)
        outputs.tell_written(table, record)
        store.add(comparison, kwargs)
        store.finish(stopped)
    illustrate(comparison, kwargs, output / "tensorboard", arguments.report)
    return command.interrupted() if stopped else 0


def illustrate(
    comparison: Comparison, kwargs: dict[str, Any], tensorboard: Path, report: Path | None
) -> None:
    """Write what is to be looked at: TensorBoard's runs and, if asked for, the page."""
    runs = 2 * len(comparison.results)
    with terminal.progress_bar(total=runs, unit="run", desc="drawing", leave=False) as bar:
        progress = comparing.naming(bar)
        views = view_first_episode(comparison, kwargs, progress)
        try:
            pictures = draw_gantts(views)
        except DependencyNotInstalled as error:
            bar.write(f"there will be no Gantt charts: {error}", file=sys.stderr)
            pictures = {}
        with writing_events(tensorboard):
            write_tensorboard(comparison, views, pictures, tensorboard, progress)
        if report is not None:
            write_html(comparison, views, pictures, report)
    if report is not None:
        outputs.tell_written(report)
    outputs.tell_tensorboard("TensorBoard", tensorboard)


if __name__ == "__main__":
    sys.exit(main())
