"""The tables of a report, which the terminal, TensorBoard and the page show, and CSV and JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import astuple, dataclass
from functools import partial
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cpu_gpu_env.baselines.evaluation.first_episode import Decision
from cpu_gpu_env.errors import printable
from cpu_gpu_env.io.atomic_files import write_csv_atomically, write_text_atomically
from cpu_gpu_env.model.precision import DEFAULT_PRECISION
from cpu_gpu_env.results.gap import plain_json
from cpu_gpu_env.results.metrics import DECISION_METRICS
from cpu_gpu_env.results.records import Comparison

if TYPE_CHECKING:
    from rich.table import Table

MAX_DECISIONS = 20
"""Decisions of an audit that are listed."""

AUDIT_EXPLAINED = (
    "Of the first episode: tasks for which the scheduler chose another GPU fraction than "
    "the oracle, and what that cost. The cost of a decision is the rise of J, in percent of the "
    "oracle's J (of 1 if that is 0), when it takes the place of the oracle's decision: the tasks "
    "before it are placed as the scheduler did, those after it as the oracle did, and both "
    "schedules are played. So the costs of an episode sum to the whole difference. A cost below 0 "
    "says that there the oracle's action was no longer the better one."
)

_MARKDOWN = re.compile(r"([\\`*_{}\[\]()#+\-.!|])")
"""What a backslash keeps from being Markdown; the rest needs HTML's escapes."""


@dataclass(frozen=True)
class TextTable:
    """A table of texts."""

    headings: tuple[str, ...]
    """One a column; the first column holds names, the others figures."""
    rows: tuple[tuple[str, ...], ...]
    """As many cells as headings."""

    def to_markdown(self) -> str:
        """Write it as Markdown, whatever characters names have."""
        rule = ["---", *(len(self.headings) - 1) * ["---:"]]
        cells = [[escape_markdown(cell) for cell in line] for line in (self.headings, *self.rows)]
        return "\n".join(f"| {' | '.join(line)} |" for line in [cells[0], rule, *cells[1:]])


def escape_markdown(text: str) -> str:
    """Write a text so that Markdown shows it as it is."""
    return _MARKDOWN.sub(r"\\\1", escape(text, quote=False))


def leaderboard(comparison: Comparison, narrow: bool = False) -> TextTable:
    """Means with 95 % intervals and decision times (p50/p99), the best first.

    Args:
        comparison: The results.
        narrow: Whether to leave out what has no room in the 80 columns of a terminal.
    """
    metrics = [metric for metric in comparison.metrics if metric.narrow or not narrow]
    percents = "/".join(map(str, DECISION_METRICS))
    (unit,) = {metric.shown_unit for metric in DECISION_METRICS.values()}
    rows = []
    for result in comparison.results:
        means = [metric.text(*astuple(result.estimate(metric))) for metric in metrics]
        times = [m.text(result.estimate(m).mean) for m in DECISION_METRICS.values()]
        # The oracle has no decision times: it plans ahead.
        decision = "/".join(times) if len(result.decision_s) else "sees all"
        rows.append((result.name, *means, decision))
    headings = ("scheduler", *(metric.heading for metric in metrics), f"p{percents} {unit}")
    return TextTable(headings, tuple(rows))


def difference_table(comparison: Comparison, narrow: bool = False) -> TextTable:
    """Mean differences to the reference with 95 % intervals, the best first.

    Args:
        comparison: The results.
        narrow: Whether to leave out what has no room in the 80 columns of a terminal.
    """
    metrics = [metric for metric in comparison.metrics if metric.narrow or not narrow]
    reference = comparison.reference
    rows = tuple(
        (
            result.name,
            *(m.difference_text(*astuple(result.difference(m, reference))) for m in metrics),
        )
        for result in comparison.results
        if result is not reference
    )
    return TextTable(("scheduler", *(metric.difference_heading for metric in metrics)), rows)


def describe_differences(comparison: Comparison) -> str:
    """Say what a table of differences shows."""
    return f"difference to {comparison.reference.name} in the same episodes, ± 95 % interval"


