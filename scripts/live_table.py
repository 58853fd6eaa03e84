"""What a stream shows while it runs: a live table on a terminal, plain lines elsewhere."""

from __future__ import annotations

import math
import os
import sys
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, TextIO

from rich.console import Console, Group
from rich.live import Live

from cpu_gpu_env.scripts.live_columns import ASCII, BLOCKS, State
from cpu_gpu_env.scripts.live_frame import best_first, frame, line
from cpu_gpu_env.scripts.terminal import MAX_WIDTH

DRAW_EVERY_S, TELL_EVERY_S = 0.25, 5.0
"""Time between two frames on a terminal, and between two lines elsewhere [s]."""
RATE_OVER_S = 10.0
"""Rates are of the last so many seconds [s]."""


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
        self._stream, self._clock = stream or sys.stdout, clock
        self._rates = _Rates(clock)
        self._newest: tuple[Mapping[str, State], Mapping[str, Any]] | None = None
        self._on_terminal = is_terminal(self._stream)
        self._shown_at = -math.inf if self._on_terminal else clock()
        self._open = True
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

    def __enter__(self) -> LiveView:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()

    @property
    def due(self) -> bool:
        """Whether it is time to show something again: until then, states need not be made."""
        every_s = DRAW_EVERY_S if self._on_terminal else TELL_EVERY_S
        return self._clock() - self._shown_at >= every_s

    def update(self, states: Mapping[str, State], engine: Mapping[str, Any]) -> None:
        """Show the newest states, unless something was shown a moment ago.

        Args:
            states: Of each scheduler, see `cpu_gpu_env.runtime.measures.LaneMeasures.state`.
            engine: What is known of the stream, all of it optional: ``run`` (its number),
                ``clock_s`` (simulated time), ``placed`` (tasks of the episode that is
                being played at a pace), ``speed`` (simulated seconds a second; None: as fast
                as it goes), ``paused``, ``phase`` (of a drift), ``trouble`` (of the store), and
                ``notes`` (lines).
        """
        self._newest = states, engine
        if not states or not self.due:
            return
        self._shown_at = self._clock()
        self._rates.add(states)
        if self._live is None:
            print(line(states, engine, self._rates.describe()), file=self._stream, flush=True)
        else:
            self._live.update(self._frame(self._console.height - 1), refresh=True)

    def close(self) -> None:
        """Show the final figures, whole, and give the terminal back; a second call does nothing."""
        if not self._open:
            return
        self._open = False
        try:
            if self._newest is not None and self._newest[0]:
                self._rates.add(self._newest[0])
                if self._live is None:
                    self._console.width = MAX_WIDTH
                    self._console.print(self._frame(None))
                else:
                    self._live.update(self._frame(None))
        finally:
            if self._live is not None:
                self._live.stop()

    def _frame(self, height: int | None) -> Group:
        """Lay the newest states out, in so many lines; None: finally, in as many as it takes."""
        assert self._newest is not None
        states, engine = self._newest
        ramp = BLOCKS if self._console.encoding.startswith("utf") else ASCII
        rates, width = self._rates.describe(overall=height is None), self._console.width
        return frame(best_first(states), engine, rates, width, height, ramp)


class _Rates:
    """How many episodes, tasks and decisions there are a second.

    Args:
        clock: Tells the time [s].
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._counts: deque[tuple[float, int, int, int]] = deque()
        self._first: tuple[float, int, int, int] | None = None

    def add(self, states: Mapping[str, State]) -> None:
        """Count what there is now."""
        episodes, tasks = (max(s[key] for s in states.values()) for key in ("episodes", "tasks"))
        decisions = sum(state["tasks"] for state in states.values())
        self._counts.append((self._clock(), episodes, tasks, decisions))
        self._first = self._first or self._counts[0]
        while self._counts[-1][0] - self._counts[0][0] > RATE_OVER_S and len(self._counts) > 2:
            self._counts.popleft()

    def describe(self, overall: bool = False) -> str:
        """Say the rates of the last seconds, or of all; empty if they are not known yet."""
        first, last = self._first if overall else self._counts[0], self._counts[-1]
        if first is None or last[0] <= first[0]:
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
