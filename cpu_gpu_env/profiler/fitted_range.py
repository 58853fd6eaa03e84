"""What was fitted: the range of sizes, intensities and memory, beyond which a model extrapolates.

Each group of kernels has a range of its own: FP32, each other precision, and serial steps. A range
is a box: its smallest and its largest value of each axis, taken alone.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from cpu_gpu_env.checks import is_number
from cpu_gpu_env.profiler.samples import Counted

SERIAL_GROUP = "serial steps"
SLACK = 1e-6
"""What a bound may be exceeded by: figures are rounded when they are written."""

Ranges = dict[str, dict[str, list[float]]]
"""Group -> axis -> smallest and largest value."""


def _axes(kernel: Counted) -> dict[str, float]:
    axes = {
        "size_flop": kernel.flop,
        "intensity_flop_per_byte": kernel.flop / kernel.traffic_bytes,
        "memory_bytes": kernel.memory_bytes,
    }
    return axes | ({"serial_steps": kernel.serial_steps} if kernel.serial_steps else {})


def _group(kernel: Counted) -> str:
    return SERIAL_GROUP if kernel.serial_steps else kernel.precision


def ranges_of(kernels: Sequence[Counted]) -> Ranges:
    """The range of each group of kernels."""
    found: Ranges = {}
    for kernel in kernels:
        box = found.setdefault(_group(kernel), {})
        for axis, value in _axes(kernel).items():
            low, high = box.get(axis, (math.inf, -math.inf))
            box[axis] = [min(low, value), max(high, value)]
    return found


def parse_ranges(content: Any) -> Ranges | None:
    """Read the ranges of a profile; None if it has none (older ones), or they are damaged."""
    if not isinstance(content, Mapping) or not content:
        return None
    for box in content.values():
        if not isinstance(box, Mapping):
            return None
        for ends in box.values():
            if not isinstance(ends, list) or len(ends) != 2 or not all(map(is_number, ends)):
                return None
    return {group: dict(box) for group, box in content.items()}


def axes_outside(kernel: Counted, ranges: Ranges) -> list[str]:
    """The axes by which a kernel lies outside what was fitted; all, if nothing like it was."""
    box = ranges.get(_group(kernel), {})
    outside = []
    for axis, value in _axes(kernel).items():
        low, high = box.get(axis, (math.inf, -math.inf))
        if not low * (1.0 - SLACK) <= value <= high * (1.0 + SLACK):
            outside.append(axis)
    return outside
