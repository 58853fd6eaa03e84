"""The newest lines that a stream has told, for whoever watches it from elsewhere."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import Any

from cpu_gpu_env.errors import printable, without_password

NEWEST_LINES = 50
"""So many lines are kept."""
LONGEST_LINE = 300
"""Longer lines are cut [characters]: all of them go along with each state that is shown."""


class EventLog:
    """Keeps the newest lines, each with its time; any thread, or a signal, may add one.

    Args:
        tell: Takes lines for people, from any thread.
    """

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell
        # Without a lock, which a signal could find locked: what is done with it is atomic.
        self._lines: deque[tuple[float, str]] = deque(maxlen=NEWEST_LINES)
        self._values: dict[str, Any] = {}

    def tell(self, line: str) -> None:
        """Tell people a line, and keep it."""
        self._tell(line)
        self.note(line)

    def note(self, line: str) -> None:
        """Keep a line, on one line and without the passwords of URLs."""
        text = without_password(printable(line))
        text = text if len(text) <= LONGEST_LINE else f"{text[:LONGEST_LINE]}..."
        self._lines.append((time.time(), text))

    def note_change(self, subject: str, value: Any, line: str) -> None:
        """Keep a line if a value is not what it was; at first: if it is anything but empty or 0."""
        before = self._values.get(subject)
        self._values[subject] = value
        if value != before and (value or before is not None):
            self.note(line)

    def newest(self) -> list[list[Any]]:
        """Unix time [s] and text of each line that is kept, the oldest first; JSON values."""
        return [list(line) for line in self._lines.copy()]
