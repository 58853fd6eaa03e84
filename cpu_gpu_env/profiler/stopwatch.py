"""Timing many kernels so that other programs and a failing kernel do little harm.

Interference adds time. So each kernel is timed in several rounds, with all the other kernels in
between: its time is the lower quartile of the medians of the rounds, and as long as they differ by
too much there is another round. Rounds in which the machine was in another state than the one that
counts (`cpu_gpu_env.profiler.machine_state`) are kept apart.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cpu_gpu_env.profiler.machine_state import MachineState, are_alike
from cpu_gpu_env.profiler.samples import Kernel, Sample, typical_time_s
from cpu_gpu_env.profiler.timing import (
    FAILURES,
    Clock,
    Effort,
    Timing,
    reason,
    synchronous,
    time_repeatedly,
)

if TYPE_CHECKING:
    import torch

Tell = Callable[[str], None]

QUIET = 0.05
"""Kernels of no greater relative standard error (`Sample.disturbance`) count as undisturbed."""
PAUSE_S = 0.05
"""Between two looks whether the machine is in the state that counts [s]."""


@dataclass(frozen=True)
class Reading:
    """One round of one kernel."""

    timing: Timing
    """Median and spread of the kernel's runs."""
    probe_s: float | None
    """Time of the probe before it [s]; None if the machine changed state meanwhile, or other
    programs had the CPUs."""


class Stopwatch:
    """Times kernels on one device, in rounds; keeps what failed and why.

    Args:
        device: Where to run them.
        effort: How long to measure.
        clock: Times the kernels.
        wall_clock: Times how long it all takes.
        state: Tells in which state the machine is; None: every moment is alike.
        sleep: Lets so many seconds pass.
    """

    def __init__(
        self,
        device: torch.device,
        effort: Effort,
        clock: Clock = time.perf_counter,
        wall_clock: Clock = time.perf_counter,
        state: MachineState | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._device, self._effort = device, effort
        self._clock, self._wall_clock, self._sleep = clock, wall_clock, sleep
        self.state = state or MachineState(None, clock)
        self._readings: dict[Kernel, list[Reading]] = {}
        self._last_probe_s: float | None = None  # after one kernel is before the next
        self.failures: dict[str, str] = {}
        """Label of each kernel that failed -> why."""

    def time_all(self, kinds: Mapping[str, list[Kernel]], tell: Tell = lambda _: None) -> None:
        """Time the kernels of each kind in order of size until one takes too long.

        `tell` is told of each of `num_steps` steps before it begins.
        """
        begin = self._wall_clock()
        end = begin + self._effort.limit_s
        for number in range(1, self._effort.rounds + 1):
            for kind, kernels in kinds.items():
                tell(f"{kind}, round {number} of {self._effort.rounds}")
                if number == 1:
                    self._time_in_order(kernels)
                else:
                    self._time_again([k for k in kernels if self._is_worth_a_round(k)], end)
        left_s = max(0.0, end - self._wall_clock())
        tell(f"changes of state, and disturbed kernels again, for {left_s:.0f} s at most")
        while self._wall_clock() < end:
            disturbed = [kernel for kernel in self._readings if self._is_disturbed(kernel)]
            watched = self._wall_clock() >= begin + self._effort.watch_s
            if not disturbed and (watched or not self.state.is_watched):
                return
            self._time_again(disturbed, end)
            if not disturbed:
                self._sleep(PAUSE_S)
                self._last_probe_s = self.state.probe()

    def num_steps(self, kinds: Mapping[str, list[Kernel]]) -> int:
        """How many steps `time_all` takes."""
        return self._effort.rounds * len(kinds) + 1

    def missing(self) -> dict[str, str]:
        """What failed, by the label of the kernel or as the state -> why."""
        if self.state.failure is None:
            return self.failures
        return {**self.failures, "state of the machine": self.state.failure}

    def samples(self) -> list[Sample]:
        """What was timed so far."""
        return [self._sample(kernel) for kernel in self._readings]

    def _sample(self, kernel: Kernel) -> Sample:
        counted = [r.timing for r in self._readings[kernel] if self._counts(r)]
        others = [r.timing for r in self._readings[kernel] if not self._counts(r)]
        timings = counted or others
        # The quickest of the others was disturbed least.
        summary = typical_time_s if counted else min
        return Sample(
            kernel.kind,
            kernel.shape,
            kernel.flop,
            kernel.traffic_bytes,
            kernel.memory_bytes,
            summary([timing.median_s for timing in timings]),
            statistics.median(timing.spread for timing in timings),
            tuple(timing.median_s for timing in counted),
            tuple(timing.median_s for timing in others),
            precision=kernel.precision,
            serial_steps=kernel.serial_steps,
        )

    def _counts(self, reading: Reading) -> bool:
        return reading.probe_s is not None and self.state.counts(reading.probe_s)

    def _time_in_order(self, kernels: list[Kernel]) -> None:
        for kernel in kernels:
            if self._time(kernel) and self._sample(kernel).time_s > self._effort.run_s:
                return

    def _time_again(self, kernels: list[Kernel], end: float) -> None:
        """Time kernels while the machine is in the state that counts, until time is up."""
        for kernel in kernels:
            if not self._wait_for_the_state(end):
                return
            self._time(kernel)

    def _time(self, kernel: Kernel) -> bool:
        """Time a kernel once; False if it fails, now or before."""
        if kernel.label in self.failures:
            return False
        try:
            run = synchronous(kernel.prepare(self._device), self._device)
            before_s = self._last_probe_s or self.state.probe()
            begin = self.state.mark()
            timing = time_repeatedly(run, self._effort.kernel_s, self._clock)
        except FAILURES as error:
            self.failures[kernel.label] = reason(error)
            return False
        starved = self.state.was_starved_since(begin)
        self._last_probe_s = self.state.probe()
        steady = are_alike(before_s, self._last_probe_s) and not starved
        probe_s = before_s if steady else None
        self._readings.setdefault(kernel, []).append(Reading(timing, probe_s))
        return True

    def _wait_for_the_state(self, end: float) -> bool:
        """Wait until the machine is in the state that counts; False if time is up."""
        while self._wall_clock() <= end:
            if self._last_probe_s is not None and self.state.counts(self._last_probe_s):
                return True
            self._sleep(PAUSE_S)
            self._last_probe_s = self.state.probe()
        return False

    def _is_worth_a_round(self, kernel: Kernel) -> bool:
        """Whether to time a kernel again: always, but the longest only if they were disturbed."""
        if kernel not in self._readings or kernel.label in self.failures:
            return False
        sample = self._sample(kernel)
        return sample.time_s <= self._effort.run_s or sample.disturbance > QUIET

    def _is_disturbed(self, kernel: Kernel) -> bool:
        return kernel.label not in self.failures and self._sample(kernel).disturbance > QUIET
