"""Compare schedulers on other clusters and loads than they were made for."""

from __future__ import annotations

import argparse
import itertools
import os
import signal
import sys
from typing import Any

if __name__ == "__main__":  # Ctrl-C during the imports below
    signal.signal(signal.SIGINT, lambda *_: os._exit(130))

from cpu_gpu_env.baselines.report import tables
from cpu_gpu_env.io.atomic_files import write_text_atomically
from cpu_gpu_env.model.profile import shipped_profiles
from cpu_gpu_env.problem.problem import DEFAULT_GPU_FRACTIONS
from cpu_gpu_env.results.metrics import GAP
from cpu_gpu_env.scripts import command, comparing, outputs, storing, terminal

FIXED = "myopic,static-price,queue-price"
PRETRAINED = "dqn,dqn-queues"
LOADS = (0.7, 1.5)
FILES = ("transfer.csv", "transfer.md")


def parse_arguments(argv: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = command.Parser(
        "transfer",
        "Compare schedulers on several clusters and loads: what an agent that was trained on one "
        "is worth on another. --cluster and --load stand for the first of each.",
        "--agent runs/dqn-mixed --episodes 50",
    )
    comparing.add_arguments(parser, None, episodes=20, output="runs/transfer")
    parser.add_argument(
        "--also-cluster",
        action="append",
        help="another cluster; may be repeated (default: all shipped profiles)",
    )
    parser.add_argument(
        "--also-load",
        type=command.load,
        action="append",
        help=f"another load; may be repeated (default: {' and '.join(map(str, LOADS))})",
    )
    arguments = parser.parse_args(argv)
    if arguments.schedulers is None:
        fits = arguments.gpu_fractions == DEFAULT_GPU_FRACTIONS
        arguments.schedulers = f"{FIXED},{PRETRAINED}" if fits else FIXED
    arguments.also_cluster = arguments.also_cluster or shipped_profiles()
    arguments.also_load = arguments.also_load or LOADS
    return arguments


@command.entry_point(parse_arguments, lambda arguments: {arguments.output: FILES})
def main(arguments: argparse.Namespace) -> int:
    """Compare everywhere; what is done when Ctrl-C comes is kept."""
    clusters = dict.fromkeys([arguments.cluster, *arguments.also_cluster])
    loads = dict.fromkeys([arguments.load, *arguments.also_load])
    places = [{"cluster": c, "load": load} for c, load in itertools.product(clusters, loads)]
    with storing.storing(arguments, "transfer") as store:
        rows, stopped = comparing.compare_in_each(arguments, places, FILES, store)
        if rows:
            write(rows, arguments)
            store.finish(stopped)
    return command.interrupted() if stopped else 0


def write(rows: list[dict[str, Any]], arguments: argparse.Namespace) -> None:
    """Show and write what was found."""
    csv, markdown = (arguments.output / name for name in FILES)
    gaps, differences = make_table(rows), make_table(rows, differences=True)
    title = "cluster and load; mean ± 95 % interval over the episodes"
    other = "cluster and load; difference in the same episodes, mean ± 95 % interval"
    notes = dict.fromkeys(
        f"not held out from {row['scheduler']}: {row['seen_in_training']}"
        for row in rows
        if row["seen_in_training"]
    )
    terminal.print_tables(
        tables.lay_out(gaps, title, list(notes)), tables.lay_out(differences, other)
    )
    tables.write_rows(rows, csv)
    texts = [table.to_markdown() + "\n" for table in (gaps, differences)]
    write_text_atomically(markdown, "\n".join(texts))
    outputs.tell_written(csv, markdown)


def make_table(rows: list[dict[str, Any]], differences: bool = False) -> tables.TextTable:
    """A row a place, a column a scheduler: the gap [%] with its 95 % interval.

    Args:
        rows: Records of schedulers as in CSV.
        differences: Whether to show the difference of the gap to the reference's instead.
    """
    names = tuple(dict.fromkeys(row["scheduler"] for row in rows))
    lines: dict[tuple[str, Any], dict[str, str]] = {}
    for row in rows:
        line = lines.setdefault((row["cluster"], row["load"]), {})
        line[row["scheduler"]] = (
            GAP.difference_text(row[GAP.difference_key], row[GAP.difference_ci_key])
            if differences
            else GAP.text(row[GAP.key], row[GAP.ci_key])
        )
    heading = GAP.heading
    if differences:
        references = dict.fromkeys(row["reference"] for row in rows)
        heading = f"{GAP.difference_heading} to {' or '.join(references)}"
    return tables.TextTable(
        (heading, *names),
        tuple(
            (f"{cluster}, {load}", *(line[name] for name in names))
            for (cluster, load), line in lines.items()
        ),
    )


if __name__ == "__main__":
    sys.exit(main())
