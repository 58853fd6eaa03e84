"""Writing a comparison down as one page of HTML that needs nothing else: no network, no script.

What the page says and looks like is in ``page.html`` beside this module.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from pathlib import Path

from cpu_gpu_env.baselines.evaluation.first_episode import EpisodeView
from cpu_gpu_env.baselines.report import tables
from cpu_gpu_env.baselines.report.comparison_figures import COMPARISON_FIGURES, ComparisonFigure
from cpu_gpu_env.baselines.report.drawing import to_bytes
from cpu_gpu_env.io.atomic_files import write_text_atomically
from cpu_gpu_env.results.records import Comparison, SchedulerResult

TEMPLATE = Path(__file__).with_name("page.html")


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
        leaderboard=tables.leaderboard(comparison),
        differences=tables.difference_table(comparison),
        differences_explained=tables.describe_differences(comparison),
        figures=[(f, _draw(f, comparison)) for f in COMPARISON_FIGURES if f.heading],
        has_bounds=comparison.bounds is not None,
        schedules=[
            (why, result.name, _first_result(comparison, result), _address(png, "image/png"))
            for why, result in _exemplary(comparison)
            if (png := pictures.get(result.name)) is not None
        ],
        audits=_audits(comparison, views),
        audit_explained=tables.AUDIT_EXPLAINED,
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


def _exemplary(comparison: Comparison) -> list[tuple[str, SchedulerResult]]:
    """The best scheduler, the oracle, and the best of the fixed ones that are neither; and why."""
    others = [result for result in comparison.results if result is not comparison.oracle]
    chosen = [("the best that sees no future", result) for result in others[:1]]
    if comparison.oracle is not None:
        chosen.append(("sees the whole episode", comparison.oracle))
    fixed = [result for result in others[1:] if not result.learned]
    return chosen + [("a heuristic", result) for result in fixed[:1]]


def _first_result(comparison: Comparison, result: SchedulerResult) -> str:
    found = {m: m.text(result.episodes[m][0]) for m in comparison.metrics if m.narrow}
    return ", ".join(f"{m.label} {text} {m.shown_unit}".rstrip() for m, text in found.items())


def _audits(
    comparison: Comparison, views: Mapping[str, EpisodeView]
) -> dict[str, tuple[str, tables.TextTable]]:
    """What the audits of the trained schedulers found; if there are none, of the best one."""
    others = [result for result in comparison.results if result is not comparison.oracle]
    audited = [result.name for result in others if result.learned] or [others[0].name]
    found = {name: views[name].audit for name in audited if name in views}
    num_tasks = comparison.provenance.problem.num_tasks
    return {
        name: (tables.describe_audit(audit, num_tasks), tables.audit_table(audit))
        for name, audit in found.items()
        if audit is not None
    }
