"""Writing a comparison down as one page of HTML that needs nothing else: no network, no script.

What the page says and looks like is in ``page.html`` beside this module.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cpu_gpu_env.baselines.evaluation.first_episode import EpisodeView
from cpu_gpu_env.baselines.report.drawing import to_bytes
from cpu_gpu_env.baselines.report.figures import COMPARISON_FIGURES, ComparisonFigure
from cpu_gpu_env.baselines.report.tables import (
    AUDIT_EXPLAINED,
    TextTable,
    audit_table,
    describe_audit,
    leaderboard,
)
from cpu_gpu_env.io.atomic_files import write_text_atomically
from cpu_gpu_env.results.records import Comparison, SchedulerResult

TEMPLATE = Path(__file__).with_name("page.html")


@dataclass(frozen=True)
class ShownSchedule:
    """A scheduler's Gantt chart of the first episode."""

    name: str
    """Name of the scheduler."""
    why: str
    """Why it is shown."""
    result: str
    """What it reached in that episode."""
    picture: str
    """Address of the picture."""


@dataclass(frozen=True)
class ShownAudit:
    """A scheduler's decision audit."""

    name: str
    """Name of the scheduler."""
    found: str
    """What was found, in a sentence or two."""
    table: TextTable
    """The dearest decisions; without rows if there are none."""


def write_html(
    comparison: Comparison,
    views: Mapping[str, EpisodeView],
    pictures: Mapping[str, bytes],
    path: Path,
) -> None:
    """Write the page, whole or not at all.

    Args:
        comparison: The results.
        views: Of the first episode, by name; may be empty.
        pictures: Gantt charts as PNG, by name; may be empty.
        path: File to write.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(TEMPLATE.parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    provenance = comparison.provenance
    page = environment.get_template(TEMPLATE.name).render(
        title=provenance.describe(),
        provenance=provenance,
        problem=provenance.problem,
        gpu_fractions=", ".join(f"{fraction:g}" for fraction in provenance.problem.gpu_fractions),
        seeds=_describe_seeds(provenance.seeds),
        leaderboard=leaderboard(comparison),
        figures=[(f, _draw(f, comparison)) for f in COMPARISON_FIGURES if f.heading],
        has_bounds=comparison.bounds is not None,
        schedules=_schedules(comparison, pictures),
        audits=_audits(comparison, views),
        audit_explained=AUDIT_EXPLAINED,
    )
    write_text_atomically(path, page)


def _describe_seeds(seeds: tuple[int, ...]) -> str:
    if seeds == tuple(range(seeds[0], seeds[0] + len(seeds))):
        return f"{seeds[0]} to {seeds[-1]}"
    return ", ".join(map(str, seeds))


def _draw(figure: ComparisonFigure, comparison: Comparison) -> str | None:
    """Address of a figure; None where there is nothing to draw."""
    drawn = figure.draw(comparison)
    return None if drawn is None else _address(to_bytes(drawn, "svg"), "image/svg+xml")


def _address(content: bytes, media_type: str) -> str:
    """An address that holds the picture itself."""
    return f"data:{media_type};base64,{base64.b64encode(content).decode()}"


def _schedules(comparison: Comparison, pictures: Mapping[str, bytes]) -> list[ShownSchedule]:
    """The best scheduler, the oracle, and the best of the fixed ones that are neither."""
    others = [result for result in comparison.results if result is not comparison.oracle]
    chosen = [("the best that sees no future", result) for result in others[:1]]
    if comparison.oracle is not None:
        chosen.append(("sees the whole episode", comparison.oracle))
    fixed = [result for result in others[1:] if not result.learned]
    chosen += [("a heuristic", result) for result in fixed[:1]]
    return [
        ShownSchedule(
            result.name,
            why,
            _first_result(comparison, result),
            _address(pictures[result.name], "image/png"),
        )
        for why, result in chosen
        if result.name in pictures
    ]


def _first_result(comparison: Comparison, result: SchedulerResult) -> str:
    found = {m: m.text(result.episodes[m][0]) for m in comparison.metrics if m.narrow}
    return ", ".join(f"{m.label} {text} {m.shown_unit}".rstrip() for m, text in found.items())


def _audits(comparison: Comparison, views: Mapping[str, EpisodeView]) -> list[ShownAudit]:
    """Audit the trained schedulers; if there are none, the best one."""
    others = [result for result in comparison.results if result is not comparison.oracle]
    audits = []
    for result in [result for result in others if result.learned] or others[:1]:
        view = views.get(result.name)
        if view is not None and view.audit is not None:
            found = describe_audit(view.audit, view.schedule.num_tasks)
            audits.append(ShownAudit(result.name, found, audit_table(view.audit)))
    return audits
