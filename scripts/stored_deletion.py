"""Deleting a run from the command line, once somebody has said yes."""

from __future__ import annotations

import argparse
import sys

from cpu_gpu_env.baselines.report.stored_tables import moment
from cpu_gpu_env.errors import HybridClusterError, printable
from cpu_gpu_env.results.store.deletion import delete_run, is_half_deleted
from cpu_gpu_env.results.store.reading import open_reader


def delete(arguments: argparse.Namespace) -> int:
    """Say what goes, ask, and delete it; return the exit code.

    Raises:
        HybridClusterError: If there is nobody to ask, or the run cannot be deleted.
    """
    run, store = arguments.run, arguments.store
    print(_described(store, run))
    if not arguments.yes and not _agreed(run):
        print("nothing was deleted")
        return 1
    rows = delete_run(store, run)
    if rows is None:
        print(f"the process that writes to the store deletes run {run} now")
    else:
        print(f"run {run} is deleted: {rows:,} rows")
    return 0


def _described(store: str, run: int) -> str:
    """What a run is, and how much there is of it."""
    if is_half_deleted(store, run):
        return f"run {run} is half deleted: whoever did that was interrupted"
    with open_reader(store) as reader:
        row, kept = reader.run_row(run), reader.kept_decisions(run)
        decisions = sum(last - first + 1 for first, last in kept.values())
        models = len(reader.models(run))
    began = moment(row["started_at"])
    return printable(
        f"run {run}: {row['kind']}, {row['status']}, started {began}, {row['next_episode']:,} "
        f"episodes of {', '.join(row['schedulers'])}; {decisions:,} decisions and {models:,} "
        "models of it are kept"
    )


def _agreed(run: int) -> bool:
    if not sys.stdin.isatty():
        raise HybridClusterError(
            f"run {run} is deleted for good, and there is no terminal to ask on; allowed: --yes"
        )
    print(f"delete run {run} for good? [y/N] ", end="", flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")
