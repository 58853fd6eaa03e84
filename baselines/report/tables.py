"""The tables of a report, as text: the terminal, TensorBoard and the page show the same ones."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from html import escape

from cpu_gpu_env.baselines.evaluation.first_episode import Decision
from cpu_gpu_env.results.metrics import DECISION_METRICS
from cpu_gpu_env.results.records import Comparison, SchedulerResult

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


def leaderboard(comparison: Comparison, narrow: bool = False) -> TextTable:
    """Means with 95 % intervals and decision times (p50/p99), the best first.

    Args:
        comparison: The results.
        narrow: Whether to leave out what has no room in the 80 columns of a terminal.
    """
    metrics = [metric for metric in comparison.metrics if metric.narrow or not narrow]
    percents = "/".join(map(str, DECISION_METRICS))
    (unit,) = {metric.shown_unit for metric in DECISION_METRICS.values()}
    return TextTable(
        ("scheduler", *(metric.heading for metric in metrics), f"p{percents} {unit}"),
        tuple(
            (
                result.name,
                *(metric.text(*astuple(result.estimate(metric))) for metric in metrics),
                _decision_times(result),
            )
            for result in comparison.results
        ),
    )


def _decision_times(result: SchedulerResult) -> str:
    if not len(result.decision_s):
        return SEES_ALL
    return "/".join(m.text(result.estimate(m).mean) for m in DECISION_METRICS.values())


def win_table(comparison: Comparison) -> TextTable:
    """In how many percent of the episodes the row's scheduler beats the column's."""
    names = [result.name for result in comparison.results]
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
