"""Drawing a schedule as text."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cpu_gpu_env.render.timeline import (
    Span,
    episode_span,
    header_texts,
    queues_and_utilisation,
    seconds,
)
from cpu_gpu_env.sim.schedule import Schedule


def render_ansi(schedule: Schedule, width: int = 100) -> str:
    """Draw a schedule as text.

    Args:
        schedule: The schedule so far.
        width: Columns of the chart's lines.

    Returns:
        Two lines of figures, a row a device (``▒`` memory-bound work, ``█`` compute-bound work,
        ``░`` a column that is idle for most of its time) and a time axis, the clock at ``^``.
    """
    span = episode_span(schedule)
    queues, utilisations = queues_and_utilisation(schedule)
    names = schedule.cluster.device_names
    margin = max(map(len, names))
    columns = max(width - margin - len(" || 100%  queue 1,000.0 s"), 10)
    cells = _cells(schedule, span, columns)
    rows = [
        f"{name:<{margin}} |{''.join(cells[device])}| "
        f"{utilisations[device]:4.0%}  queue {seconds(queues[device]):>9}"
        for device, name in enumerate(names)
    ]
    axis = ["-"] * columns
    axis[min(int(span.position(schedule.clock_s) * columns), columns - 1)] = "^"
    facts = [f"{label.lower()} {value}" for label, value in header_texts(schedule, queues)]
    header = f"{schedule.title or schedule.cluster.name}   {facts[0]}   {facts[1]}"
    rule = f"{'':{margin}} +{''.join(axis)}+"
    ends = f"{'':{margin}}  {seconds(span.start_s):<9}{seconds(span.end_s):>{columns - 9}}"
    return "\n".join([header, "   ".join(facts[2:]), *rows, rule, ends])


def _cells(schedule: Schedule, span: Span, columns: int) -> NDArray[np.str_]:
    """One character for each device and column of text."""
    ridges = [d.flops / d.memory_bandwidth for d in schedule.cluster.devices]
    busy = np.zeros((2, len(ridges), columns))
    edges = np.arange(columns)
    for share in schedule.shares:
        start, finish = (span.position(t) * columns for t in (share.start_s, share.finish_s))
        overlap = np.minimum(edges + 1, finish) - np.maximum(edges, start)
        busy[int(share.intensity >= ridges[share.device]), share.device] += overlap.clip(0.0)
    total = busy.sum(axis=0)
    glyphs = np.where(busy[0] > busy[1], "▒", "█")
    return np.where(total >= 0.5, glyphs, np.where(total > 0, "░", " "))
