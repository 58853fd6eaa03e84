"""A frame of the live table: where the stream is, and what there is room for of all schedulers."""

from __future__ import annotations

import itertools
import math
import textwrap
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from rich.cells import cell_len, chop_cells
from rich.console import Group
from rich.text import Text

from cpu_gpu_env.errors import printable
from cpu_gpu_env.results.metrics import OBJECTIVE
from cpu_gpu_env.runtime.measures import SERIES_POINTS
from cpu_gpu_env.scripts.live_columns import (
    NOTHING,
    SCHEDULER,
    SPARK_WIDTH,
    Column,
    Ramp,
    State,
    columns,
    curve_of,
    device_text,
    number,
    value_text,
)

EXPLAINED = (
    "the best first; each sparkline from its least value to its greatest; load of each device in "
    "the newest episode"
)


def line(states: Mapping[str, State], engine: Mapping[str, Any], rates: str) -> str:
    """Say in a line where a stream is."""
    ordered = best_first(states)
    curve, span = curve_of(ordered), max(state["window_episodes"] for state in ordered)
    values = ", ".join(
        f"{state['scheduler']} {value_text(curve, number(state['window'].get(curve.key)))}"
        for state in ordered
    )
    said = itertools.chain(*_about(ordered, engine, rates))
    trouble = [f"STORE: {engine['trouble']}"] if engine.get("trouble") else []
    told = [*said, *trouble, *engine.get("notes", ())]
    return printable("; ".join([*told, f"{curve.heading} of the last {span}: {values}"]))


def frame(
    states: Sequence[State],
    engine: Mapping[str, Any],
    rates: str,
    width: int,
    height: int | None,
    ramp: Ramp,
) -> Group:
    """Lay states out: what there is room for.

    Args:
        states: In the order of the rows.
        engine: See `LiveView.update`.
        rates: What is known of those of the last seconds.
        width: Columns of the terminal.
        height: Lines at most; None: as many as it takes.
        ramp: Characters to draw with.
    """

    def wrapped(line: str, style: str = "") -> list[Text]:
        return [Text(part, style) for part in textwrap.wrap(printable(line), width)]

    top = [text for said in _about(states, engine, rates) for text in wrapped(" | ".join(said))]
    if engine.get("trouble"):
        top += wrapped(f"STORE: {engine['trouble']}", "bold red")
    below = _explain(states), *engine.get("notes", ())
    notes = [text for note in below for text in wrapped(note, "dim")]
    used = len(top) + len(notes) + _AROUND_ROWS
    rows = len(states) if height is None else max(height - used, 1)
    parts = [*top, *_lines(_fitting(states, rows, width, ramp), width, ramp), Text(), *notes]
    loads = _load_columns(states, ramp)
    room = height is None or used + 2 * len(states) + _AROUND_ROWS <= height
    if room and _width(loads) <= width:
        parts += _lines(loads, width, ramp)
    return Group(*parts)


_AROUND_ROWS = 5
"""Lines of a table around its rows: an empty one, two of headings, a rule, and an empty one."""

Cells = list[list[str]]
"""Of a table, column by column; two lines of a heading come first."""


def _fitting(states: Sequence[State], rows: int, width: int, ramp: Ramp) -> Cells:
    """Columns of the table for which there is room, with so many rows at most."""
    found = columns(states, ramp)
    cells = {column: _cells(column, states, rows) for column in found}
    chosen: list[Column] = []
    for column in sorted(found, key=lambda column: column.rank):
        wider = _width([cells[column] for column in [*chosen, column]])
        if column.rank == 0 or wider <= width:
            chosen.append(column)
    left = width - _width([cells[column] for column in chosen])
    spark_width = min(SPARK_WIDTH + max(left, 0), SERIES_POINTS)
    headings = {column.heading for column in chosen}
    wide = columns(states, ramp, spark_width)
    return [_cells(column, states, rows) for column in wide if column.heading in headings]


def _cells(column: Column, states: Sequence[State], rows: int) -> list[str]:
    """Heading and cells of a column; where rows are left out, the last one says so."""
    shown = states if len(states) <= rows else states[: rows - 1]
    upper, _, lower = column.heading.rpartition("\n")
    cells = [upper, lower, *(printable(column.text(state)) for state in shown)]
    if hidden := len(states) - len(shown):
        cells.append(f"and {hidden} more" if column.heading == SCHEDULER else "")
    return cells


def _load_columns(states: Sequence[State], ramp: Ramp) -> Cells:
    """Load and queue of each device."""
    names = list(dict.fromkeys(d["name"] for state in states for d in state["devices"]))
    loads = [
        {device["name"]: device_text(device, ramp) for device in state["devices"]}
        for state in states
    ]
    schedulers = ["", SCHEDULER, *(printable(state["scheduler"]) for state in states)]
    of_devices = [
        [printable(name), "load   mean queue", *(texts.get(name, NOTHING) for texts in loads)]
        for name in names
    ]
    return [schedulers, *of_devices]


def _width(columns: Cells) -> int:
    """Columns of a terminal that a table takes."""
    return sum(max(map(cell_len, cells)) + 2 for cells in columns)


def _lines(columns: Cells, width: int, ramp: Ramp) -> list[Text]:
    """Lines of a table, the first column aligned left and the others right."""
    widths = [max(map(cell_len, cells)) for cells in columns]
    rows = []
    for texts in zip(*columns, strict=True):
        padded = [" " * (w - cell_len(t)) for t, w in zip(texts, widths, strict=True)]
        (name, gap), *others = zip(texts, padded, strict=True)
        rows.append(" " + "  ".join([name + gap, *(gap + text for text, gap in others)]))
    rows.insert(2, " " + ramp.rule * (_width(columns) - 2))
    lines = [row.translate(ramp.other).rstrip() for row in rows]
    return [Text(), *(Text(chop_cells(line, width)[0] if line else "") for line in lines)]


def _about(
    states: Sequence[State], engine: Mapping[str, Any], rates: str
) -> tuple[list[str], list[str]]:
    """Say where a stream is, and how quick; the trouble of the store is left out."""
    episodes, tasks = (max(state[key] for state in states) for key in ("episodes", "tasks"))
    where = [f"run {engine['run']}"] if engine.get("run") is not None else []
    where += [f"{episodes:,} episodes", f"{tasks:,} tasks"]
    if engine.get("placed"):
        where.append(f"task {engine['placed']} of the next")
    if engine.get("clock_s") is not None:
        where.append(f"{timedelta(seconds=int(engine['clock_s']))} simulated")
    if engine.get("phase"):
        where.append(f"drift: {engine['phase']}")
    speed = engine.get("speed")
    pace = "full speed" if speed is None else f"{speed:g}x simulated time"
    pace = "PAUSED" if engine.get("paused") else pace
    return where, [said for said in (rates, pace) if said]


def _explain(states: Sequence[State]) -> str:
    bound = number(states[0]["all"].get("bound"))
    return EXPLAINED if math.isnan(bound) else f"{EXPLAINED}; certified bound of J: {bound:.3f}"


def best_first(states: Mapping[str, State]) -> list[State]:
    """The best objective over all episodes first; who has none last."""

    def objective(state: State) -> tuple[bool, float]:
        value = number(state["all"].get(OBJECTIVE.key))
        return math.isnan(value), value

    return sorted(states.values(), key=objective)
