"""Intervals for means that are watched while they grow: they hold at all times at once."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from cpu_gpu_env.checks import check_count, check_field, check_number
from cpu_gpu_env.errors import HybridClusterError
from cpu_gpu_env.results.estimate import Estimate

LEVEL = 0.05
"""Chance that the interval misses the mean at any time whatever."""
BLOCK = 64
"""Values that are averaged: means of so many are near enough to normal, however heavy the tails of
J are."""
BURN_IN = 8
"""Blocks before there is an interval."""
TIGHTEST = 32
"""Number of blocks at which the interval is tightest for its number of values."""
MIXTURE_VARIANCE = (-2 * math.log(LEVEL) + math.log(1 - 2 * math.log(LEVEL))) / TIGHTEST
"""Of the effect size, in standard deviations of a block, over which the mixture is taken; that this
is tightest at `TIGHTEST` is found by Waudby-Smith et al. (2024), appendix B.2."""
MAX_VALUES = 2**53
"""Up to here floats count every one."""


class ConfidenceSequence:
    """The mean of a stream with a 95 % interval that may be looked at after every value.

    An interval for a sample of fixed size, looked at again and again, excludes the true mean at
    some time almost surely. This one excludes it ever in 5 % of all streams at most (Robbins 1970;
    Howard, Ramdas, McAuliffe & Sekhon 2021, "Time-uniform, nonparametric, nonasymptotic confidence
    sequences"). Values are averaged in blocks of `BLOCK`. Of t means of blocks, with mean m and
    sum of squares V about it, the likelihood ratio of the effect size delta = mean / deviation
    against 0, mixed over delta ~ N(0, r), r = `MIXTURE_VARIANCE`, is

        (1 + tr)^(-1/2) ((V + tm^2) / (V + tm^2 / (1 + tr)))^(t/2).

    For normal means of unknown variance this is a martingale (Lai 1976, "On confidence sequences";
    Wang & Ramdas 2024, "Anytime-valid t-tests"), so by Ville's inequality it ever reaches 20 in one
    stream out of 20 at most, and the interval is where it does not. For large t it is the normal
    mixture with the estimated variance, which by the central limit theorem holds for any
    distribution with a variance (Waudby-Smith, Arbour, Sinha, Kennedy & Ramdas 2024, "Time-uniform
    central limit theory and asymptotic confidence sequences"); for small t it is wider, as it must
    be.

    Block length, burn-in and r are chosen on streams of 32,768 paired differences of J. There it
    ever excludes the truth in 2 to 4 % of the streams of two equal schedulers, and in 3 to 6 % of
    those of two whose differences are skewed and 0 in the mean (the most at 50 tasks of Pareto
    sizes). It is 1.6 to 1.9 times as wide as the `Estimate` of a sample of fixed size, from 1,024
    values on.

    Memory and the time to add a value do not grow. What is added in pieces gives the same to the
    last bit as what is added at once.
    """

    def __init__(self) -> None:
        self._count, self._sum = 0, 0.0
        self._blocks, self._mean, self._squares = 0, 0.0, 0.0

    def add(self, values: Iterable[float]) -> None:
        """Add values in the order of the stream, such as paired differences of two schedulers.

        Raises:
            HybridClusterError: If one is not finite; those before it have been added.
        """
        for value in map(float, values):
            if not math.isfinite(value):
                raise HybridClusterError(
                    f"a value of a confidence sequence is {value}; allowed: a finite number"
                )
            self._sum += value
            self._count += 1
            if self._count == BLOCK:
                self._add_block(self._sum / BLOCK)
                self._count, self._sum = 0, 0.0

    def _add_block(self, mean: float) -> None:
        """Take a block into the running mean and squares (Welford 1962)."""
        self._blocks += 1
        deviation = mean - self._mean
        self._mean += deviation / self._blocks
        self._squares += deviation * (mean - self._mean)

    @property
    def num_values(self) -> int:
        """How many values have been added."""
        return self._blocks * BLOCK + self._count

    @property
    def estimate(self) -> Estimate:
        """Mean of the whole blocks (nan: there is none) with the half-width of its interval.

        The half-width is nan before `BURN_IN` blocks.
        """
        blocks = self._blocks
        if blocks < BURN_IN:
            return Estimate(self._mean if blocks else math.nan, math.nan)
        spread = 1.0 + blocks * MIXTURE_VARIANCE
        ratio = (math.sqrt(spread) / LEVEL) ** (2 / blocks)
        squared = self._squares / blocks * (ratio - 1.0) / (1.0 - ratio / spread)
        return Estimate(self._mean, math.sqrt(squared))

    @property
    def differs(self) -> bool:
        """Whether the interval excludes 0."""
        estimate = self.estimate
        return abs(estimate.mean) > estimate.half_width

    def state(self) -> dict[str, Any]:
        """What JSON holds, to go on from."""
        return {
            "block": BLOCK,
            "count": self._count,
            "sum": self._sum,
            "blocks": self._blocks,
            "mean": self._mean,
            "squares": self._squares,
        }

    @staticmethod
    def from_state(state: Mapping[str, Any]) -> ConfidenceSequence:
        """Go on from a state.

        Raises:
            HybridClusterError: If a field is missing or holds no such value.
        """
        where = "confidence sequence"
        fields = {name: check_field(where, state, name, object) for name in _STATE}
        check_count(f"{where}: field 'block'", fields["block"], BLOCK, low=BLOCK)
        restored = ConfidenceSequence()
        restored._count = check_count(f"{where}: field 'count'", fields["count"], BLOCK - 1, low=0)
        restored._blocks = check_count(
            f"{where}: field 'blocks'", fields["blocks"], MAX_VALUES // BLOCK, low=0
        )
        restored._sum, restored._mean = (
            check_number(f"{where}: field {name!r}", fields[name], -_MAX_SUM, _MAX_SUM)
            for name in ("sum", "mean")
        )
        restored._squares = check_number(f"{where}: field 'squares'", fields["squares"], 0.0)
        return restored


_MAX_SUM = 1e300
_STATE = ("block", "count", "sum", "blocks", "mean", "squares")
