"""Sums of endless streams, against exact ones."""

import json
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cpu_gpu_env.errors import HybridClusterError
from cpu_gpu_env.results.running_sum import RunningSum

ARRAYS = st.lists(st.lists(st.floats(1e-9, 1e12), min_size=1, max_size=5), min_size=1, max_size=20)


@given(ARRAYS)
def test_the_mean_is_exact_to_the_last_bits(parts: list[list[float]]) -> None:
    total = RunningSum()
    for part in parts:
        total.add(np.array(part))
    exact = [Fraction(value) for part in parts for value in part]
    assert total.count == len(exact)
    assert total.total == pytest.approx(float(sum(exact)), rel=4e-16)
    assert total.mean == pytest.approx(float(sum(exact) / len(exact)), rel=4e-16)


def test_after_many_values_nothing_is_lost() -> None:
    total, plain, more = RunningSum(), 1e8, 30_000
    total.add(np.array([1e8]))  # of a hundred million episodes
    for _ in range(more):
        total.add(np.array([0.1]))
        plain += 0.1
    exact = float(Fraction(0.1) * more + 10**8)
    assert total.total == exact
    assert abs(plain - exact) > 1e-6
    cancelling = RunningSum()
    for value in (1.0, 1e100, 1.0, -1e100):  # Neumaier's own example; Kahan's algorithm gives 0
        cancelling.add(np.array([value]))
    assert cancelling.total == 2.0


def test_values_that_are_missing_or_infinite() -> None:
    total = RunningSum()
    assert math.isnan(total.total)
    assert math.isnan(total.mean)
    total.add(np.array([math.nan, 1.0]))
    total.add(np.array([math.nan]))
    assert (total.count, total.mean) == (1, 1.0)
    total.add(np.array([math.inf, 2.0]))
    assert (total.count, total.mean) == (3, math.inf)
    restored = RunningSum.from_json("a", json.loads(json.dumps(total.to_json(), allow_nan=False)))
    restored.add(np.array([5.0]))
    assert (restored.count, restored.mean) == (4, math.inf)


@given(ARRAYS)
def test_it_goes_on_from_json_to_the_last_bit(parts: list[list[float]]) -> None:
    total = RunningSum()
    for part in parts:
        total.add(np.array(part))
        total = RunningSum.from_json("a", json.loads(json.dumps(total.to_json())))
    whole = RunningSum()
    for part in parts:
        whole.add(np.array(part))
    assert total == whole


@pytest.mark.parametrize(
    "content", [None, [], [1, 2, 3], [-1, 0, 0, 0], [1, "inf", 0, 0], [1, 0, None, 0], "1234"]
)
def test_damage_is_told(content: object) -> None:
    with pytest.raises(HybridClusterError, match="the store: sum"):
        RunningSum.from_json("the store: sum", content)
