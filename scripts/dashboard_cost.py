"""What a server with many sockets costs a stream: by turns with it and without."""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from cpu_gpu_env.errors import HybridClusterError
from cpu_gpu_env.results.store.reading import StoreReader, open_reader
from cpu_gpu_env.scripts import terminal
from cpu_gpu_env.scripts.served_process import Crowd, ServedProcess

if TYPE_CHECKING:
    from rich.table import Table

MAX_RATIO = 1.05
"""Time for as many decisions with the server at most, over that without."""
MAX_GROWTH_BYTES = 20 * 10**6
"""Of the server's memory at most."""
_STEP_S = 0.02
_START_S = 180.0


@dataclass
class Cost:
    """What was measured."""

    without: list[float] = field(default_factory=list)
    """Decisions a second that were stored in each part without the server."""
    watched: list[float] = field(default_factory=list)
    """The same with it."""
    growth_bytes: int = 0
    """By how much its memory grew at the most, from one socket to all of them."""
    memory_bytes: int = 0
    """Its memory at the most."""
    cpu: float = 0.0
    """Cores that it took."""
    sent_bytes_per_s: float = 0.0
    """To all sockets that read."""
    cut: int = 0
    """How often the socket that never reads was closed."""

    @property
    def ratio(self) -> float:
        """Time for as many decisions with the server, over that without."""
        return sum(self.without) / sum(self.watched)


def measure(arguments: argparse.Namespace, url: str, folder: Path) -> Cost:
    """Let a stream flow, and look at it by turns.

    Args:
        arguments: Of the command.
        url: Of a store that is empty.
        folder: Takes the curves.
    """
    cost = Cost()
    with _flowing(arguments, url, folder), _opened(url) as reader:
        rates = _Rates(reader)
        time.sleep(arguments.warm_up)
        for round_number in (
            bar := terminal.progress_bar(range(arguments.rounds), desc="with and without sockets")
        ):
            # Other first each time: a stream whose store fills gets slower by itself.
            for is_watched in (False, True) if round_number % 2 == 0 else (True, False):
                if is_watched:
                    with ServedProcess(url) as server:
                        _watch(arguments, server, rates, cost)
                else:
                    cost.without.append(rates.over(arguments.seconds))
            bar.set_postfix_str(f"{cost.ratio:.3f} times as long")
    return cost


def _watch(arguments: argparse.Namespace, server: ServedProcess, rates: _Rates, cost: Cost) -> None:
    with Crowd(server, 2):  # what it loads when first asked is no growth
        time.sleep(1.5)
    before = server.memory_bytes
    with Crowd(server, arguments.sockets) as crowd:
        time.sleep(1.0)
        begin_s, cpu_s, got = time.monotonic(), server.cpu_s, crowd.received_bytes
        memory: list[int] = []
        cost.watched.append(rates.over(arguments.seconds, server, memory))
        took_s = time.monotonic() - begin_s
        cost.cpu = (server.cpu_s - cpu_s) / took_s
        cost.sent_bytes_per_s = (crowd.received_bytes - got) / took_s
        cost.cut += crowd.cut
    cost.memory_bytes = max(cost.memory_bytes, *memory)
    cost.growth_bytes = max(cost.growth_bytes, max(memory) - before)


class _Rates:
    """How fast a stream stores decisions.

    It stores many at once, now and then: counted is from the first such moment to the last.
    """

    def __init__(self, reader: StoreReader) -> None:
        self._reader = reader
        self._run = int(reader.runs()[-1]["run"])
        self._lanes = len(reader.schedulers(self._run))

    def over(
        self, seconds: float, server: ServedProcess | None = None, memory: list[int] | None = None
    ) -> float:
        """Decisions a second, over about so many seconds; takes down the server's memory, too."""
        edges: list[tuple[float, int]] = []
        before = self._stored()
        until_s = time.monotonic() + seconds
        while time.monotonic() < until_s or len(edges) < 2:
            now = self._stored()
            if now > before:
                edges.append((time.monotonic(), now))
                before = now
            if server is not None and memory is not None:
                memory.append(server.memory_bytes)
            if time.monotonic() > until_s + _START_S:
                raise HybridClusterError("the stream stores nothing more")
            time.sleep(_STEP_S)
        (first_s, first), (last_s, last) = edges[0], edges[-1]
        return (last - first) * self._lanes / (last_s - first_s)

    def _stored(self) -> int:
        return int(self._reader.run_row(self._run)["tasks"])


@contextmanager
def _flowing(arguments: argparse.Namespace, url: str, folder: Path) -> Iterator[None]:
    """A stream in a process of its own, as fast as it goes."""
    words = [sys.executable, "-m", "cpu_gpu_env.scripts.stream", "--bound", "none"]
    words += ["--schedulers", arguments.schedulers, "--num-tasks", str(arguments.num_tasks)]
    words += ["--seed", str(arguments.seed), "--output", str(folder / "curves")]
    process = subprocess.Popen(
        [*words, "--store", url], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    try:
        _wait_for_tasks(url, process)
        yield
    finally:
        process.terminate()
        process.communicate()


def _wait_for_tasks(url: str, process: subprocess.Popen[str]) -> None:
    until_s = time.monotonic() + _START_S
    while time.monotonic() < until_s:
        if process.poll() is not None:
            _, said = process.communicate()
            why = said.strip().splitlines()[-1:] or ["it ended"]
            raise HybridClusterError(f"the stream did not start: {why[0].removeprefix('error: ')}")
        try:
            with open_reader(url) as reader:
                if any(row["tasks"] for row in reader.runs()):
                    return
        except HybridClusterError:  # it is not there yet
            pass
        time.sleep(0.1)
    raise HybridClusterError(f"the stream did not start within {_START_S:g} s")


@contextmanager
def _opened(url: str) -> Iterator[StoreReader]:
    with open_reader(url, pooled=True) as reader:
        yield reader


def table_of(cost: Cost, arguments: argparse.Namespace) -> Table:
    """What was measured, beside what it should be at the most."""
    sockets = arguments.sockets
    table = terminal.new_table(
        f"{arguments.schedulers}: by turns without a server, and with one and {sockets} sockets",
        *("", "measured", "at most"),
    )
    rows: Sequence[tuple[str, str, str]] = (
        ("decisions/s without", f"{sum(cost.without) / len(cost.without):,.0f}", ""),
        ("decisions/s with", f"{sum(cost.watched) / len(cost.watched):,.0f}", ""),
        ("time with over time without", f"{cost.ratio:.3f}", f"{MAX_RATIO:.2f}"),
        ("server's memory [MB]", f"{cost.memory_bytes / 1e6:.1f}", ""),
        (
            "its growth with the sockets [MB]",
            f"{cost.growth_bytes / 1e6:.1f}",
            f"{MAX_GROWTH_BYTES / 1e6:.0f}",
        ),
        ("server's cores", f"{cost.cpu:.2f}", ""),
        ("sent to all [MB/s]", f"{cost.sent_bytes_per_s / 1e6:.2f}", ""),
        ("times the deaf one was closed", str(cost.cut), ""),
    )
    for row in rows:
        table.add_row(*row)
    return table
