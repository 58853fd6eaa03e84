"""Columns of the live table: what each shows of the state of a scheduler."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cpu_gpu_env.checks import as_number
from cpu_gpu_env.results import metrics
from cpu_gpu_env.results.metrics import Metric

State = Mapping[str, Any]
"""Of a scheduler, see `cpu_gpu_env.runtime.measures.LaneMeasures.state`."""

SCHEDULER = "scheduler"
"""Heading of the first column."""
NOTHING = "-"
"""Stands where there is no value."""
SPARK_WIDTH = 10
"""Characters of a sparkline where there is no room for more."""
LOAD_WIDTH = 8
"""Devices of a pool whose loads are shown one by one; more are shown in groups."""
BAR_WIDTH = 6
_MAX_WRITTEN = 1e6
"""Larger values are written with an exponent: one that is a thousand times worse widens nothing."""


@dataclass(frozen=True)
class Ramp:
    """Characters that stand for levels, the least first."""

    heights: str
    """Of a sparkline."""
    lengths: str
    """Of the end of a bar."""
    rule: str
    """Of a line."""
    other: Mapping[int, str] = field(default_factory=dict)
    """What stands for characters that there are not."""


BLOCKS = Ramp("▁▂▃▄▅▆▇█", " ▏▎▍▌▋▊▉█", "─")
ASCII = Ramp("_.-=+*%#", " #", "-", str.maketrans({"µ": "u", "±": "+-"}))
"""Where the terminal has no blocks."""


@dataclass(frozen=True)
class Column:
    """A column of the live table."""

    heading: str
    """One line or two."""
    rank: int
    """The least first find room."""
    text: Callable[[State], str]
    """What it shows of a scheduler."""


def number(value: Any) -> float:
    """Read a number of a state: None is nan, and an infinite one a text."""
    return as_number(value)


def value_text(metric: Metric, value: float) -> str:
    """Write a value in the shown unit, in at most some eight characters."""
    shown = value * metric.scale
    if math.isnan(shown):
        return NOTHING
    return metric.text(value) if abs(shown) < _MAX_WRITTEN else f"{shown:.3g}"


def curve_of(states: Sequence[State]) -> Metric:
    """What is drawn over the window: the gap, or J where there are no bounds."""
    gaps = (number(state["window"].get(metrics.GAP.key)) for state in states)
    return metrics.OBJECTIVE if all(map(math.isnan, gaps)) else metrics.GAP


def columns(states: Sequence[State], ramp: Ramp, spark_width: int = SPARK_WIDTH) -> list[Column]:
    """Columns, from left to right, of which states have a value at all."""
    window = max(state["window_episodes"] for state in states)
    curve = curve_of(states)
    differing = [state["difference"] for state in states if state.get("difference")]
    reference = differing[0]["reference"] if differing else ""
    p50, p99 = metrics.DECISION_METRICS.values()
    regret, electricity = metrics.CUMULATIVE_METRICS.values()
    response = metrics.P99_RESPONSE
    found = [
        Column(SCHEDULER, 0, lambda state: str(state["scheduler"])),
        _of(metrics.OBJECTIVE, 0),
        _of(metrics.GAP, 0),
        _of(curve, 9, "window", f"{curve.heading}\nlast {window}"),
        Column(
            f"{curve.label}\nlast {window}",
            1,
            lambda state: sparkline(state["series"][curve.key], spark_width, ramp),
        ),
        Column("load\nCPU|GPU", 2, lambda state: loads(state["devices"], ramp)),
        _of(metrics.MAKESPAN, 3),
        _of(metrics.ENERGY, 4),
        _of(metrics.MEAN_WAIT, 8),
        _of(response, 5, heading=f"response\np99 [{response.shown_unit}]"),
        Column(f"p50/99\n[{p50.shown_unit}]", 6, lambda state: _pair(state, p50, p99)),
        _of(regret, 10, heading="regret\nso far"),
        _of(electricity, 12, heading="electricity\nso far"),
        Column(f"J to {reference}\n95 %, always", 7, difference),
        Column("model", 11, _version),
    ]
    return [
        column
        for column in found
        if any(column.text(state).strip(NOTHING + "/| ") for state in states)
    ]


def sparkline(values: Sequence[Any], width: int, ramp: Ramp) -> str:
    """Draw values, the newest last, from the least of them to the greatest; nan is a space."""
    numbers = _means([number(value) for value in values], width)
    finite = [value for value in numbers if math.isfinite(value)]
    low, high = (min(finite), max(finite)) if finite else (0.0, 0.0)
    span = high - low
    drawn = (_level((value - low) / span if span > 0.0 else 0.5, ramp.heights) for value in numbers)
    return "".join(drawn).rjust(width)


def loads(devices: Sequence[State], ramp: Ramp) -> str:
    """Draw the load of each device in the newest episode as a bar, CPUs|GPUs."""
    return "|".join(
        "".join(_level(load, ramp.heights) for load in _grouped(devices, kind))
        for kind in ("cpu", "gpu")
    )


def bar(load: float, ramp: Ramp) -> str:
    """Draw a load from 0 to 1 as a bar of `BAR_WIDTH` characters."""
    steps = len(ramp.lengths) - 1
    filled = round(min(max(load, 0.0), 1.0) * BAR_WIDTH * steps)
    whole, part = divmod(filled, steps)
    drawn = ramp.lengths[-1] * whole + (ramp.lengths[part] if part else "")
    return drawn.ljust(BAR_WIDTH)


def device_text(device: State, ramp: Ramp) -> str:
    """Write load and queue of a device in the newest episode."""
    load = number(device["load"])
    return f"{bar(load, ramp)} {load * 100:3.0f} % {number(device['queue']):6.1f}"


def difference(state: State) -> str:
    """Write the interval of the mean difference of J to the reference, and what it says."""
    found = state.get("difference")
    if not found or found["reference"] == state["scheduler"]:
        return NOTHING
    low, high = number(found["low"]), number(found["high"])
    if not (math.isfinite(low) and math.isfinite(high)):
        return NOTHING
    said = "worse" if low > 0.0 else "better" if high < 0.0 else "open"  # less J is better
    interval = metrics.OBJECTIVE.difference_text((low + high) / 2, (high - low) / 2)
    return f"{interval} {said:6}"


def _of(metric: Metric, rank: int, span: str = "all", heading: str = "") -> Column:
    label = heading or metric.heading.replace(" [", "\n[")
    return Column(
        label, rank, lambda state: value_text(metric, number(state[span].get(metric.key)))
    )


def _pair(state: State, *of: Metric) -> str:
    return "/".join(value_text(metric, number(state["all"].get(metric.key))) for metric in of)


def _version(state: State) -> str:
    version, drawn = state["model_version"], number(state["exploration"])
    if drawn > 0.0:
        return f"v{version}, {drawn * 100:.2g} % random"
    return f"v{version}" if version else NOTHING


def _level(part: float, characters: str) -> str:
    if math.isnan(part):
        return " "
    return characters[round(min(max(part, 0.0), 1.0) * (len(characters) - 1))]


def _grouped(devices: Sequence[State], kind: str) -> list[float]:
    """Loads of the devices of a kind; of many, the means of neighbours."""
    values = [number(device["load"]) for device in devices if device["kind"] == kind]
    return _means(values, LOAD_WIDTH)


def _means(values: Sequence[float], most: int) -> list[float]:
    """Means of at most so many stretches of values, in order."""
    count = min(len(values), most)
    edges = [len(values) * i // count for i in range(count + 1)] if count else []
    return [sum(values[a:b]) / (b - a) for a, b in itertools.pairwise(edges)]
