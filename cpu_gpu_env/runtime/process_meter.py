"""What a process costs the machine that it is on: processor time and memory, children included."""

from __future__ import annotations

import os
import threading
import time
from typing import Any

import psutil

LEAST_S = 1.0
"""Between two measurements at least [s]."""
_COST = 0.01
"""Measuring takes at most this part of the time: it looks at all processes of the machine."""

_Key = tuple[int, float]
"""Number of a process, and when it began: numbers are given again."""


class ProcessMeter:
    """Measures a process and all that it has started, now and then; any thread may ask.

    Args:
        pid: Number of the process; None: this one.

    Raises:
        psutil.NoSuchProcess: If there is none.
    """

    def __init__(self, pid: int | None = None) -> None:
        self._process = psutil.Process(os.getpid() if pid is None else pid)
        self._lock = threading.Lock()
        # The first time that is told is since the process began.
        self._busy_s: dict[_Key, float] = {}
        self._measured_s = time.monotonic() - (time.time() - self._process.create_time())
        self._next_s = 0.0
        self._newest: dict[str, Any] = {}

    def read(self) -> dict[str, Any]:
        """The newest measurement, made now if the one before is older than `LEAST_S`.

        Returns:
            ``pid``; ``cpu_percent`` since the measurement before, of one core: 200 is two cores;
            ``rss_bytes``, resident memory, where pages that processes share count for each.
        """
        with self._lock:
            began_s = time.monotonic()
            if began_s >= self._next_s:
                self._newest = self._measure(began_s)
                self._next_s = began_s + max(LEAST_S, (time.monotonic() - began_s) / _COST)
            return self._newest

    def _measure(self, now_s: float) -> dict[str, Any]:
        busy_s, rss_bytes = {}, 0
        for process in self._family():
            try:
                with process.oneshot():
                    times = process.cpu_times()
                    rss_bytes += process.memory_info().rss
                busy_s[process.pid, process.create_time()] = times.user + times.system
            except psutil.Error:  # it has ended meanwhile
                continue
        spent_s = sum(time_s - self._busy_s.get(key, 0.0) for key, time_s in busy_s.items())
        passed_s = max(now_s - self._measured_s, 1e-3)
        self._busy_s, self._measured_s = busy_s, now_s
        return {
            "pid": self._process.pid,
            "cpu_percent": round(100.0 * max(spent_s, 0.0) / passed_s, 1),
            "rss_bytes": rss_bytes,
        }

    def _family(self) -> list[psutil.Process]:
        try:
            return [self._process, *self._process.children(recursive=True)]
        except psutil.Error:
            return [self._process]
