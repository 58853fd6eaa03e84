"""Writing a comparison down as one page of HTML that needs nothing else: no network, no script."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from html import escape
from pathlib import Path
from string import Template
from typing import Any

from cpu_gpu_env.baselines.evaluation.comparison import Comparison, Entry
from cpu_gpu_env.baselines.evaluation.first_episode import EpisodeView
from cpu_gpu_env.baselines.report import figures
from cpu_gpu_env.baselines.report.tables import (
    AUDIT_EXPLAINED,
    TextTable,
    audit_table,
    describe_audit,
    describe_comparison,
    leaderboard,
)
from cpu_gpu_env.io.atomic_files import write_text_atomically

# The policy makes browsers refuse whatever is not in the page itself.
_PAGE = Template("""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>$title</title>
<style>$style</style>
</head>
<body>
<h1>Comparison of schedulers</h1>
<p class="lead">$title</p>
$sections
</body>
</html>
""")

_STYLE = """
:root { color-scheme: light dark; --ink: #1f2937; --paper: #ffffff; --muted: #5b6472;
  --line: #d9dee5; --shade: #f3f5f8; --picture: none; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e3e7ec; --paper: #14181e; --muted: #9aa4b1; --line: #343c47; --shade: #1d232b;
    --picture: invert(0.92) hue-rotate(180deg); }
}
@media print {
  :root { color-scheme: light; --ink: #000000; --paper: #ffffff; --muted: #444444; --line: #bbbbbb;
    --shade: #f3f5f8; --picture: none; }
}
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1rem; max-width: 64rem; color: var(--ink);
  background: var(--paper); font: 1rem/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.6rem; margin: 0.5rem 0 0; }
h2 { font-size: 1.2rem; margin: 2.2rem 0 0.5rem; border-bottom: 1px solid var(--line); }
h3 { font-size: 1rem; margin: 1.4rem 0 0.3rem; }
p { max-width: 46rem; margin: 0.5rem 0; }
.lead, figcaption, caption { color: var(--muted); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: 0.9rem; font-variant-numeric: tabular-nums; }
th, td { padding: 0.25rem 0.7rem; border-bottom: 1px solid var(--line); white-space: nowrap;
  text-align: right; }
