"""Time that only passes when a test lets it."""

from __future__ import annotations

from collections.abc import Callable

from cpu_gpu_env.profiler.samples import Kernel


class Clock:
    """Time that passes only while something runs, and a little at each reading.

    Args:
        tick: Readings are whole multiples of it; about a thousand fall into each [s].
    """

    def __init__(self, tick: float = 1e-9) -> None:
        self.now = 0.0
        self.tick = tick
        self._reading_s = max(1e-9, tick / 1000)

    def __call__(self) -> float:
        self.now += self._reading_s
        return self.now // self.tick * self.tick

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def runs_of(self, durations: list[float]) -> Callable[[], None]:
        left = iter(durations)

        def run() -> None:
            self.now += next(left)

        return run


def fake_kernel(clock: Clock, durations: list[float], size: int = 1, kind: str = "fake") -> Kernel:
    """A kernel that takes a given time each time it is prepared, runs being alike in between."""
    left = iter(durations)

    def prepare(device: object) -> Callable[[], None]:
        duration = next(left)

        def run() -> None:
            clock.now += duration

        return run

    return Kernel(kind, (size,), 1.0, 1.0, 1.0, prepare)
