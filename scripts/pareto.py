"""Sweep the energy weight: makespan against energy of every scheduler, and what no one can beat."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from typing import Any

if __name__ == "__main__":  # Ctrl-C during the imports below
    signal.signal(signal.SIGINT, lambda *_: os._exit(130))

from cpu_gpu_env.baselines.report import drawing, tables, tradeoff_figures
from cpu_gpu_env.problem.problem import make_problem
from cpu_gpu_env.scripts import command, comparing, outputs, storing

FILES = ("pareto.csv", "pareto.png")
SCHEDULERS = "gpu-only,earliest-finish,myopic,static-price,queue-price"


def parse_arguments(argv: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = command.Parser(
        "pareto",
        "Sweep the energy weight from 0 to 1 and draw makespan against energy of every scheduler, "
        "with the region that the certified bounds rule out.",
        "--agent runs/dqn-weights/best.zip --episodes 20",
    )
    comparing.add_arguments(parser, SCHEDULERS, episodes=20, output="runs/pareto")
    parser.add_argument(
        "--weights",
        type=command.argument_type(
            lambda text: tuple(sorted(set(command.numbers(text)))),
            lambda weights: all(0 <= weight <= 1 for weight in weights),
            "is no list of numbers in [0, 1]",
        ),
        default=command.ENERGY_WEIGHTS,
        help="energy weights, separated by commas",
    )
    return parser.parse_args(argv)


@command.entry_point(parse_arguments, lambda arguments: {arguments.output: FILES})
def main(arguments: argparse.Namespace) -> int:
    """Compare at every weight; what is done when Ctrl-C comes is drawn."""
    weights = [{"energy_weight": weight} for weight in arguments.weights]
    with storing.storing(arguments, "pareto") as store:
        rows, stopped = comparing.compare_in_each(arguments, weights, FILES, store)
        if rows:
            draw(rows, arguments)
            store.finish(stopped)
    return command.interrupted() if stopped else 0


def draw(rows: list[dict[str, Any]], arguments: argparse.Namespace) -> None:
    """Draw and write what was found."""
    table, picture = (arguments.output / name for name in FILES)
    tables.write_rows(rows, table)
    problem = make_problem(**command.env_kwargs(arguments))
    scale = tradeoff_figures.episode_scale(problem.objective.reference, problem.num_tasks)
    title = f"{problem.cluster.name}: energy weight from 0 to 1"
    drawing.write_figure(tradeoff_figures.pareto_figure(rows, scale, title), picture)
    outputs.tell_written(table, picture)


if __name__ == "__main__":
    sys.exit(main())
