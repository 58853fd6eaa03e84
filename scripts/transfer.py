"""Compare schedulers on other clusters and loads than they were made for."""

from __future__ import annotations

import argparse
import itertools
import os
import signal
import sys
from pathlib import Path
from typing import Any

if __name__ == "__main__":  # Ctrl-C during the imports below
    signal.signal(signal.SIGINT, lambda *_: os._exit(130))

from cpu_gpu_env.baselines.report.tables import TextTable, lay_out, write_rows
from cpu_gpu_env.io.atomic_files import write_text_atomically
from cpu_gpu_env.model.profile import shipped_profiles
from cpu_gpu_env.problem.problem import DEFAULT_GPU_FRACTIONS
from cpu_gpu_env.results.metrics import GAP
from cpu_gpu_env.scripts.command import (
    check_output,
    command_line,
    entry_point,
    interrupted,
    load,
    make_parser,
)
from cpu_gpu_env.scripts.scheduler_arguments import (
    add_comparison_arguments,
    check_comparison,
    compare_in_each,
)
from cpu_gpu_env.scripts.terminal import print_tables

FIXED = "myopic,static-price,queue-price"
PRETRAINED = "dqn,dqn-queues"
LOADS = (0.7, 1.5)
FILES = ("transfer.csv", "transfer.md")


def parse_arguments(argv: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = make_parser(
        "transfer",
        "Compare schedulers on several clusters and loads: what an agent that was trained on one "
        "is worth on another. --cluster and --load stand for the first of each.",
        "--agent runs/dqn-mixed --episodes 50",
    )
    add_comparison_arguments(parser, None, episodes=20, output=Path("runs/transfer"))
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
    check_comparison(arguments, *FILES)
    check_output(arguments.cache)
    rows, stopped = compare_in_each(arguments, places)
    if rows:
        _write(rows, arguments.output)
    return interrupted() if stopped else 0


def make_table(rows: list[dict[str, Any]]) -> TextTable:
    """A row a place, a column a scheduler: the gap [%] with its 95 % interval."""
    places = list(dict.fromkeys((row["cluster"], row["load"]) for row in rows))
    found = {(row["scheduler"], row["cluster"], row["load"]): row for row in rows}
    names = list(dict.fromkeys(row["scheduler"] for row in rows))
    return TextTable(
        (GAP.heading, *names),
        tuple(
            (f"{cluster}, {arrivals}", *(_gap(found[name, cluster, arrivals]) for name in names))
            for cluster, arrivals in places
        ),
    )


def _gap(row: dict[str, Any]) -> str:
    return GAP.text(row[GAP.key], row[GAP.ci_key])


def _write(rows: list[dict[str, Any]], output: Path) -> None:
    write_rows(rows, output / "transfer.csv")
    table = make_table(rows)
    write_text_atomically(output / "transfer.md", table.to_markdown() + "\n")
    print_tables(lay_out(table, "cluster and load; mean ± 95 % interval over the episodes"))
    for name in FILES:
        print(f"written: {output / name}")


main = entry_point(parse_arguments, execute)

if __name__ == "__main__":
    sys.exit(main())
