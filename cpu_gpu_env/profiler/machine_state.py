"""In which state the machine is, told by a streaming kernel that is timed beside every other one.

What a kernel takes in one state of a machine says little of another, and times from several do not
belong into one fit. A virtual machine shows it: its host moves two virtual CPUs from one die of the
processor to two and back, every few seconds to minutes. On one die they wait less for one another,
on two they have twice the caches and nearly twice the bandwidth (here 37 and 64 GB/s), and nothing
inside the machine tells which it is but the times themselves. Power limits and neighbours that come
and go are other such states.

The state that counts is the one that the machine is in most of the time. Waiting for a CPU that
other programs have is no state: what happens meanwhile counts nowhere.
"""

from __future__ import annotations

import bisect
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from cpu_gpu_env.profiler.kernels import affordable, triad
from cpu_gpu_env.profiler.samples import Run
from cpu_gpu_env.profiler.timing import FAILURES, Clock, reason, synchronous, time_repeatedly

if TYPE_CHECKING:
    import torch

PROBE = triad(2**23)
"""100 MB: more than most caches hold, and read in some milliseconds."""
SAME_STATE = 0.25
"""Probes within this of that of a state are of it: neighbours and refreshed caches alone move them
by 0.15, another state by 0.7 (seen on the machine of the module)."""
LASTING = 0.05
"""Share of the time that a wanted state needs to be waited for."""
STARVED = 0.1
"""Time that threads waited for a CPU, over the time that passed, above which a time is useless."""
CLEARLY = 0.75
"""Share of the time in the usual state, below which another may be the usual one next time."""


class MachineState:
    """Tells whether a device is in the state that counts.

    Args:
        run: The probe; without one, and from when it fails, every moment is alike.
        clock: Times the probe.
        wanted_s: Time of the probe in the state to look for [s]; None: the usual one.
        wall_clock: Tells how long states last.
        waiting_s: How long threads have waited for a CPU since some fixed moment [s].
    """

    def __init__(
        self,
        run: Run | None,
        clock: Clock,
        wanted_s: float | None = None,
        wall_clock: Clock = time.perf_counter,
        waiting_s: Clock = lambda: 0.0,
    ) -> None:
        self._run, self._clock, self._wall_clock = run, clock, wall_clock
        self._waiting_s = waiting_s
        self._wanted_s = wanted_s if run is not None else None
        # Probes, ascending, each with the time since the last one, or 0 if it was starved.
        self._seen: list[tuple[float, float]] = []
        self._last_s = wall_clock()
        self.probe_s = self._wanted_s
        """Time of the probe in the state that counts [s]: the wanted one, or if that hardly occurs,
        the usual one. None if there is no probe."""
        self.failure: str | None = None
        """Why the probe failed, if it did."""

    def probe(self) -> float:
        """Time the probe now [s]."""
        if self._run is None:
            return 1.0
        begin = self.mark()
        try:
            probe_s = time_repeatedly(self._run, 0.0, self._clock).median_s
        except FAILURES as error:
            self._run = self.probe_s = self._wanted_s = None
            self.failure = reason(error)
            return 1.0
        now_s = self._wall_clock()
        weight_s = 0.0 if self.was_starved_since(begin) else now_s - self._last_s
        bisect.insort(self._seen, (probe_s, weight_s))
        self._last_s = now_s
        if self._wanted_s is not None and self._share_near(self._wanted_s) >= LASTING:
            self.probe_s = self._wanted_s
        else:
            self.probe_s = self._usual_s()
        return probe_s

    def mark(self) -> tuple[float, float]:
        """This moment, for `was_starved_since`."""
        return self._wall_clock(), self._waiting_s()

    def was_starved_since(self, begin: tuple[float, float]) -> bool:
        """Whether threads have waited for a CPU for much of the time since a `mark`."""
        now_s, waited_s = self.mark()
        return waited_s - begin[1] > STARVED * (now_s - begin[0])

    @property
    def was_found(self) -> bool:
        """Whether the wanted state occurred, if there was one."""
        return self._wanted_s is None or self.probe_s == self._wanted_s

    @property
    def share(self) -> float:
        """Share of the time so far in the state that counts."""
        return 1.0 if self.probe_s is None else self._share_near(self.probe_s)

    @property
    def is_watched(self) -> bool:
        """Whether there is a probe."""
        return self._run is not None

    def counts(self, probe_s: float) -> bool:
        """Whether a probe that took so long was of the state that counts."""
        return self.probe_s is None or are_alike(probe_s, self.probe_s)

    def _usual_s(self) -> float:
        """Median of the probes of the state that held most of the time [s]."""
        seen_s, weight_s = np.array(self._seen).T
        ends = np.searchsorted(seen_s, (1.0 + SAME_STATE) * seen_s, side="right")
        passed_s = np.concatenate([[0.0], np.cumsum(weight_s)])
        first = int(np.argmax(passed_s[ends] - passed_s[:-1]))
        middle_s = (passed_s[first] + passed_s[ends[first]]) / 2
        return float(seen_s[max(first, int(np.searchsorted(passed_s, middle_s)) - 1)])

    def _share_near(self, probe_s: float) -> float:
        whole_s = sum(weight_s for _, weight_s in self._seen)
        if whole_s <= 0.0:
            return 1.0
        return sum(weight for seen_s, weight in self._seen if are_alike(seen_s, probe_s)) / whole_s


def are_alike(one_s: float, other_s: float) -> bool:
    """Whether two probes are of the same state."""
    return max(one_s, other_s) <= (1.0 + SAME_STATE) * min(one_s, other_s)


def watch_state(
    device: torch.device, memory_bytes: float, clock: Clock, wanted_s: float | None = None
) -> MachineState:
    """Prepare the probe on a device; where it does not run, every moment is alike.

    `memory_bytes` may be allocated there. Where `clock` tells CPU time, waiting for a CPU does no
    harm. `wanted_s` is the time of the probe in the state to look for [s].
    """
    run: Run | None = None
    if affordable([PROBE], memory_bytes):
        try:
            run = synchronous(PROBE.prepare(device), device)
            run()
        except FAILURES:
            run = None
    waiting_s = (lambda: 0.0) if clock is time.process_time else waiting_for_cpu_s
    return MachineState(run, clock, wanted_s, waiting_s=waiting_s)


def waiting_for_cpu_s() -> float:
    """How long threads of this process have been ready to run without a CPU [s] (Linux, else 0).

    The second number of ``schedstat``, see docs.kernel.org/scheduler/sched-stats.html.
    """
    waited_ns = 0
    for path in Path("/proc/self/task").glob("*/schedstat"):
        try:
            waited_ns += int(path.read_text().split()[1])
        except (OSError, ValueError, IndexError):  # a thread has just ended
            continue
    return waited_ns / 1e9
