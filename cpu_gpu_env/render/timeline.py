"""What a Gantt chart shows of a schedule: time axis, queues, figures; and the chart as text."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cpu_gpu_env.model.cluster import Device
from cpu_gpu_env.sim.schedule import Schedule, Share

MAX_BARS = 240
"""Most shares of a device on one image; older ones scroll out on the left."""


@dataclass(frozen=True)
class Span:
    """A stretch of time, mapped onto [0, 1]."""

    start_s: float
    """Where it begins [s]."""
    end_s: float
    """Where it ends, later than that [s]."""

    def position(self, time_s: float) -> float:
        """Where a time lies, from 0 to 1; at an end if it is beyond."""
        return min(max((time_s - self.start_s) / (self.end_s - self.start_s), 0.0), 1.0)

    def tick(self) -> tuple[float, int]:
        """Return the distance between ticks, ten of them at most, and the decimals it needs."""
        rough = (self.end_s - self.start_s) / 10
        exponent = math.floor(math.log10(rough))
        digit = next((digit for digit in (1, 2, 5) if digit >= rough / 10.0**exponent), 10)
        return digit * 10.0**exponent, max(0, -exponent - (digit == 10))


def episode_span(schedule: Schedule) -> Span:
    """From the first arrival to the last finish, or to the clock if that is later."""
    last = max((share.finish_s for share in schedule.shares), default=schedule.clock_s)
    start, end = min(last - schedule.makespan_s, schedule.clock_s), max(last, schedule.clock_s)
    return Span(start, end if end > start else start + 1)


def visible_span(schedule: Schedule) -> Span:
    """The time axis of an image: the episode or its recent part, with room to grow."""
    whole = episode_span(schedule)
    starts: list[list[float]] = [[] for _ in schedule.cluster.devices]
    for share in schedule.shares:
        starts[share.device].append(share.start_s)
    recent = [row[-MAX_BARS] for row in starts if len(row) > MAX_BARS]
    # Never past the clock: rows whose queues are long would push it out of sight.
    start = min(max(recent, default=whole.start_s), schedule.clock_s)
    step, _ = Span(start, whole.end_s).tick()
    start = max(math.floor(start / step) * step, whole.start_s)
    return Span(start, start + math.ceil((whole.end_s - start) / step - 1e-9) * step)


def queues_and_utilisation(schedule: Schedule) -> tuple[list[float], list[float]]:
    """Work that each device still has to do at the clock [s], and its utilisation so far."""
    queues, busy = ([0.0] * len(schedule.cluster.devices) for _ in range(2))
    for share in schedule.shares:
        busy[share.device] += share.finish_s - share.start_s
        queues[share.device] += max(share.finish_s - max(share.start_s, schedule.clock_s), 0.0)
    return queues, [work / (schedule.makespan_s or 1.0) for work in busy]


def header_texts(schedule: Schedule, queues: list[float]) -> list[tuple[str, str]]:
    """Labels and values of the header; queues are the mean of their pool."""
    cpus, gpus = len(schedule.cluster.cpus), len(schedule.cluster.gpus)
    return [
        ("Clock", seconds(schedule.clock_s)),
        ("Tasks placed", f"{schedule.tasks_placed} / {schedule.num_tasks}"),
        ("Queue per CPU", seconds(sum(queues[:cpus]) / cpus)),
        ("Queue per GPU", seconds(sum(queues[cpus:]) / gpus)),
        ("Makespan", seconds(schedule.makespan_s)),
        ("Energy", f"{schedule.energy_j / 1e3:,.2f} kJ"),
    ]


def seconds(time_s: float) -> str:
    """Write a time."""
    return f"{time_s:,.{1 if time_s >= 100 else 2}f} s"


def render_ansi(schedule: Schedule, width: int = 100) -> str:
    """Draw a schedule as text.

    Args:
        schedule: The schedule so far.
        width: Columns of the chart's lines.

    Returns:
        Two lines of figures, a row a device (``▒`` memory-bound work, ``█`` compute-bound work,
        ``▓`` work of which only the time is known, ``░`` a column that is idle for most of its
        time) and a time axis, the clock at ``^``.
    """
    span = episode_span(schedule)
    queues, utilisations = queues_and_utilisation(schedule)
    names = schedule.cluster.device_names
    margin = max(map(len, names))
    columns = max(width - margin - len(" || 100%  queue 1,000.0 s"), 10)
    cells = _cells(schedule, span, columns)
    rows = [
        f"{name:<{margin}} |{''.join(cells[device])}| "
        f"{utilisations[device]:4.0%}  queue {seconds(queues[device]):>9}"
        for device, name in enumerate(names)
    ]
    axis = ["-"] * columns
    axis[min(int(span.position(schedule.clock_s) * columns), columns - 1)] = "^"
    facts = [f"{label.lower()} {value}" for label, value in header_texts(schedule, queues)]
    header = f"{schedule.title or schedule.cluster.name}   {facts[0]}   {facts[1]}"
    rule = f"{'':{margin}} +{''.join(axis)}+"
    first, last = seconds(span.start_s), seconds(span.end_s)
    ends = f"{'':{margin}}  {first:<9}{last:>{columns - 9}}"
    return "\n".join([header, "   ".join(facts[2:]), *rows, rule, ends])


_GLYPHS = ("█", "▒", "▓")
"""Of compute-bound work, of memory-bound work, of work of which only the time is known."""


def _kind(share: Share, device: Device) -> int:
    """What bounds a share on a device, as an index of `_GLYPHS`."""
    if math.isnan(share.intensity):
        return 2
    return int(share.intensity < device.ridge(share.precision))


def _cells(schedule: Schedule, span: Span, columns: int) -> NDArray[np.str_]:
    """One character for each device and column of text."""
    devices = schedule.cluster.devices
    busy = np.zeros((len(_GLYPHS), len(devices), columns))
    edges = np.arange(columns)
    for share in schedule.shares:
        start, finish = (span.position(t) * columns for t in (share.start_s, share.finish_s))
        overlap = np.minimum(edges + 1, finish) - np.maximum(edges, start)
        busy[_kind(share, devices[share.device]), share.device] += overlap.clip(0.0)
    total = busy.sum(axis=0)
    glyphs = np.array(_GLYPHS)[busy.argmax(axis=0)]
    return np.where(total >= 0.5, glyphs, np.where(total > 0, "░", " "))
