"""Sweep the energy weight: makespan against energy of every scheduler, and what no one can beat."""

from __future__ import annotations

import argparse
import io
import os
import signal
import sys
from pathlib import Path
from typing import Any

if __name__ == "__main__":  # Ctrl-C during the imports below
    signal.signal(signal.SIGINT, lambda *_: os._exit(130))

import numpy as np
import numpy.typing as npt

from cpu_gpu_env.errors import HybridClusterError
from cpu_gpu_env.io.atomic_files import write_bytes_atomically
from cpu_gpu_env.model.tasks import FloatArray
from cpu_gpu_env.problem.problem import make_problem
from cpu_gpu_env.scripts.command import (
    ENERGY_WEIGHTS,
    add_env_arguments,
    check_output,
    check_total,
    command_line,
    entry_point,
    env_kwargs,
    interrupted,
    make_parser,
)
from cpu_gpu_env.scripts.scheduler_arguments import add_entrant_arguments, compare_in_each

SCHEDULERS = "gpu-only,earliest-finish,myopic,static-price,queue-price"


def parse_arguments(argv: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = make_parser(
        "pareto",
        "Sweep the energy weight from 0 to 1 and draw makespan against energy of every scheduler, "
        "with the region that the certified bounds rule out.",
        "--agent runs/dqn-weights/best.zip --episodes 20",
    )
    add_env_arguments(parser)
    parser.add_argument(
        "--weights",
        type=_weights,
        default=ENERGY_WEIGHTS,
        help="energy weights, separated by commas",
    )
    add_entrant_arguments(parser, schedulers=SCHEDULERS, episodes=20)
    parser.add_argument("--output", type=Path, default=Path("runs/pareto"), help="folder to write")
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
    from cpu_gpu_env.baselines.report.files import write_rows

    table, picture = arguments.output / "pareto.csv", arguments.output / "pareto.png"
    for path in (table, picture):
        check_output(path, "file")
    check_output(arguments.cache)
    check_total("--episodes", arguments.episodes, arguments.num_tasks)
    weights = [{"energy_weight": weight} for weight in arguments.weights]
    rows, stopped = compare_in_each(arguments, weights)
    if not rows:
        return interrupted()
    write_rows(rows, table)
    problem = make_problem(**env_kwargs(arguments))
    reference = problem.objective.reference
    scale = np.array([reference.makespan_s, reference.energy_j]) * problem.num_tasks
    write_bytes_atomically(picture, draw(rows, scale, f"{problem.cluster.name}"))
    for path in (table, picture):
        print(f"written: {path}")
    return interrupted() if stopped else 0


def envelope(
    rows: list[dict[str, Any]], scale: FloatArray, makespan_s: FloatArray
) -> npt.NDArray[np.float64]:
    """Least energy that the bounds allow at each mean makespan [J].

    The bound b at weight w says (1-w) makespan / T + w energy / E >= b, with T and E in `scale`.
    """
    bounds = {row["energy_weight"]: row["bound"] for row in rows}
    least = np.zeros(len(makespan_s))
    for weight, bound in bounds.items():
        rest = bound - (1 - weight) * makespan_s / scale[0]
        if weight > 0:
            least = np.maximum(least, rest / weight * scale[1])
        else:
            least = np.where(rest > 0, np.inf, least)
    return least


def draw(rows: list[dict[str, Any]], scale: FloatArray, title: str) -> bytes:
    """Draw a line a scheduler through its points, in order of weight."""
    from matplotlib.figure import Figure

    if not rows:
        raise HybridClusterError("there is nothing to draw")
    figure = Figure(figsize=(7.5, 5.5), layout="constrained")
    axes = figure.add_subplot()
    for name in dict.fromkeys(row["scheduler"] for row in rows):
        mine = sorted(
            (row for row in rows if row["scheduler"] == name), key=lambda row: row["energy_weight"]
        )
        axes.plot(
            [row["makespan_s"] for row in mine],
            [row["energy_j"] / 1e3 for row in mine],
            "s-" if name == "oracle" else "o-",
            markersize=4,
            label=name,
        )
    low, high = axes.get_xlim()
    floor, top = axes.get_ylim()
    makespan_s = np.linspace(low, high, 400)
    least_kj = np.minimum(envelope(rows, scale, makespan_s) / 1e3, top)
    axes.fill_between(makespan_s, floor, least_kj, color="0.85", label="ruled out by the bounds")
    axes.set_xlim(low, high)
    axes.set_ylim(floor, top)
    axes.set_xlabel("makespan [s], mean over the episodes")
    axes.set_ylabel("energy [kJ]")
    axes.set_title(f"{title}: energy weight from 0 to 1", parse_math=False, fontsize=10)
    axes.legend(fontsize=8)
    axes.grid(alpha=0.3)
    picture = io.BytesIO()
    figure.savefig(picture, dpi=130)
    return picture.getvalue()


main = entry_point(parse_arguments, execute)

if __name__ == "__main__":
    sys.exit(main())
