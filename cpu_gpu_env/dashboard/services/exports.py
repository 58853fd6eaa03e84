"""Rows of a run as a file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Literal

from cpu_gpu_env.dashboard.errors import NotFoundError
from cpu_gpu_env.dashboard.repositories.source import StoreSource
from cpu_gpu_env.errors import unknown_name
from cpu_gpu_env.results.store import tables

Table = Literal["episodes", "decisions"]
Format = Literal["csv", "parquet"]


@dataclass(frozen=True, eq=False)
class Export:
    """A file that is made as it is read."""

    name: str
    """What to call it."""
    blocks: Iterator[bytes]
    """Its content; raises `UnavailableError` if the store cannot be read any more."""


class ExportService:
    """Gives rows as files.

    Args:
        source: The store.
    """

    def __init__(self, source: StoreSource) -> None:
        self._source = source

    def export(
        self, run: int, table: Table, form: Format, schedulers: Sequence[str] | None = None
    ) -> Export:
        """Give all rows of a table of some schedulers of a run, one scheduler after another.

        Args:
            run: Number of the run.
            table: Which.
            form: Format of the file.
            schedulers: Names; None: all.

        Raises:
            NotFoundError: If there is no such run, or a scheduler did not take part.
            UnavailableError: If the store cannot be read.
        """
        with self._source.reading() as reader:
            known = reader.schedulers(run)
        for name in schedulers or ():
            if name not in known:
                raise NotFoundError(unknown_name(f"scheduler of run {run}", name, known))
        wanted = [name for name in known if schedulers is None or name in schedulers]
        blocks = self._blocks(run, table, form, wanted)
        first = next(blocks, b"")  # what is wrong with the rows shows before the answer begins
        return Export(f"run-{run}-{table}.{form}", chain([first], blocks))

    def _blocks(
        self, run: int, table: Table, form: Format, names: Sequence[str]
    ) -> Iterator[bytes]:
        # Importing pyarrow costs memory, and is only needed here.
        from cpu_gpu_env.results.store.export import export_blocks

        of_store = tables.metadata.tables[table]
        with self._source.reading() as reader:
            for block in export_blocks(reader, of_store, run, f".{form}", names):
                if block:
                    yield block
