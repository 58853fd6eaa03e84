"""Sweep the energy weight: makespan against energy of every scheduler, and what no one can beat."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from pathlib import Path

if __name__ == "__main__":  # Ctrl-C during the imports below
    signal.signal(signal.SIGINT, lambda *_: os._exit(130))

from cpu_gpu_env.problem.problem import make_problem
from cpu_gpu_env.scripts.command import (
    ENERGY_WEIGHTS,
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
    compare_in_each,
)

FILES = ("pareto.csv", "pareto.png")
SCHEDULERS = "gpu-only,earliest-finish,myopic,static-price,queue-price"


def parse_arguments(argv: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = make_parser(
        "pareto",
        "Sweep the energy weight from 0 to 1 and draw makespan against energy of every scheduler, "
        "with the region that the certified bounds rule out.",
        "--agent runs/dqn-weights/best.zip --episodes 20",
    )
    add_comparison_arguments(parser, SCHEDULERS, episodes=20, output=Path("runs/pareto"))
    parser.add_argument(
        "--weights",
        type=_weights,
        default=ENERGY_WEIGHTS,
        help="energy weights, separated by commas",
    )
    arguments = parser.parse_args(argv)
    arguments.command = command_line("pareto", argv)
    return arguments


def _weights(text: str) -> tuple[float, ...]:
    try:
        weights = tuple(float(part) for part in text.split(","))
    except ValueError:
        weights = ()
    if not weights or not all(0 <= weight <= 1 for weight in weights):
        raise argparse.ArgumentTypeError(f"{text!r:.40} is no list of numbers in [0, 1]")
    return tuple(sorted(set(weights)))


def execute(arguments: argparse.Namespace) -> int:
    """Compare at every weight; what is done when Ctrl-C comes is drawn."""
    from cpu_gpu_env.baselines.report.drawing import write_figure
    from cpu_gpu_env.baselines.report.tables import write_rows
    from cpu_gpu_env.baselines.report.tradeoff_figures import episode_scale, pareto_figure

    table, picture = (arguments.output / name for name in FILES)
    check_comparison(arguments, *FILES)
    check_output(arguments.cache)
    weights = [{"energy_weight": weight} for weight in arguments.weights]
    rows, stopped = compare_in_each(arguments, weights)
    if not rows:
        return interrupted()
    write_rows(rows, table)
    problem = make_problem(**env_kwargs(arguments))
    scale = episode_scale(problem.objective.reference, problem.num_tasks)
    title = f"{problem.cluster.name}: energy weight from 0 to 1"
    write_figure(pareto_figure(rows, scale, title), picture)
    for path in (table, picture):
        print(f"written: {path}")
    return interrupted() if stopped else 0


main = entry_point(parse_arguments, execute)

if __name__ == "__main__":
    sys.exit(main())
