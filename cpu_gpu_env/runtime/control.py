"""Steering a stream from outside: pause, resume, speed, stop; and its pace in simulated time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Protocol

ATTEND_S = 0.05
"""How often commands are looked for [s]."""


class Command(Protocol):
    """What somebody asks of the engine."""

    @property
    def name(self) -> str:
        """Pause, resume, speed or stop, in small letters."""

    @property
    def value(self) -> float | None:
        """Of speed: simulated seconds a second; None: as fast as it goes."""


class Control:
    """Whether the stream flows, and how fast.

    Simulated time is tied to the clock on the wall at an anchor, which every pause and every change
    of speed moves: time that has passed is not made up for.

    Args:
        speed: Simulated seconds a second; None: as fast as it goes.
        poll: Called often for new commands.
        idle: Called often while the stream waits, and once it has followed commands.
        note: Takes a line for each command that is followed.
    """

    def __init__(
        self,
        speed: float | None = None,
        poll: Callable[[], Iterable[Command]] = lambda: (),
        idle: Callable[[], None] = lambda: None,
        note: Callable[[str], None] = lambda line: None,
    ) -> None:
        self.speed = speed
        """Simulated seconds a second; None: as fast as it goes."""
        self.paused = False
        """Whether the stream stands still."""
        self.stopping = False
        """Whether it is to end as soon as what is begun is finished."""
        self._poll, self._idle, self._note = poll, idle, note
        self._attended = 0.0
        self._anchor: tuple[float, float] | None = None

    def attend(self) -> None:
        """Follow commands, if it is time to look for some, and wait while the stream is paused."""
        now = time.monotonic()
        if now - self._attended < ATTEND_S:
            return
        self._follow()
        while self.paused and not self.stopping:
            self._rest(ATTEND_S)

    def wait_until(self, clock_s: float) -> None:
        """Wait until it is so late in simulated time [s]; as fast as it goes: not at all."""
        self.attend()
        while self.speed is not None and not self.stopping:
            now = time.monotonic()
            if self._anchor is None:
                self._anchor = now, clock_s
            began, began_s = self._anchor
            left_s = began + (clock_s - began_s) / self.speed - now
            if left_s <= 0.0:
                return
            self._rest(min(left_s, ATTEND_S))
            self.attend()

    def behind_s(self, clock_s: float) -> float:
        """By how much the stream is later than its pace, on the clock on the wall [s]."""
        if self.speed is None or self._anchor is None:
            return 0.0
        began, began_s = self._anchor
        return max(0.0, time.monotonic() - began - (clock_s - began_s) / self.speed)

    def _rest(self, wait_s: float) -> None:
        self._idle()
        time.sleep(wait_s)
        if self.paused:
            self._follow()

    def _follow(self) -> None:
        self._attended = time.monotonic()
        commands = list(self._poll())
        for command in commands:
            self._note(_described(command))
            if command.name == "stop":
                self.stopping = True
            elif command.name in ("pause", "resume"):
                self.paused = command.name == "pause"
                self._anchor = None
            elif command.name == "speed":
                self.speed, self._anchor = command.value, None
        if commands:  # who asked waits to see it, and the next batch may take long
            self._idle()


def _described(command: Command) -> str:
    if command.name != "speed":
        return f"command: {command.name}"
    how = "as fast as it goes" if command.value is None else f"{command.value:g}x"
    return f"command: speed {how}"
