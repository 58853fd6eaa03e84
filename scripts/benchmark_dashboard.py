"""Measure what the page costs a stream, with many sockets, and how fast it reads a large store."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

if __name__ == "__main__":  # Ctrl-C during the imports below
    signal.signal(signal.SIGINT, lambda *_: os._exit(130))

from cpu_gpu_env.errors import HybridClusterError
from cpu_gpu_env.scripts import command, terminal
from cpu_gpu_env.scripts.temporary_postgresql import find_binaries, temporary_server

SCHEDULERS = "round-robin,random,greedy"
MAX_SECONDS = 100_000


def parse_arguments(argv: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = command.Parser(
        "benchmark-dashboard",
        "Measure how much slower a stream is while a server shows it over many sockets, one of "
        "which never reads, how much memory that takes the server, and how long it takes to answer "
        "from a large store.",
        "--rounds 6 --decisions 5000000",
    )
    complaint = f"is not a number in (0, {MAX_SECONDS}]"
    seconds = command.argument_type(float, lambda value: 0 < value <= MAX_SECONDS, complaint)
    parser.add("--seconds", seconds, 12.0, "length of each part, with the server and without")
    parser.add(
        "--warm-up",
        seconds,
        6.0,
        "so long nothing is counted; on PostgreSQL 90 until the stream is as slow as it stays",
    )
    parser.add("--rounds", command.positive, 4, "parts of either kind, by turns")
    parser.add("--sockets", command.whole_number(2, 1000), 50, "sockets that are open")
    parser.add("--schedulers", str, SCHEDULERS, "of the stream, separated by commas; no bound")
    parser.add("--num-tasks", command.positive, 200, "tasks an episode")
    parser.add("--decisions", command.whole_number(1, 10**9), 300_000, "of the large store")
    parser.add("--lanes", command.whole_number(1, 15), 6, "schedulers of the large store")
    parser.add("--queries", command.positive, 25, "of each kind to the large store")
    parser.add("--folder", command.path, Path("runs"), "where the stores are for a while")
    parser.add_argument(
        "--postgresql",
        action="store_true",
        help="let the stores be in a PostgreSQL server of its own, not in SQLite",
    )
    parser.add_seed("seed of the first episode, and of what is asked for")
    return parser.parse_args(argv)


@command.entry_point(parse_arguments)
def main(arguments: argparse.Namespace) -> int:
    """Measure and print the tables."""
    if arguments.postgresql and find_binaries() is None:
        raise HybridClusterError("--postgresql needs a server; apt-get install postgresql")
    from cpu_gpu_env.scripts import dashboard_cost, dashboard_latency

    arguments.folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=arguments.folder)))
        with _store(arguments, folder, "stream") as url:
            cost = dashboard_cost.measure(arguments, url, folder)
        terminal.print_tables(dashboard_cost.table_of(cost, arguments))
        with _store(arguments, folder, "large") as url:
            latencies = dashboard_latency.measure(arguments, url)
        terminal.print_tables(dashboard_latency.table_of(latencies, arguments))
    return 0


@contextmanager
def _store(arguments: argparse.Namespace, folder: Path, name: str) -> Iterator[str]:
    """The URL of an empty store, as long as the block lasts."""
    if arguments.postgresql:
        with temporary_server() as server:
            # Processes take it from there: what is in their command lines, all can see.
            os.environ["PGPASSWORD"] = server.password
            yield server.url().replace(f":{server.password}@", "@")
    else:
        yield f"sqlite:///{(folder / name).absolute()}.sqlite"


if __name__ == "__main__":
    sys.exit(main())
