"""Compare all schedulers on the same held-out episodes."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if __name__ == "__main__":  # Ctrl-C during the imports below
    signal.signal(signal.SIGINT, lambda *_: os._exit(130))

from gymnasium.error import DependencyNotInstalled

from cpu_gpu_env.problem.problem import make_problem
from cpu_gpu_env.scripts.command import (
    check_output,
    command_line,
    entry_point,
    env_kwargs,
    interrupted,
    make_parser,
)
from cpu_gpu_env.scripts.scheduler_arguments import (
    add_comparison_arguments,
    check_comparison,
    compare_schedulers,
    find_schedulers,
    naming,
)
from cpu_gpu_env.scripts.terminal import print_tables, progress_bar

if TYPE_CHECKING:
    from cpu_gpu_env.results.records import Comparison

FILES = ("comparison.csv", "comparison.json")


def parse_arguments(argv: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = make_parser(
        "compare",
        "Compare schedulers, fixed and trained, on the same held-out episodes.",
        "--agent runs/dqn/best.zip --report runs/report.html",
    )
    add_comparison_arguments(parser, None, episodes=100, output=Path("runs/comparison"))
    parser.add_argument(
        "--bound",
        choices=("certified", "none"),
        default="certified",
        help="'none' leaves out the oracle and the gaps: for huge streams",
    )
    parser.add_argument(
        "--report", type=Path, help="HTML file to write: all of it on one page that stands alone"
    )
    arguments = parser.parse_args(argv)
    arguments.command = command_line("compare", argv)
    return arguments


def execute(arguments: argparse.Namespace) -> int:
    """Compare, with a progress bar, and write everything down."""
    from cpu_gpu_env.baselines.report import tables

    kwargs, output = env_kwargs(arguments), arguments.output
    problem = make_problem(**kwargs)
    check_comparison(arguments, *FILES)
    if arguments.report is not None:
        check_output(arguments.report, "file", (".html", ".htm"))
    bounded = arguments.bound != "none"
    if bounded:
        check_output(arguments.cache)
    specs = find_schedulers(arguments, problem)
    for spec in specs:
        check_output(output / "tensorboard" / spec.name)
    comparison, stopped = compare_schedulers(arguments, specs, kwargs, bounded)
    tables.write_rows(tables.result_rows(comparison), output / "comparison.csv")
    tables.write_json(comparison, output / "comparison.json")
    print_tables(tables.make_table(comparison))
    for name in FILES:
        print(f"written: {output / name}")
    illustrate(comparison, kwargs, output / "tensorboard", arguments.report)
    return interrupted() if stopped else 0


def illustrate(
    comparison: Comparison, kwargs: dict[str, Any], tensorboard: Path, report: Path | None
) -> None:
    """Write what is to be looked at: TensorBoard's runs and, if asked for, the page."""
    from cpu_gpu_env.baselines.evaluation.first_episode import view_first_episode
    from cpu_gpu_env.baselines.report.episode_figures import draw_gantts
    from cpu_gpu_env.baselines.report.page import write_html
    from cpu_gpu_env.baselines.report.tensorboard import write_tensorboard

    with progress_bar(
        total=2 * len(comparison.results), unit="run", desc="drawing", leave=False
    ) as bar:
        views = view_first_episode(comparison, kwargs, naming(bar))
        try:
            pictures = draw_gantts(views)
        except DependencyNotInstalled as error:
            bar.write(f"there will be no Gantt charts: {error}", file=sys.stderr)
            pictures = {}
        write_tensorboard(comparison, views, pictures, tensorboard, naming(bar))
        if report is not None:
            write_html(comparison, views, pictures, report)
    if report is not None:
        print(f"written: {report}")
    print(f"TensorBoard: tensorboard --logdir {tensorboard}")


main = entry_point(parse_arguments, execute)

if __name__ == "__main__":
    sys.exit(main())
