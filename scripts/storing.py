"""Comparisons into a results store, where a command is asked for it."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from cpu_gpu_env.errors import printable, without_password
from cpu_gpu_env.results.records import Comparison
from cpu_gpu_env.results.store import DEFAULT_STORE
from cpu_gpu_env.scripts import command

if TYPE_CHECKING:
    from cpu_gpu_env.results.store.comparisons import ComparisonRun


def add_argument(parser: command.Parser) -> None:
    """Add the argument that names the store."""
    parser.add_argument(
        "--store",
        nargs="?",
        const=DEFAULT_STORE,
        help="keep the episodes in a results store, too: path of an SQLite file, or URL of "
        f"PostgreSQL; without either, {DEFAULT_STORE}",
    )


class Storing:
    """What a command keeps of its comparisons; nothing, unless it is asked for.

    Args:
        run: What they are written to; None: nothing.
        store: What the arguments call the store.
    """

    def __init__(self, run: ComparisonRun | None = None, store: str = "") -> None:
        self._run, self._store = run, store

    def add(self, comparison: Comparison, env_kwargs: Mapping[str, Any], phase: str = "") -> None:
        """Add a comparison; see `ComparisonRun.add`."""
        if self._run is not None:
            self._run.add(comparison, env_kwargs, phase)

    def finish(self, stopped: bool) -> None:
        """Write the run, and say which it is; `stopped` by Ctrl-C, it is an interrupted one."""
        if self._run is None:
            return
        tell_run(self._run.finish("interrupted" if stopped else "finished"), self._store)


def tell_run(number: int, store: str) -> None:
    """Say which run of a store there is now, and how to look at it."""
    where = "" if store == DEFAULT_STORE else f" --store {shlex.quote(store)}"
    shown = without_password(f"{command.invocation('history')} {number}{where}")
    print(f"stored as run {number}: {printable(shown)}")


@contextmanager
def storing(arguments: argparse.Namespace, kind: str) -> Iterator[Storing]:
    """Open the store that arguments name, if any, for a run of comparisons of a kind.

    Raises:
        HybridClusterError: If it cannot be written to.
    """
    if arguments.store is None:
        yield Storing()
        return
    from cpu_gpu_env.results.store.comparisons import ComparisonRun

    with ComparisonRun(arguments.store, kind, arguments.command) as run:
        yield Storing(run, arguments.store)
