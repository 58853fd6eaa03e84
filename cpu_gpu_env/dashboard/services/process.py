"""What the server's process costs the machine."""

from __future__ import annotations

import time

import psutil

from cpu_gpu_env.dashboard.schemas.live import ProcessState

_EVERY_S = 1.0


class ProcessMeter:
    """Measures this process, once a second at most; an engine that it started counts for itself."""

    def __init__(self) -> None:
        self._process = psutil.Process()
        self._process.cpu_percent()  # the first call has nothing to compare with
        self._measured_s = -_EVERY_S
        self._state = self._measure()

    def state(self) -> ProcessState:
        """What it has cost over the last second."""
        if time.monotonic() - self._measured_s >= _EVERY_S:
            self._state = self._measure()
        return self._state

    def _measure(self) -> ProcessState:
        self._measured_s = time.monotonic()
        return ProcessState(
            pid=self._process.pid,
            cpu_percent=self._process.cpu_percent(),
            rss_bytes=self._process.memory_info().rss,
        )
