"""The tables of a report, as text: the terminal, TensorBoard and the page show the same ones."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from itertools import compress
from typing import Any

from cpu_gpu_env.baselines.evaluation.audit import Decision
from cpu_gpu_env.baselines.evaluation.comparison import Comparison

MAX_DECISIONS = 20
"""Decisions of an audit that are listed."""
SEES_ALL = "sees all"
"""Stands for the decision time of the oracle, which plans ahead."""

AUDIT_EXPLAINED = (
    "Of the first held-out episode: tasks for which the scheduler chose another GPU fraction than "
    "the oracle, and what that cost. The cost of a decision is the rise of J, in percent of the "
    "oracle's J, when it takes the place of the oracle's decision: the tasks before it are placed "
    "as the scheduler did, those after it as the oracle did, and both schedules are played. So the "
    "costs of an episode sum to the whole difference. A cost below 0 says that there the oracle's "
    "action was no longer the better one."
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
        lines = [self.headings, *self.rows]
        cells = [[_MARKDOWN.sub(r"\\\1", escape(cell, quote=False)) for cell in ln] for ln in lines]
        return "\n".join(f"| {' | '.join(line)} |" for line in [cells[0], rule, *cells[1:]])


def describe_comparison(comparison: Comparison) -> str:
    """Say in a line what was compared."""
    problem, seeds = comparison.provenance["problem"], comparison.provenance["seeds"]
    episodes = "1 held-out episode" if len(seeds) == 1 else f"{len(seeds)} held-out episodes"
    return f"{problem['cluster']}, {problem['workload']}, {problem['num_tasks']} tasks, {episodes}"


def leaderboard(comparison: Comparison, wait: bool = True) -> TextTable:
    """Means with 95 % intervals and decision times (p50/p99), the best first.

    Args:
        comparison: The results.
        wait: Whether to have the mean wait; a terminal has 80 columns.
    """
    kept = {
        "scheduler": True,
        "J": True,
        "gap [%]": comparison.entries[0].gap is not None,
        "makespan [s]": True,
        "energy [kJ]": True,
        "wait [s]": wait,
        "p50/99 µs": True,
    }
    rows = map(_leaderboard_row, comparison.rows())
    return TextTable(
        tuple(compress(kept, kept.values())), tuple(tuple(compress(r, kept.values())) for r in rows)
    )


def _leaderboard_row(row: dict[str, Any]) -> tuple[str, ...]:
    p50_s, p99_s = row["decision_p50_s"], row["decision_p99_s"]
    return (
        row["scheduler"],
        interval(row["objective"], row["objective_ci95"], 3),
        interval(row.get("gap", math.nan) * 100, row.get("gap_ci95", math.nan) * 100, 1),
        interval(row["makespan_s"], row["makespan_s_ci95"], 1),
        interval(row["energy_j"] / 1e3, row["energy_j_ci95"] / 1e3, 1),
        interval(row["mean_wait_s"], row["mean_wait_s_ci95"], 1),
        SEES_ALL if math.isnan(p50_s) else f"{p50_s * 1e6:.0f}/{p99_s * 1e6:.0f}",
    )


def interval(mean: float, half_width: float, digits: int) -> str:
    """Write a mean with its interval; a single episode has none."""
    digits = max(digits - 1, 0) if mean >= 100 else digits
    text = f"{mean:.{digits}f}"
    return text if math.isnan(half_width) else f"{text}±{half_width:.{digits}f}"


def win_table(comparison: Comparison) -> TextTable:
    """In how many percent of the episodes the row's scheduler beats the column's."""
    names = [entry.name for entry in comparison.entries]
    rows = []
    for index, (name, shares) in enumerate(zip(names, comparison.wins().tolist(), strict=True)):
        cells = [f"{share * 100:.0f}" for share in shares]
        cells[index] = ""
        rows.append((name, *cells))
    return TextTable(("beats [% of episodes]", *names), tuple(rows))


def audit_table(audit: Sequence[Decision]) -> TextTable:
    """The dearest decisions of an audit, at most `MAX_DECISIONS`."""
    headings = (
        "task",
        "chosen",
        "oracle's",
        "cost [%]",
        "arrival [s]",
        "size [TFLOP]",
        "intensity [FLOP/B]",
        "memory [GB]",
    )
    return TextTable(headings, tuple(map(_audit_row, audit[:MAX_DECISIONS])))


def _audit_row(decision: Decision) -> tuple[str, ...]:
    return (
        str(decision.task),
        f"{decision.gpu_fraction:g}",
        f"{decision.oracle_gpu_fraction:g}",
        f"{decision.cost * 100:+.2f}",
        f"{decision.arrival_s:.2f}",
        f"{decision.size_flop / 1e12:.3g}",
        f"{decision.intensity_flop_per_byte:.3g}",
        f"{decision.memory_bytes / 1e9:.3g}",
    )


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