th:first-child { text-align: left; position: sticky; left: 0; background: var(--paper); }
tbody th { font-weight: 600; white-space: normal; min-width: 7.5rem; max-width: 14rem; }
thead th { color: var(--muted); font-weight: 600; }
tbody tr:nth-child(even) > * { background: var(--shade); }
figure { margin: 1rem 0; }
figure img { display: block; width: 100%; max-width: 38rem; height: auto; filter: var(--picture); }
figure .wide { width: 60rem; max-width: none; }
figcaption { font-size: 0.9rem; max-width: 46rem; }
dl { display: grid; grid-template-columns: minmax(6rem, max-content) 1fr; gap: 0.2rem 1rem; }
dt { color: var(--muted); }
dd { margin: 0; }
ul { margin: 0.2rem 0; padding-left: 1.2rem; }
pre { padding: 0.6rem; background: var(--shade); white-space: pre-wrap; font-size: 0.85rem; }
@media (max-width: 30rem) {
  th, td { padding: 0.25rem 0.45rem; }
  tbody th { min-width: 5.5rem; }
}
@media print {
  body { font-size: 10pt; padding: 0; max-width: none; }
  .scroll { overflow: visible; }
  table { font-size: 8pt; }
  th, td { padding: 0.1rem 0.4rem; }
  th:first-child { position: static; }
  figure img { max-width: 13cm; }
  figure .wide { width: 100%; max-width: 100%; }
  figure, tr { break-inside: avoid; }
  h2, h3 { break-after: avoid; }
}
"""

_BOUND = (
    "The gap of an episode is its J divided by a lower bound, minus 1. The bound is certified: the "
    "whole episode, with all that is still to come, is relaxed to a linear program that allows "
    "whatever a schedule can do and more (for very long streams, to its dual), so no scheduler can "
    "have a smaller J. The oracle sees the whole episode, too; it is a yardstick, not a "
    "competitor, and its own gap may be due to the bound as well as to its schedule."
)
_NO_BOUND = "Made without bounds: there is no oracle, and there are no gaps."
_OBJECTIVE = (
    "J weighs makespan and energy, each in units of the fluid optimum of this cluster and "
    "workload; smaller is better. Wait is the time from a task's arrival to the start of its first "
    "share. Mean ± 95 % interval over the episodes; they are the same for every scheduler, so "
    "differences between rows are surer than the intervals suggest. The last column is the median "
    "and the 99th percentile of the time that one decision takes."
)


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
    sections = {
        "What was compared": _problem(comparison),
        "Leaderboard": f"<p>{_OBJECTIVE}</p>{_table(leaderboard(comparison), 'Best first')}",
        "Distance to the certified bound": _gaps(comparison),
        "Makespan and energy": _scatter(comparison),
        "Who beats whom": _wins(comparison),
        "Schedules of the first episode": _schedules(comparison, pictures),
        "Decision audit": _audits(comparison, views),
        "Provenance": _provenance(comparison),
    }
    page = _PAGE.substitute(
        title=escape(describe_comparison(comparison)),
        style=_STYLE,
        sections="\n".join(
            f"<section>\n<h2>{heading}</h2>\n{content}\n</section>"
            for heading, content in sections.items()
        ),
    )
    write_text_atomically(path, page)


def _problem(comparison: Comparison) -> str:
    problem, seeds = comparison.provenance["problem"], comparison.provenance["seeds"]
    consecutive = seeds == list(range(seeds[0], seeds[0] + len(seeds)))
    facts = {
        "cluster": problem["cluster"],
        "workload": problem["workload"],
        "tasks": f"{problem['num_tasks']} an episode",
        "load": "all tasks at time 0" if problem["load"] is None else problem["load"],
        "energy weight": problem["energy_weight"],
        "GPU fractions": ", ".join(f"{fraction:g}" for fraction in problem["gpu_fractions"]),
        "noise": problem["noise"],
        "seeds": f"{seeds[0]} to {seeds[-1]}" if consecutive else ", ".join(map(str, seeds)),
    }
    notes = "".join(f"<li>{escape(note)}</li>" for note in problem["workload_notes"])
    assumptions = f"<p>What the workload assumes:</p><ul>{notes}</ul>" if notes else ""
    command = escape(comparison.provenance["command"])
    return f"{_facts(facts)}{assumptions}<p>Made by</p><pre>{command}</pre>"


def _facts(facts: Mapping[str, Any]) -> str:
    entries = (f"<dt>{escape(n)}</dt><dd>{escape(str(value))}</dd>" for n, value in facts.items())
    return f"<dl>{''.join(entries)}</dl>"


def _table(table: TextTable, caption: str) -> str:
    """Lay out a table that scrolls within itself."""
    head = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in table.headings)
    body = "\n".join(
        f'<tr><th scope="row">{escape(name)}</th>'
        + "".join(f"<td>{escape(cell)}</td>" for cell in cells)
        + "</tr>"
        for name, *cells in table.rows
    )
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{escape(caption)}">'
        f"<table><thead><tr>{head}</tr></thead>\n<tbody>{body}</tbody></table></div>"
    )


def _svg(figure: Any, alternative: str) -> str:
    return _picture(figures.to_bytes(figure, "svg"), "image/svg+xml", alternative)


def _picture(content: bytes, kind: str, alternative: str, wide: bool = False) -> str:
    """Put a picture into the page; a wide one scrolls within itself on narrow screens."""
    data = base64.b64encode(content).decode()
    style = ' class="wide"' if wide else ""
    return f'<img{style} alt="{escape(alternative)}" src="data:{kind};base64,{data}">'


def _gaps(comparison: Comparison) -> str:
    gaps = figures.comparison_gaps(comparison)
    if not gaps:
        return f"<p>{_NO_BOUND}</p>"
    picture = _svg(figures.gap_figure(gaps), "Gap of every scheduler to the certified lower bound")
    return f"<p>{_BOUND}</p><figure>{picture}</figure>"


def _scatter(comparison: Comparison) -> str:
    picture = _svg(figures.scatter_figure(comparison), "Mean makespan against mean energy")
    grey = "Grey: what the certified bounds rule out. " if comparison.oracle else ""
    caption = f"{grey}Nearer to the lower left is better."
    return f"<figure>{picture}<figcaption>{caption}</figcaption></figure>"


def _wins(comparison: Comparison) -> str:
    picture = _svg(figures.win_figure(comparison), "Share of the episodes that each scheduler wins")
    return f"<figure>{picture}</figure>"


def _schedules(comparison: Comparison, pictures: Mapping[str, bytes]) -> str:
    shown = [(why, e) for why, e in _exemplary(comparison) if e.name in pictures]
    if not shown:
        return "<p>There are no pictures: the episodes are too long, or pygame is missing.</p>"
    return "".join(
        f"<h3>{escape(entry.name)}: {why}</h3><p>{_first_result(entry)}</p>"
        '<figure><div class="scroll" tabindex="0" role="region" aria-label="Gantt chart">'
        + _picture(
            pictures[entry.name],
            "image/png",
            f"Gantt chart of {entry.name}",
            wide=True,
        )
        + "</div></figure>"
        for why, entry in shown
    )


def _exemplary(comparison: Comparison) -> list[tuple[str, Entry]]:
    """The best scheduler, the oracle, and the best of the fixed ones that are neither."""
    others = [entry for entry in comparison.entries if entry is not comparison.oracle]
    chosen = [("the best that sees no future", entry) for entry in others[:1]]
    if comparison.oracle is not None:
        chosen.append(("sees the whole episode", comparison.oracle))
    fixed = [entry for entry in others[1:] if not entry.learned]
    return chosen + [("a heuristic", entry) for entry in fixed[:1]]


def _first_result(entry: Entry) -> str:
    episodes = entry.episodes
    gap = "" if entry.gap is None else f", gap {entry.gap[0] * 100:.1f} %"
    return (
        f"J {episodes.objective[0]:.3f}{gap}, makespan {episodes.makespan_s[0]:.1f} s, "
        f"energy {episodes.energy_j[0] / 1e3:.1f} kJ"
    )


def _audits(comparison: Comparison, views: Mapping[str, EpisodeView]) -> str:
    """Audit the trained schedulers; if there are none, the best one."""
    others = [entry for entry in comparison.entries if entry is not comparison.oracle]
    audited = [entry for entry in others if entry.learned] or others[:1]
    num_tasks = comparison.provenance["problem"]["num_tasks"]
    parts = []
    for entry in audited:
        audit = views[entry.name].audit if entry.name in views else None
        if audit is not None:
            table = _table(audit_table(audit), f"Decisions of {entry.name}") if audit else ""
            text = escape(describe_audit(audit, num_tasks))
            parts.append(f"<h3>{escape(entry.name)}</h3><p>{text}</p>{table}")
    if not parts:
        return "<p>None: there is no oracle to judge by, or the episodes are too long.</p>"
    return f"<p>{AUDIT_EXPLAINED}</p>{''.join(parts)}"


def _provenance(comparison: Comparison) -> str:
    problem = comparison.provenance["problem"]
    hashes = {f"{what} (SHA-256)": problem[f"{what}_sha256"] for what in ("cluster", "workload")}
    facts = _facts({**comparison.provenance["versions"], **hashes})
    reference = problem["reference_per_task"]
    return (
        f"{facts}<p>Units of J, a task: makespan {reference['makespan_s']:.4g} s, "
        f"energy {reference['energy_j']:.4g} J.</p>"
    )
