"""The gap to a bound, an optimum of 0 included."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cpu_gpu_env.results.gap import gap_to_bound

POSITIVE = st.floats(1e-100, 1e100)


@given(POSITIVE, POSITIVE)
def test_it_is_the_part_of_the_bound_by_which_that_is_exceeded(j: float, bound: float) -> None:
    assert gap_to_bound(j, bound) == j / bound - 1.0


@pytest.mark.parametrize(
    ("j", "bound", "gap"),
    [
        (0.0, 0.0, 0.0),
        (1e-300, 0.0, math.inf),
        (3.0, 0.0, math.inf),
        (0.0, 1e-300, -1.0),
        (0.0, -1e-20, 0.0),  # J is never negative
        (2.0, -3.0, math.inf),
        (1e300, 1e-300, math.inf),
    ],
)
def test_an_optimum_of_nothing(j: float, bound: float, gap: float) -> None:
    assert gap_to_bound(j, bound) == gap
    assert gap_to_bound([1.5, j], [1.0, bound]).tolist() == [0.5, gap]


@pytest.mark.parametrize(("j", "bound"), [(math.nan, 1.0), (1.0, math.nan), (0.0, math.nan)])
def test_what_is_no_number_has_no_gap(j: float, bound: float) -> None:
    assert np.isnan(gap_to_bound(j, bound))
