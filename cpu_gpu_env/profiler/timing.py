"""Timing a kernel, whatever the clock: warm-up, enough repeats, the median; and how long to try."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

from cpu_gpu_env.profiler.samples import Run

if TYPE_CHECKING:
    import torch

Clock = Callable[[], float]

MIN_REPEATS, MAX_REPEATS = 5, 10_000
MIN_READING_S = 2e-4
"""Shorter runs are repeated within one reading of the clock."""
TICKS = 20
"""A reading spans so many ticks of the clock, which keeps its rounding below 5 %."""
FINE_TICK_S = 1e-5
"""A clock of CPU time that ticks no slower is preferred for one thread."""
FAILURES = (RuntimeError, MemoryError, OSError, TypeError, NotImplementedError)
"""What torch raises where a kernel does not fit, or a device has none."""


@dataclass(frozen=True)
class Effort:
    """How long to measure."""

    kernel_s: float
    """Time for each kernel in each round [s], or of `MIN_REPEATS` readings if they take longer."""
    run_s: float
    """No larger kernel of the kind is tried once one takes so long [s]."""
    rounds: int
    """Rounds for every kernel."""
    limit_s: float
    """After the first round, nothing new begins so long after the start [s]; what time is left
    after the last one goes to the kernels that were disturbed."""
    watch_s: float
    """The state of the machine is watched for so long at least [s], to know the usual one."""
    load_s: float
    """Time over which power is averaged, idle and under each load [s]."""

    def shared_by(self, kinds: int) -> Effort:
        """Shorten the times, so that so many kinds of device together take as long as one."""
        share = 1.0 / kinds
        values = {name: share * value for name, value in asdict(self).items() if name != "rounds"}
        return replace(self, **values)


FULL = Effort(kernel_s=0.1, run_s=0.1, rounds=4, limit_s=240.0, watch_s=200.0, load_s=3.0)
QUICK = Effort(kernel_s=0.02, run_s=0.02, rounds=3, limit_s=20.0, watch_s=0.0, load_s=0.2)


@dataclass(frozen=True)
class Timing:
    """Statistics of repeated runs."""

    median_s: float
    """Median time of a run [s]."""
    spread: float
    """Interquartile range over the median."""
    repeats: int
    """Readings that were taken."""


def clock_tick(clock: Clock = time.perf_counter, changes: int = 10) -> float:
    """The smallest step that a clock was seen to make [s], whatever it claims."""
    steps: list[float] = []
    last = clock()
    while len(steps) < changes:
        now = clock()
        if now > last:
            steps.append(now - last)
            last = now
    return min(steps)


def best_clock(device: torch.device, threads: int) -> Clock:
    """CPU time where one thread of the CPU does the work, or else the time on the wall.

    What a thread waits while others have the CPU is not counted in CPU time, so one thread can be
    timed on a machine that is in use. Threads that wait for one another cannot.
    """
    alone = device.type == "cpu" and threads == 1
    if alone and clock_tick(time.process_time) <= FINE_TICK_S:
        return time.process_time
    return time.perf_counter


def time_repeatedly(run: Run, seconds: float, clock: Clock = time.perf_counter) -> Timing:
    """Time a function again and again, after runs that are not counted.

    Args:
        run: What to time; it must return only once the work is done.
        seconds: Time to spend [s]; at least `MIN_REPEATS` readings however long they take.
        clock: Seconds since some fixed moment.
    """
    run()
    enough = max(MIN_READING_S, TICKS * clock_tick(clock))
    number = _runs_to_last(run, enough, clock)
    times: list[float] = []
    end = clock() + seconds
    while len(times) < MIN_REPEATS or (clock() < end and len(times) < MAX_REPEATS):
        begin = clock()
        for _ in range(number):
            run()
        times.append((clock() - begin) / number)
    low, median, high = statistics.quantiles(times, n=4, method="inclusive")
    return Timing(median, (high - low) / median, len(times))


def _runs_to_last(run: Run, seconds: float, clock: Clock) -> int:
    """How many runs take at least so long; these are the rest of the warm-up."""
    number = 1
    while True:
        begin = clock()
        for _ in range(number):
            run()
        took = clock() - begin
        if took >= seconds:
            return number
        number = max(2 * number, int(number * seconds / took)) if took > 0 else 10 * number


def synchronous(run: Run, device: torch.device) -> Run:
    """Make `run` return only when the device has finished: GPUs work asynchronously."""
    if device.type == "cpu":
        return run
    import torch

    synchronize: Callable[..., None] = getattr(torch, device.type).synchronize
    where = () if device.type == "mps" else (device,)

    def run_and_wait() -> None:
        run()
        synchronize(*where)

    return run_and_wait


def reason(error: BaseException) -> str:
    """First line of an error."""
    text: str = str(error).strip()
    if isinstance(error, MemoryError) and not text:
        return "out of memory"
    return text.splitlines()[0] if text else type(error).__name__
