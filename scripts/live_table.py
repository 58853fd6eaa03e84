"""What a stream shows while it runs: a live table on a terminal, plain lines elsewhere."""

from __future__ import annotations

import itertools
import math
import os
import sys
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TextIO

from cpu_gpu_env.baselines.report.tables import TextTable, lay_out
from cpu_gpu_env.errors import printable
from cpu_gpu_env.results.metrics import OBJECTIVE
from cpu_gpu_env.runtime.measures import SERIES_POINTS
from cpu_gpu_env.scripts import terminal
from cpu_gpu_env.scripts.live_columns import (
    ASCII,
    BLOCKS,
    NOTHING,
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

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.table import Table

DRAW_EVERY_S, TELL_EVERY_S = 0.25, 5.0
"""Time between two frames on a terminal, and between two lines elsewhere [s]."""
RATE_OVER_S = 10.0
"""Rates are of the last so many seconds [s]."""
EXPLAINED = (
    "the best first; each sparkline from its least value to its greatest; load of each device in "
    "the newest episode"
)


class LiveView:
    """Shows the states of all schedulers; a context manager that leaves the terminal as it was.

    Where there is no terminal (or a dumb one) it writes lines without escape codes instead: one
    every few seconds, and a table at the end. ``NO_COLOR`` is respected; no colour means anything
    that words do not say, too.

    Args:
        stream: Where to write; None: standard output.
        clock: Tells the time [s].
    """

    def __init__(
        self, stream: TextIO | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        from rich.console import Console
        from rich.live import Live

        self._stream, self._clock = stream or sys.stdout, clock
        self._on_terminal = is_terminal(self._stream)
        self._console = Console(
            file=self._stream, force_terminal=self._on_terminal, markup=False, highlight=False
        )
        self._live: Live | None = None
        if self._on_terminal:
            self._live = Live(
                console=self._console,
                auto_refresh=False,
                redirect_stdout=self._stream is sys.stdout,
                redirect_stderr=is_terminal(sys.stderr),
                vertical_overflow="crop",
            )
            self._live.start()
        self._shown_at = -float("inf") if self._on_terminal else clock()
        self._rates = _Rates(clock)
        self._newest: tuple[Mapping[str, State], Mapping[str, Any]] | None = None
        self._open = True

    def __enter__(self) -> LiveView:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()

    def update(self, states: Mapping[str, State], engine: Mapping[str, Any]) -> None:
        """Show the newest states, unless something was shown a moment ago.

        Args:
            states: Of each scheduler, see `cpu_gpu_env.runtime.measures.LaneMeasures.state`.
            engine: What is known of the stream, all of it optional: ``run`` (its number),
                ``clock_s`` (simulated time), ``speed`` (simulated seconds a second; None: as fast
                as it goes), ``paused``, ``phase`` (of a drift), ``trouble`` (of the store), and
                ``notes`` (lines).
        """
        self._newest = states, engine
        if not states:
            return
        self._rates.add(states)
        if self._clock() - self._shown_at < (DRAW_EVERY_S if self._on_terminal else TELL_EVERY_S):
            return
        self._shown_at = self._clock()
        if self._live is None:
            print(line(states, engine, self._rates), file=self._stream, flush=True)
        else:
            self._live.update(self._frame(self._console.height), refresh=True)

    def close(self) -> None:
        """Show the final figures, whole, and give the terminal back; a second call does nothing."""
        if not self._open:
            return
        self._open = False
        shown = self._newest is not None and self._newest[0]
        try:
            if self._live is not None and shown:
                self._live.update(self._frame(None))
        finally:
            if self._live is not None:
                self._live.stop()
        if self._live is None and shown:
            self._console.width = terminal.MAX_WIDTH
            self._console.print(self._frame(None))

    def _frame(self, height: int | None) -> RenderableType:
        """Lay the newest states out, in so many lines; None: in as many as it takes."""
        assert self._newest is not None
        states, engine = self._newest
        ramp = BLOCKS if self._console.encoding.startswith("utf") else ASCII
        return frame(_sorted(states), engine, self._rates, self._console, height, ramp)


class _Rates:
    """How many episodes, tasks and decisions there are a second.

    Args:
        clock: Tells the time [s].
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._counts: deque[tuple[float, int, int, int]] = deque()

    def add(self, states: Mapping[str, State]) -> None:
        """Count what there is now."""
        episodes, tasks = (max(s[key] for s in states.values()) for key in ("episodes", "tasks"))
        decisions = sum(state["tasks"] for state in states.values())
        self._counts.append((self._clock(), episodes, tasks, decisions))
        while self._counts[-1][0] - self._counts[0][0] > RATE_OVER_S and len(self._counts) > 2:
            self._counts.popleft()

    def describe(self) -> str:
        """Say the rates of the last seconds; empty if they are not known yet."""
        first, last = self._counts[0], self._counts[-1]
        if last[0] <= first[0]:
            return ""
        names = "episodes", "tasks", "decisions"
        rates = [(b - a) / (last[0] - first[0]) for a, b in zip(first[1:], last[1:], strict=True)]
        return ", ".join(
            f"{rate:,.{0 if rate >= 10 else 1}f} {name}/s"
            for rate, name in zip(rates, names, strict=True)
        )


def is_terminal(stream: TextIO | None) -> bool:
    """Whether what is written to a stream is seen on a terminal that can move its cursor."""
    try:
        return stream is not None and stream.isatty() and os.environ.get("TERM") != "dumb"
    except ValueError:  # closed
        return False


def line(states: Mapping[str, State], engine: Mapping[str, Any], rates: _Rates) -> str:
    """Say in a line where a stream is."""
    ordered = _sorted(states)
    curve, span = curve_of(ordered), max(state["window_episodes"] for state in ordered)
    values = ", ".join(
        f"{state['scheduler']} {value_text(curve, number(state['window'].get(curve.key)))}"
        for state in ordered
    )
    said = itertools.chain(*_about(ordered, engine, rates))
    trouble = [f"STORE: {engine['trouble']}"] if engine.get("trouble") else []
    return printable("; ".join([*said, *trouble, f"{curve.heading} of the last {span}: {values}"]))


def frame(
    states: Sequence[State],
    engine: Mapping[str, Any],
    rates: _Rates,
    console: Console,
    height: int | None,
    ramp: Ramp,
) -> RenderableType:
    """Lay states out for a console: what there is room for.

    Args:
        states: In the order of the rows.
        engine: See `LiveView.update`.
        rates: Of the last seconds.
        console: Whose width is kept to.
        height: Lines at most; None: as many as it takes.
        ramp: Characters to draw with.
    """
    from rich.console import Group
    from rich.text import Text

    trouble = engine.get("trouble")
    top = [Text(printable(" | ".join(said))) for said in _about(states, engine, rates)]
    if trouble:
        top.append(Text(printable(f"STORE: {trouble}"), style="bold red"))
    notes = [
        Text(printable(note), style="dim") for note in (_explain(states), *engine.get("notes", ()))
    ]
    used = sum(len(text.wrap(console, console.width)) for text in (*top, *notes)) + _FRAME_LINES
    rows = len(states) if height is None else max(height - used, 1)
    table = _fitting(states, rows, console, ramp)
    parts: list[RenderableType] = [*top, table, *notes]
    lines_of_loads = len(states) + _FRAME_LINES
    if height is None or used + len(states) + lines_of_loads <= height:
        loads = _load_table(states, ramp)
        if _width(console, loads) <= console.width:
            parts.append(loads)
    return Group(*parts)


_FRAME_LINES = 5
"""Lines of a table around its rows: two of headings, a rule, and an empty one on both sides."""


def _about(
    states: Sequence[State], engine: Mapping[str, Any], rates: _Rates
) -> tuple[list[str], list[str]]:
    """Say where a stream is, and how quick; the trouble of the store is left out."""
    episodes, tasks = (max(state[key] for state in states) for key in ("episodes", "tasks"))
    where = [f"run {engine['run']}"] if engine.get("run") is not None else []
    where += [f"{episodes:,} episodes", f"{tasks:,} tasks"]
    if engine.get("clock_s") is not None:
        where.append(f"{timedelta(seconds=int(engine['clock_s']))} simulated")
    if engine.get("phase"):
        where.append(f"drift: {engine['phase']}")
    speed = engine.get("speed")
    pace = "full speed" if speed is None else f"{speed:g}x simulated time"
    pace = "PAUSED" if engine.get("paused") else pace
    return where, [said for said in (rates.describe(), pace) if said]


def _explain(states: Sequence[State]) -> str:
    bound = number(states[0]["all"].get("bound"))
    return EXPLAINED if math.isnan(bound) else f"{EXPLAINED}; certified bound of J: {bound:.3f}"


def _sorted(states: Mapping[str, State]) -> list[State]:
    """The best objective over all episodes first; who has none last."""

    def objective(state: State) -> tuple[bool, float]:
        value = number(state["all"].get(OBJECTIVE.key))
        return math.isnan(value), value

    return sorted(states.values(), key=objective)


def _fitting(states: Sequence[State], rows: int, console: Console, ramp: Ramp) -> Table:
    """The widest table that a console has room for, with so many rows at most."""
    found = columns(states, ramp)
    chosen: set[str] = set()
    for column in sorted(found, key=lambda column: column.rank):
        wider = _table(states, [c for c in found if c.heading in {*chosen, column.heading}], rows)
        if column.rank == 0 or _width(console, wider) <= console.width:
            chosen.add(column.heading)
    left = console.width - _width(console, _table(states, _of(found, chosen), rows))
    wide = columns(states, ramp, min(SPARK_WIDTH + max(left, 0), SERIES_POINTS))
    return _table(states, _of(wide, chosen), rows)


def _of(columns: Sequence[Column], headings: set[str]) -> list[Column]:
    return [column for column in columns if column.heading in headings]


def _table(states: Sequence[State], columns: Sequence[Column], rows: int) -> Table:
    shown = states if len(states) <= rows else states[: max(rows - 1, 1)]
    cells = [tuple(printable(column.text(state)) for column in columns) for state in shown]
    if hidden := len(states) - len(shown):
        cells.append((f"and {hidden} more", *[""] * (len(columns) - 1)))
    return lay_out(TextTable(tuple(column.heading for column in columns), tuple(cells)), title="")


def _load_table(states: Sequence[State], ramp: Ramp) -> Table:
    """Load and queue of each device."""
    names = list(dict.fromkeys(d["name"] for state in states for d in state["devices"]))
    cells = []
    for state in states:
        texts = {device["name"]: device_text(device, ramp) for device in state["devices"]}
        cells.append((state["scheduler"], *[texts.get(name, NOTHING) for name in names]))
    headings = "load, and mean queue", *names
    return lay_out(TextTable(headings, tuple(cells)), title="")


def _width(console: Console, table: Table) -> int:
    """Columns that a table takes when nothing is cut short."""
    from rich.measure import Measurement

    unlimited = console.options.update(max_width=terminal.MAX_WIDTH)
    return Measurement.get(console, unlimited, table).maximum
