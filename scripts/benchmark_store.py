"""Measure how many decisions a second a stream stores, on SQLite and PostgreSQL, and without."""

from __future__ import annotations

import argparse
import json
import math
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from dataclasses import astuple, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

if __name__ == "__main__":  # Ctrl-C during the imports below
    signal.signal(signal.SIGINT, lambda *_: os._exit(130))

from cpu_gpu_env.scripts import command, stream, terminal
from cpu_gpu_env.scripts.temporary_postgresql import find_binaries, temporary_server

if TYPE_CHECKING:
    from cpu_gpu_env.results.store.reading import StoreReader
    from cpu_gpu_env.runtime.engine import Finished

SCHEDULERS = "round-robin,random,greedy"
MAX_SECONDS = 100_000
WARM_UP_S = 3.0
"""So long before nothing is counted, or as long as is counted then: batches grow, and the queue of
the store fills [s]."""
PARTS = 5
"""The first and the last of so many show whether rate or memory drift."""
SYNCHRONISED_BYTES = 4_096
STATM = Path("/proc/self/statm")
"""Where Linux tells a process its memory."""

_CHILD = """
import argparse, json, sys
from cpu_gpu_env.scripts import benchmark_store, command
sys.exit(command.run(benchmark_store.play, argparse.Namespace(**json.load(sys.stdin))))
"""


@dataclass(frozen=True)
class Sample:
    """What there is at a moment."""

    time_s: float
    """Since the first batch was done [s]."""
    decisions: int
    """Stored; those that were made where there is no store."""
    memory_bytes: int
    """Of the process; of a server of PostgreSQL: none."""


def parse_arguments(argv: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = command.Parser(
        "benchmark-store",
        "Measure how many decisions a second a stream stores, each acknowledged with full "
        "synchronisation, on SQLite and PostgreSQL, and how many it makes without a store.",
        "--seconds 600 --schedulers round-robin,greedy",
    )
    complaint = f"is not a number in (0, {MAX_SECONDS}]"
    seconds = command.argument_type(float, lambda value: 0 < value <= MAX_SECONDS, complaint)
    parser.add("--seconds", seconds, 10.0, "length of each case")
    parser.add("--schedulers", str, SCHEDULERS, "names, separated by commas; no bound is made")
    parser.add("--folder", command.path, Path("runs"), "where the file of SQLite is for a while")
    parser.add_argument(
        "--postgresql",
        help="URL of an empty database; without one a server of its own is started, if one is "
        "installed, with its data in a temporary folder (TMPDIR)",
    )
    parser.add("--num-tasks", command.positive, 200, "tasks an episode")
    parser.add_seed("seed of the first episode")
    return parser.parse_args(argv)


@command.entry_point(parse_arguments)
def main(arguments: argparse.Namespace) -> int:
    """Measure and print the table."""
    table = terminal.new_table(
        f"decisions of {arguments.schedulers}, {arguments.seconds:g} s each",
        *("store", "decisions/s", "of those without"),
        *("first fifth", "last fifth", "memory [MB]", "at the end [MB]"),
    )
    arguments.folder.mkdir(parents=True, exist_ok=True)
    folders = {arguments.folder}
    without = 0.0
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=arguments.folder)))
        stores: dict[str, str | None] = {"none": None}
        stores["SQLite"] = "sqlite:///" + str((folder / "results.sqlite").absolute())
        if arguments.postgresql:
            stores["PostgreSQL"] = arguments.postgresql
        elif find_binaries() is not None:
            server = stack.enter_context(temporary_server())
            stores["PostgreSQL"] = server.url()
            folders.add(server.folder.parent)
        else:
            print("no PostgreSQL server is installed, and no --postgresql is given")
        try:
            for name, url in (bar := terminal.progress_bar(stores.items(), desc="measuring")):
                samples = _measure(url, arguments, folder, partial(bar.write, file=sys.stderr))
                without = without or _rate(samples)
                table.add_row(name, *_summary(samples, without))
        finally:
            if table.rows:
                terminal.print_tables(table)  # after Ctrl-C what is measured, too
    for place in sorted(folders):
        print(f"{place} takes {_synchronisations(place):,.0f} synchronised writes a second")
    return 0


