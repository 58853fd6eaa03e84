"""Which kernels lie outside what was fitted."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cpu_gpu_env.profiler.fitted_range import axes_outside, parse_ranges, ranges_of
from cpu_gpu_env.profiler.samples import Counted

FITTED = [Counted("a", (1,), 10.0, 10.0, 40.0), Counted("b", (1,), 1_000.0, 20.0, 20.0)]
"""Sizes 10 to 1,000, intensities 1 to 50, memory 20 to 40."""


def test_a_range_is_the_least_and_the_most_of_each_axis() -> None:
    assert ranges_of(FITTED) == {
        "fp32": {
            "size_flop": [10.0, 1_000.0],
            "intensity_flop_per_byte": [1.0, 50.0],
            "memory_bytes": [20.0, 40.0],
        }
    }


@pytest.mark.parametrize(
    ("flop", "traffic", "memory", "outside"),
    [
        (10.0, 10.0, 20.0, []),
        (500.0, 10.0, 30.0, []),
        (9.0, 9.0, 30.0, ["size_flop"]),
        (1_001.0, 100.0, 30.0, ["size_flop"]),
        (100.0, 101.0, 30.0, ["intensity_flop_per_byte"]),
        (100.0, 10.0, 41.0, ["memory_bytes"]),
        (2_000.0, 1.0, 1.0, ["size_flop", "intensity_flop_per_byte", "memory_bytes"]),
    ],
)
def test_a_kernel_outside_is_told_with_its_axes(
    flop: float, traffic: float, memory: float, outside: list[str]
) -> None:
    kernel = Counted("c", (1,), flop, traffic, memory)
    assert axes_outside(kernel, ranges_of(FITTED)) == outside


def test_precisions_and_serial_steps_have_ranges_of_their_own() -> None:
    half = Counted("h", (1,), 100.0, 10.0, 30.0, precision="fp16")
    chain = Counted("s", (1,), 100.0, 10.0, 30.0, serial_steps=8.0)
    assert "memory_bytes" in axes_outside(half, ranges_of(FITTED))
    known = ranges_of([*FITTED, half, chain])
    assert axes_outside(half, known) == axes_outside(chain, known) == []
    assert known["serial steps"]["serial_steps"] == [8.0, 8.0]
    longer = Counted("s", (1,), 100.0, 10.0, 30.0, serial_steps=9.0)
    assert axes_outside(longer, known) == ["serial_steps"]


def test_ranges_are_read_as_they_were_written() -> None:
    ranges = ranges_of(FITTED)
    assert parse_ranges(json.loads(json.dumps(ranges))) == ranges


@pytest.mark.parametrize(
    "content", [None, {}, [], {"fp32": 1}, {"fp32": {"size_flop": 1}}, {"a": {"b": [1, "c"]}}]
)
def test_what_says_no_range_is_not_known(content: Any) -> None:
    assert parse_ranges(content) is None