def win_table(comparison: Comparison) -> TextTable:
    """In how many percent of the episodes the row's scheduler beats the column's."""
    names = [result.name for result in comparison.results]
    cells = [[f"{share * 100:.0f}" for share in shares] for shares in comparison.wins()]
    for index, row in enumerate(cells):
        row[index] = ""
    rows = tuple((name, *row) for name, row in zip(names, cells, strict=True))
    return TextTable(("beats [% of episodes]", *names), rows)


def audit_table(audit: Sequence[Decision]) -> TextTable:
    """The dearest decisions of an audit, at most `MAX_DECISIONS`."""
    columns: dict[str, Callable[[Decision], str]] = {
        "task": lambda decision: str(decision.task),
        "chosen": lambda decision: f"{decision.gpu_fraction:g}",
        "oracle's": lambda decision: f"{decision.oracle_gpu_fraction:g}",
        "cost [%]": lambda decision: f"{decision.cost * 100:+.2f}",
        "arrival [s]": lambda decision: f"{decision.arrival_s:.2f}",
        **_task_columns(audit),
        "memory [GB]": lambda decision: f"{decision.memory_bytes / 1e9:.3g}",
    }
    rows = (tuple(write(d) for write in columns.values()) for d in audit[:MAX_DECISIONS])
    return TextTable(tuple(columns), tuple(rows))


def _task_columns(audit: Sequence[Decision]) -> dict[str, Callable[[Decision], str]]:
    """Columns of what is known of the tasks: their work, or the times that were measured."""
    measured = dict.fromkeys(where for decision in audit for where in decision.measured_s)
    if measured:
        return {f"time on {where} [s]": partial(_measured_text, where) for where in measured}
    columns: dict[str, Callable[[Decision], str]] = {
        "size [TFLOP]": lambda decision: f"{decision.size_flop / 1e12:.3g}",
        "intensity [FLOP/B]": lambda decision: f"{decision.intensity_flop_per_byte:.3g}",
    }
    if any(decision.precision != DEFAULT_PRECISION for decision in audit):
        columns["precision"] = lambda decision: decision.precision
    return columns


def _measured_text(where: str, decision: Decision) -> str:
    return f"{decision.measured_s[where]:.3g}"


def describe_audit(audit: Sequence[Decision], num_tasks: int) -> str:
    """Say in a sentence or two what an audit found."""
    if not audit:
        return f"None of {num_tasks} decisions differs from the oracle's."
    total = sum(decision.cost for decision in audit)
    change = "raise" if total >= 0 else "lower"
    listed = f" The dearest {MAX_DECISIONS} are listed." if len(audit) > MAX_DECISIONS else ""
    return (
        f"{len(audit)} of {num_tasks} decisions differ from the oracle's; together they {change} J "
        f"by {abs(total) * 100:.2f} % of the oracle's.{listed}"
    )


def write_rows(rows: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Write records of the same fields as CSV; what is no number is left empty: `plain_json`."""
    write_csv_atomically(path, list(rows[0]), [plain_json(row) for row in rows])


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
    write_text_atomically(path, json.dumps(plain_json(content), indent=2, allow_nan=False) + "\n")


def make_tables(comparison: Comparison) -> list[Table]:
    """Lay the comparison out for the terminal: means, and differences to the reference, if any."""
    provenance = comparison.provenance
    means = lay_out(
        leaderboard(comparison, narrow=True),
        title=f"{provenance.describe()}\n"
        "(mean ± 95 % interval; time of a decision without state look-up)",
        notes=(*provenance.notes, *provenance.problem.workload_notes),
    )
    differences = difference_table(comparison, narrow=True)
    if not differences.rows:
        return [means]
    return [means, lay_out(differences, describe_differences(comparison))]


def lay_out(texts: TextTable, title: str, notes: Sequence[str] = ()) -> Table:
    """Lay a table out for the terminal, with a title above it and lines of notes below."""
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
        table.add_row(*map(printable, row))
    return table