def _measure(
    url: str | None, arguments: argparse.Namespace, folder: Path, tell: Callable[[str], None]
) -> list[Sample]:
    """Let a stream flow in a process of its own, so that each has a memory of its own."""
    file = folder / "samples"
    line = ["--schedulers", arguments.schedulers, "--bound", "none", "--store", url or "none"]
    line += ["--num-tasks", str(arguments.num_tasks), "--seed", str(arguments.seed)]
    line += ["--output", str(folder / "output")]
    warm_up_s = min(WARM_UP_S, arguments.seconds)
    total_s = warm_up_s + arguments.seconds
    told = {"line": line, "seconds": total_s, "store": url, "file": str(file)}
    words = [sys.executable, "-c", _CHILD]
    with subprocess.Popen(
        words, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            # Not among its arguments, which all can see: a URL may have a password.
            _, said = process.communicate(json.dumps(told))
        finally:
            process.kill()
    for text in said.splitlines():
        tell(text)
    if process.returncode:
        raise SystemExit(process.returncode)  # it has said why
    samples = [Sample(*json.loads(line)) for line in file.read_text().splitlines()]
    counted = [sample for sample in samples if sample.time_s >= warm_up_s]
    return counted if len(counted) > 1 else samples


def _rate(samples: Sequence[Sample]) -> float:
    """Decisions a second from the first sample to the last."""
    first, last = samples[0], samples[-1]
    return (last.decisions - first.decisions) / max(last.time_s - first.time_s, 1e-9)


def _summary(samples: Sequence[Sample], without: float) -> list[str]:
    rate = _rate(samples)
    begin_s, end_s = samples[0].time_s, samples[-1].time_s
    part_s = (end_s - begin_s) / PARTS
    first = [sample for sample in samples if sample.time_s <= begin_s + part_s]
    last = [sample for sample in samples if sample.time_s >= end_s - part_s]
    rates = [_rate(part) if len(part) > 1 else math.nan for part in (first, last)]
    memory = [sample.memory_bytes / 1e6 for sample in (first[-1], samples[-1])]
    return [
        f"{rate:,.0f}",
        f"{rate / without:.2f}",
        *(f"{part:,.0f}" for part in rates),
        *(f"{megabytes:,.0f}" for megabytes in memory),
    ]


def _synchronisations(folder: Path, seconds: float = 1.0) -> float:
    """How many small writes a second a disk takes if each is waited for."""
    count, begin = 0, time.perf_counter()
    with tempfile.TemporaryFile(dir=folder) as file:
        while time.perf_counter() - begin < seconds:
            os.write(file.fileno(), bytes(SYNCHRONISED_BYTES))
            os.fdatasync(file.fileno())
            count += 1
    return count / (time.perf_counter() - begin)


def play(arguments: argparse.Namespace) -> int:
    """Let a stream flow for a while, and write down what there was on the way.

    Args:
        arguments: ``line``, the arguments of the stream; ``store``, the same as there, or None;
            ``seconds``, how long; ``file``, which takes the samples, one a line.
    """
    from cpu_gpu_env.scripts.streaming import Stream

    asked = stream.parse_arguments(arguments.line)
    with closing(_Clock(arguments.store, arguments.seconds)) as clock:
        with Stream(asked, [clock]) as flowing:
            clock.stop = flowing.stop
            flowing.run()
        clock.take()  # now everything is stored
        text = "".join(json.dumps(astuple(sample)) + "\n" for sample in clock.samples)
    Path(arguments.file).write_text(text, encoding="utf-8")
    return 0


class _Clock:
    """Sees after each batch what is stored, and ends the stream after a while.

    Args:
        store: Where to look; None: nothing is stored, so what was played counts.
        seconds: For how long [s].
    """

    def __init__(self, store: str | None, seconds: float) -> None:
        self._store, self._seconds = store, seconds
        self._reader: StoreReader | None = None
        self._run, self._lanes, self._played = 0, 0, 0
        self._begin: float | None = None
        self.samples: list[Sample] = []
        self.stop: Callable[[], None] = lambda: None
        """Ends the stream."""

    def add(self, finished: Finished) -> None:
        """Take a sample after a batch."""
        batch = finished.arrived.batch
        self._lanes = len(finished.lanes)
        self._played += len(batch) * batch.phase.problem.num_tasks
        self.take()
        if self.samples[-1].time_s >= self._seconds and len(self.samples) > 2:
            self.stop()

    def take(self) -> None:
        """Take a sample."""
        tasks = self._played if self._store is None else self._stored(self._store)
        memory_bytes = int(STATM.read_text().split()[1]) * os.sysconf("SC_PAGESIZE")
        now = time.monotonic()
        self._begin = now if self._begin is None else self._begin
        self.samples.append(Sample(now - self._begin, tasks * self._lanes, memory_bytes))

    def _stored(self, store: str) -> int:
        from cpu_gpu_env.results.store.reading import open_reader

        if self._reader is None:
            self._reader = open_reader(store)
            self._run = max(row["run"] for row in self._reader.runs())
        return int(self._reader.run_row(self._run)["tasks"])

    def close(self) -> None:
        """Close the store."""
        if self._reader is not None:
            self._reader.close()


if __name__ == "__main__":
    sys.exit(main())
