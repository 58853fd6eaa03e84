"""Writing a comparison down: CSV, JSON and the terminal."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cpu_gpu_env.baselines.report.tables import TextTable, leaderboard
from cpu_gpu_env.io.atomic_files import write_csv_atomically, write_text_atomically
from cpu_gpu_env.results.records import Comparison

if TYPE_CHECKING:
    from rich.table import Table


def write_csv(comparison: Comparison, path: Path) -> None:
    """Write a row a scheduler, each with what made it."""
    write_rows(result_rows(comparison), path)


def write_rows(rows: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Write records of the same fields as CSV; what is not a number is left empty."""
    write_csv_atomically(path, list(rows[0]), [_without_nan(row) for row in rows])


def result_rows(comparison: Comparison) -> list[dict[str, Any]]:
    """A flat record a scheduler, each with what made it."""
    provenance = comparison.provenance
    made_by = {
        "cluster_sha256": provenance.problem.cluster_sha256,
        "workload_sha256": provenance.problem.workload_sha256,
        "workload_notes": "; ".join(provenance.problem.workload_notes),
        "first_seed": provenance.seeds[0],
        "versions": json.dumps(provenance.versions),
        "command": provenance.command,
    }
    return [{**row, **made_by} for row in comparison.rows()]


def write_json(comparison: Comparison, path: Path) -> None:
    """Write summaries, every episode, the win matrix and the provenance."""
    names = [result.name for result in comparison.results]
    content = {
        "provenance": comparison.provenance.to_json(),
        "schedulers": comparison.rows(),
        "wins": {
            name: dict(zip(names, shares.tolist(), strict=True))
            for name, shares in zip(names, comparison.wins(), strict=True)
        },
        "episodes": {
            result.name: {
                metric.key: values.tolist() for metric, values in result.episodes.values.items()
            }
            for result in comparison.results
        },
    }
    write_text_atomically(path, json.dumps(_without_nan(content), indent=2) + "\n")


def make_table(comparison: Comparison) -> Table:
    """Lay the comparison out for the terminal."""
    return lay_out(
        leaderboard(comparison, narrow=True),
        title=f"{comparison.provenance.describe()}\n"
        "(mean ± 95 % interval; time of a decision, looking up the state not counted)",
        notes=comparison.provenance.problem.workload_notes,
    )


def lay_out(texts: TextTable, title: str, notes: Sequence[str] = ()) -> Table:
    """Lay a table out for the terminal.

    Args:
        texts: The table.
        title: What stands above it.
        notes: Lines that stand below it.
    """
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(
        box=SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        title=title,
        caption="\n".join(notes),
        caption_justify="left",
        show_header=any(texts.headings),
    )
    for index, heading in enumerate(texts.headings):
        table.add_column(heading, justify="right" if index else "left", no_wrap=True)
    for row in texts.rows:
        table.add_row(*row)
    return table


def _without_nan(value: Any) -> Any:
    """Replace nan (no interval from one episode) by None: JSON has no nan."""
    if isinstance(value, Mapping):
        return {key: _without_nan(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_nan(item) for item in value]
    return None if isinstance(value, float) and value != value else value
