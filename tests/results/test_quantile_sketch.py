"""Percentiles by a sketch, against NumPy's of all values."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cpu_gpu_env.errors import HybridClusterError
from cpu_gpu_env.results.quantile_sketch import (
    LARGEST,
    RELATIVE_ERROR,
    SMALLEST,
    QuantileSketch,
    WindowSketch,
    find_buckets,
)

VALUES = st.lists(st.just(0.0) | st.floats(SMALLEST * 1.001, LARGEST), min_size=1, max_size=60)
PERCENTS = st.floats(0.0, 100.0)


def sketch_of(*parts: list[float]) -> QuantileSketch:
    sketch = QuantileSketch()
    for part in parts:
        sketch.add(part)
    return sketch


def assert_near(found: float, values: list[float], percent: float) -> None:
    exact = float(np.percentile(values, percent, method="lower"))
    assert abs(found - exact) <= RELATIVE_ERROR * exact * (1 + 1e-9)


@given(VALUES, PERCENTS)
def test_a_percentile_is_within_the_stated_error(values: list[float], percent: float) -> None:
    sketch = sketch_of(values)
    assert sketch.count == len(values)
    assert_near(sketch.percentile(percent), values, percent)


def test_the_error_holds_for_skewed_values_in_great_number() -> None:
    rng = np.random.default_rng(1)
    for values in (rng.lognormal(0, 3, 50_000), 1e-6 * (1 + rng.pareto(1.1, 50_000))):
        sketch = sketch_of(values)
        for percent in (0, 1, 50, 90, 99, 99.9, 100):
            assert_near(sketch.percentile(percent), values, percent)


@given(VALUES, VALUES, PERCENTS)
def test_sketches_of_parts_add_up_and_come_apart(
    first: list[float], second: list[float], percent: float
) -> None:
    whole = sketch_of(first, second)
    merged = sketch_of(first)
    merged.merge(sketch_of(second))
    assert merged.percentile(percent) == whole.percentile(percent)
    whole.remove_buckets(find_buckets(first))
    assert whole.percentile(percent) == sketch_of(second).percentile(percent)


@given(st.lists(st.lists(VALUES, max_size=4), max_size=6), st.integers(1, 5), PERCENTS)
def test_a_window_holds_the_last_episodes(
    batches: list[list[list[float]]], window: int, percent: float
) -> None:
    sketch, episodes = WindowSketch(window), []
    for batch in batches:
        sketch.add([find_buckets(episode) for episode in batch])
        episodes += batch
    expected = sketch_of(*episodes[-window:]).percentile(percent)
    found = sketch.percentile(percent)
    assert found == expected or (math.isnan(found) and not episodes)


def test_what_is_out_of_range_is_zero_or_infinite() -> None:
    assert math.isnan(QuantileSketch().percentile(50))
    assert sketch_of([0.0, SMALLEST / 2]).percentile(100) == 0.0
    assert sketch_of([2 * LARGEST, math.inf]).percentile(0) == math.inf
    with pytest.raises(ValueError, match="nan"):
        sketch_of([1.0, math.nan])


@given(st.lists(VALUES, max_size=2), PERCENTS)
def test_it_goes_on_from_json(parts: list[list[float]], percent: float) -> None:
    sketch = sketch_of(*parts)
    restored = QuantileSketch.from_json("a", json.loads(json.dumps(sketch.to_json())))
    for one in (sketch, restored):
        one.add([3.0])
    assert restored.percentile(percent) == sketch.percentile(percent)
    assert restored.count == sketch.count


@pytest.mark.parametrize(
    "content",
    [
        None,
        {},
        {"first": 0, "counts": [-1]},
        {"first": 0, "counts": [0.5]},
        {"first": 0, "counts": [True]},
        {"first": -1, "counts": [1]},
        {"first": "0", "counts": [1]},
        {"first": 10**9, "counts": [1]},
        {"first": 2_000, "counts": [1] * 10_000},
        {"first": 0, "counts": [10**30]},
    ],
)
def test_damage_is_told(content: object) -> None:
    with pytest.raises(HybridClusterError, match="the store: wait"):
        QuantileSketch.from_json("the store: wait", content)
