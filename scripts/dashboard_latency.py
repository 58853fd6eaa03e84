"""How long a server takes to answer from a large store, each question asked for the first time."""

from __future__ import annotations

import argparse
import json
import os
import random
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import redirect_stdout
from typing import TYPE_CHECKING, Any

import numpy as np

from cpu_gpu_env.scripts import terminal
from cpu_gpu_env.scripts.big_store import fill_store
from cpu_gpu_env.scripts.served_process import ServedProcess

if TYPE_CHECKING:
    from rich.table import Table

MAX_S = 0.3
"""A query at p99 at most [s]."""
_TIMEOUT_S = 120.0
_GRANULARITIES = (1, 10, 100, 1000)

Latencies = Mapping[str, list[float]]
"""Kind of question -> how long each took [s]."""


def measure(arguments: argparse.Namespace, url: str) -> Latencies:
    """Fill a store, and ask a server about it.

    Args:
        arguments: Of the command.
        url: Of a store that is empty.
    """
    rows = round(arguments.decisions * (1 + 1 / arguments.num_tasks))
    with (
        terminal.progress_bar(total=rows, desc="rows stored", unit_scale=True) as bar,
        open(os.devnull, "w", encoding="utf-8") as nowhere,
        redirect_stdout(nowhere),  # what it plays first is shown there
    ):
        run = fill_store(
            url,
            arguments.decisions,
            arguments.lanes,
            num_tasks=arguments.num_tasks,
            progress=bar.update,
        )
    found: dict[str, list[float]] = {}
    with ServedProcess(url) as server:
        begin_s = time.perf_counter()
        detail = _get(server, f"/api/runs/{run}")
        found["the very first"] = [time.perf_counter() - begin_s]
        questions = list(_questions(arguments, run, detail))
        for kind, path in terminal.progress_bar(questions, desc="asking"):
            begin_s = time.perf_counter()
            _get(server, path)
            found.setdefault(kind, []).append(time.perf_counter() - begin_s)
    return found


def _questions(
    arguments: argparse.Namespace, run: int, detail: Mapping[str, Any]
) -> Iterator[tuple[str, str]]:
    """Kinds of questions and their paths, each about another place of the run."""
    rng = random.Random(arguments.seed)
    names, episodes = detail["summary"]["schedulers"], detail["summary"]["next_episode"]
    kept = detail["kept"]
    base = f"/api/runs/{run}"
    for number in range(arguments.queries):
        name, granularity = names[number % len(names)], _GRANULARITIES[number % 4]
        low, high = kept[name]
        task, other = rng.randint(low, high), rng.randint(low, high)
        first = rng.randrange(episodes)
        span = "all" if number % 2 else "window"
        yield "runs", f"/api/runs?offset={number}&sort=tasks"
        yield "comparison", f"{base}/comparison?span={span}&episodes={number + 10}"
        yield "history", f"{base}/history?granularity={granularity}&first={first}&limit=500"
        yield "history, one scheduler", f"{base}/history?first={first}&schedulers={name}"
        yield "decisions", f"{base}/decisions?scheduler={name}&first={task}&limit=1000"
        yield "audit", f"{base}/decisions/{other}"
        yield "statistics", f"{base}/statistics?scheduler={name}&last=5000&before={task + 5000}"
        yield "state", f"/api/state?run={run}"


def _get(server: ServedProcess, path: str) -> Any:
    address = f"http://{server.host}:{server.port}{path}"
    with urllib.request.urlopen(address, timeout=_TIMEOUT_S) as answer:
        return json.loads(answer.read())


def table_of(latencies: Latencies, arguments: argparse.Namespace) -> Table:
    """Percentiles of each kind, beside what the p99 should be at the most."""
    table = terminal.new_table(
        f"answers from {arguments.decisions:,} decisions of {arguments.lanes} schedulers [ms]",
        *("", "questions", "p50", "p99", "longest", "p99 / most"),
    )
    for kind, seconds in latencies.items():
        p50, p99 = np.percentile(seconds, (50, 99))
        shown = (f"{1e3 * value:,.1f}" for value in (p50, p99, max(seconds)))
        table.add_row(kind, str(len(seconds)), *shown, f"{p99 / MAX_S:.2f}")
    return table
