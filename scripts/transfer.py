"""Compare schedulers on other clusters and loads than they were made for."""

from __future__ import annotations

import argparse
import itertools
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if __name__ == "__main__":  # Ctrl-C during the imports below
    signal.signal(signal.SIGINT, lambda *_: os._exit(130))

from cpu_gpu_env.io.atomic_files import write_text_atomically
from cpu_gpu_env.model.profile import shipped_profiles
from cpu_gpu_env.problem.problem import DEFAULT_GPU_FRACTIONS, make_problem
from cpu_gpu_env.scripts.command import (
    add_env_arguments,
    check_output,
    check_total,
    command_line,
    entry_point,
    env_kwargs,
    interrupted,
    load,
    make_parser,
)
from cpu_gpu_env.scripts.scheduler_arguments import add_entrant_arguments, compare_in_each
from cpu_gpu_env.scripts.terminal import print_tables

if TYPE_CHECKING:
    from cpu_gpu_env.baselines.report.tables import TextTable

FIXED = "myopic,static-price,queue-price"
PRETRAINED = "dqn,dqn-queues"
LOADS = (0.7, 1.5)


def parse_arguments(argv: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = make_parser(
        "transfer",
        "Compare schedulers on several clusters and loads: what an agent that was trained on one "
        "is worth on another. --cluster and --load stand for the first of each.",
        "--agent runs/dqn-mixed --episodes 50",
    )
    add_env_arguments(parser)
    add_entrant_arguments(parser, schedulers=None, episodes=20)
    parser.add_argument(
        "--also-cluster",
        action="append",
        help="another cluster; may be repeated (default: all shipped profiles)",
    )
    parser.add_argument(
        "--also-load",
        type=load,
        action="append",
        help=f"another load; may be repeated (default: {' and '.join(map(str, LOADS))})",
    )
    parser.add_argument(
        "--output", type=Path, default=Path("runs/transfer"), help="folder to write"
    )
    arguments = parser.parse_args(argv)
    arguments.command = command_line("transfer", argv)
    if arguments.schedulers is None:
        fits = arguments.gpu_fractions == DEFAULT_GPU_FRACTIONS
        arguments.schedulers = f"{FIXED},{PRETRAINED}" if fits else FIXED
    if arguments.also_cluster is None:
        arguments.also_cluster = list(shipped_profiles())
    if arguments.also_load is None:
        arguments.also_load = list(LOADS)
    return arguments


def execute(arguments: argparse.Namespace) -> int:
    """Compare everywhere; what is done when Ctrl-C comes is kept."""
    clusters = dict.fromkeys([arguments.cluster, *arguments.also_cluster])
    loads = dict.fromkeys([arguments.load, *arguments.also_load])
    places = [
        {"cluster": c, "load": arrivals} for c, arrivals in itertools.product(clusters, loads)
    ]
    check_output(arguments.output / "transfer.csv", "file")
    check_output(arguments.cache)
    check_total("--episodes", arguments.episodes, arguments.num_tasks)
    for place in places:  # bad input is told before the work
        make_problem(**{**env_kwargs(arguments), **place})
    rows, stopped = compare_in_each(arguments, places)
    if rows:
        _write(rows, arguments.output)
    return interrupted() if stopped else 0


def make_table(rows: list[dict[str, Any]]) -> TextTable:
    """A row a place, a column a scheduler: the gap [%] with its 95 % interval."""
    from cpu_gpu_env.baselines.report.tables import TextTable

    places = list(dict.fromkeys((row["cluster"], row["load"]) for row in rows))
    found = {(row["scheduler"], row["cluster"], row["load"]): row for row in rows}
    names = list(dict.fromkeys(row["scheduler"] for row in rows))
    return TextTable(
        ("gap [%]", *names),
        tuple(
            (f"{cluster}, {arrivals}", *(_gap(found[name, cluster, arrivals]) for name in names))
            for cluster, arrivals in places
        ),
    )


def _gap(row: dict[str, Any]) -> str:
    from cpu_gpu_env.baselines.report.tables import interval

    return interval(100 * row["gap"], 100 * row["gap_ci95"], 1)


def _write(rows: list[dict[str, Any]], output: Path) -> None:
    from cpu_gpu_env.baselines.report.files import lay_out, write_rows

    write_rows(rows, output / "transfer.csv")
    table = make_table(rows)
    write_text_atomically(output / "transfer.md", table.to_markdown() + "\n")
    print_tables(lay_out(table, "cluster and load; mean ± 95 % interval over the episodes"))
    for name in ("transfer.csv", "transfer.md"):
        print(f"written: {output / name}")


main = entry_point(parse_arguments, execute)

if __name__ == "__main__":
    sys.exit(main())
