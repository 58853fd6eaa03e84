"""Progress bars and tables, which only the extras bring: they load when one is wanted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.table import Table

MAX_WIDTH = 1_000
"""Columns of the widest table."""


def progress_bar(*arguments: Any, **options: Any) -> Any:
    """A progress bar with the arguments of tqdm's, which only the extras bring."""
    from tqdm import tqdm

    return tqdm(*arguments, **options)


def new_table(title: str, *headings: str) -> Table:
    """Start a table whose first column is aligned left and the others right."""
    from rich.table import Table

    table = Table(title=title)
    for heading in headings:
        table.add_column(heading, justify="right" if table.columns else "left")
    return table


def print_tables(*tables: Table) -> None:
    """Print tables whole: lines that a terminal breaks can be read, cells cut short cannot."""
    from rich.console import Console
    from rich.measure import Measurement

    # Names of files are no markup.
    console = Console(markup=False)
    for table in tables:
        unlimited = console.options.update(max_width=MAX_WIDTH)
        width = max(console.width, Measurement.get(console, unlimited, table).maximum)
        Console(markup=False, width=width).print(table)
