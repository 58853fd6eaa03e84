"""In which state the machine is, told by a streaming kernel that is timed beside every other one.

What a kernel takes in one state of a machine says little of another, and times from several do not
belong into one fit. A virtual machine shows it: its host moves two virtual CPUs from one die of the
processor to two and back, every few seconds to minutes. On one die they wait less for one another,
on two they have twice the caches and nearly twice the bandwidth (here 37 and 64 GB/s), and nothing
inside the machine tells which it is but the times themselves. Power limits and neighbours that come
and go are other such states.

The state that counts is the one that the machine is in most of the time.
"""

from __future__ import annotations

import bisect
from typing import TYPE_CHECKING

import numpy as np

from cpu_gpu_env.profiler.kernels import affordable, triad
from cpu_gpu_env.profiler.samples import Run
from cpu_gpu_env.profiler.timing import FAILURES, Clock, synchronous, time_repeatedly

if TYPE_CHECKING:
    import torch

PROBE = triad(2**23)
"""100 MB: more than most caches hold, and a few milliseconds at most."""
SAME_STATE = 0.25
"""Probes within this of one another are of the same state: neighbours and refreshed caches alone
move them by 0.15, another state by 0.7 (seen on the machine of the module)."""
LASTING = 0.05
"""Share of the probes that a wanted state needs to be waited for."""
CLEARLY = 0.75
"""Share of the probes in the usual state, below which another may be the usual one next time."""


class MachineState:
    """Tells whether a device is in the state that counts.

    Args:
        run: The probe; without one, every moment is alike.
        clock: Seconds since some fixed moment.
        wanted_s: Time of the probe in the state to look for [s]; None: the usual one.
    """

    def __init__(self, run: Run | None, clock: Clock, wanted_s: float | None = None) -> None:
        self._run, self._clock, self._wanted_s = run, clock, wanted_s
        self._seen_s: list[float] = []  # ascending
        self.probe_s = wanted_s
        """Time of the probe in the state that counts [s]: the wanted one, or if that hardly occurs,
        the usual one. None if there is no probe."""

    def probe(self) -> float:
        """Time the probe now [s]."""
        if self._run is None:
            return 1.0
        probe_s = time_repeatedly(self._run, 0.0, self._clock).median_s
        bisect.insort(self._seen_s, probe_s)
        if self._wanted_s is not None and self._share_near(self._wanted_s) >= LASTING:
            self.probe_s = self._wanted_s
        else:
            self.probe_s = self._usual_s()
        return probe_s

    @property
    def was_found(self) -> bool:
        """Whether the wanted state occurred, if there was one."""
        return self._wanted_s is None or self.probe_s == self._wanted_s

    @property
    def share(self) -> float:
        """Share of the probes that found the state that counts."""
        return 1.0 if self.probe_s is None else self._share_near(self.probe_s)

    def counts(self, probe_s: float) -> bool:
        """Whether a probe that took so long was of the state that counts."""
        return self.probe_s is None or are_alike(probe_s, self.probe_s)

    def _usual_s(self) -> float:
        """Middle of the probes of the state that most of them are of [s]."""
        seen_s = np.array(self._seen_s)
        ends = np.searchsorted(seen_s, (1.0 + SAME_STATE) * seen_s, side="right")
        first = int(np.argmax(ends - np.arange(len(ends))))
        return self._seen_s[(first + int(ends[first]) - 1) // 2]

    def _share_near(self, probe_s: float) -> float:
        if not self._seen_s:
            return 1.0
        return sum(are_alike(seen_s, probe_s) for seen_s in self._seen_s) / len(self._seen_s)


def are_alike(one_s: float, other_s: float) -> bool:
    """Whether two probes are of the same state."""
    return max(one_s, other_s) <= (1.0 + SAME_STATE) * min(one_s, other_s)


def watch_state(
    device: torch.device, memory_bytes: float, clock: Clock, wanted_s: float | None = None
) -> MachineState:
    """Prepare the probe on a device; where it does not run, every moment is alike."""
    run: Run | None = None
    if affordable([PROBE], memory_bytes):
        try:
            run = synchronous(PROBE.prepare(device), device)
            run()
        except FAILURES:
            run = None
    return MachineState(run, clock, wanted_s)
