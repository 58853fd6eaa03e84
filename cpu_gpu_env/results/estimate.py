"""Means with 95 % intervals, which hold for samples as skewed as those of episodes are."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from cpu_gpu_env.model.tasks import FloatArray

RESAMPLES = 1_999
MAX_RESAMPLED = 1_000
"""Larger samples get Student's interval: to their means skew matters no more."""
TAIL = 0.025
"""What an interval leaves out on the side of its farther end, for large samples."""
SMALL, LARGE = 20, 60
"""Small samples hardly show their tails: below `LARGE` values `TAIL` shrinks in proportion to their
number, down to a third at `SMALL`."""


@dataclass(frozen=True)
class Estimate:
    """A mean with its 95 % confidence interval.

    The interval is a bootstrap-t (Efron & Tibshirani, An Introduction to the Bootstrap, 1993, 12.5)
    made symmetric: to both sides the distance to its farther end, but no less than Student's and,
    unless that is more, not beyond the value farthest from the mean. On J of
    Pareto episodes and of round robin (200 tasks) it covers the true mean in 94 to 98 % of the
    samples of 20 or 100, where Student's does in 82 to 94 %, and the bias-corrected and accelerated
    bootstrap in 85 to 90 % of those of 20. Of shorter episodes, which are more skewed, 20 are too
    few for any method (Pareto, 50 tasks: 90 %). Where there is no skew it is wider than it need be,
    by 40 % at 20 and 3 % at 100.
    """

    mean: float
    """Sample mean."""
    half_width: float
    """The interval is mean plus or minus this; nan for a single episode, or one without a value."""

    @staticmethod
    def of(sample: FloatArray) -> Estimate:
        """Estimate the mean of a sample; the same sample gives the same interval."""
        mean, count = float(sample.mean()), len(sample)
        if count < 2 or not np.isfinite(sample).all():
            return Estimate(mean, math.nan)
        return Estimate(mean, float(_half_widths(sample)))

    @staticmethod
    def of_each(samples: FloatArray) -> list[Estimate]:
        """Estimate the mean of each of k samples of equal size, (n, k): quicker than one by one."""
        count = len(samples)
        means = samples.mean(axis=0) if count else np.full(samples.shape[1], np.nan)
        half_widths = np.full(means.shape, np.nan)
        known = np.isfinite(samples).all(axis=0)
        if count > 1 and known.any():
            half_widths[known] = _half_widths(samples[:, known])
        return [Estimate(*pair) for pair in zip(means.tolist(), half_widths.tolist(), strict=True)]


def _half_widths(samples: FloatArray) -> FloatArray:
    """Half-widths of the intervals of finite samples, (n,) or (n, k)."""
    from scipy.special import stdtrit  # importing it costs time: only results pay for it

    count = len(samples)
    deviations = samples - samples.mean(axis=0)
    spread = deviations.std(axis=0)
    student = float(stdtrit(count - 1, 1 - TAIL)) * spread / math.sqrt(count - 1)
    if count > MAX_RESAMPLED or not np.any(spread):
        return np.asarray(student)
    varies = spread > 0.0
    deviations = deviations / np.where(varies, spread, 1.0)
    shares = _resamples(count)
    means = shares @ deviations
    variances = shares @ deviations**2 - means**2
    # A resample that holds one value alone has no spread; it stands for an infinite distance.
    t = means / np.sqrt(np.maximum(variances, 1e-18))
    tail = TAIL * min(max(count, SMALL), LARGE) / LARGE
    low = int(tail * (RESAMPLES + 1)) - 1
    high = RESAMPLES - 1 - low
    t = np.partition(t, (low, high), axis=0)
    farther = spread * np.maximum(-t[low], t[high])
    farthest = spread * np.abs(deviations).max(axis=0)
    wider = np.maximum(student, np.minimum(farther, farthest))
    return np.asarray(np.where(varies, wider, student))


@lru_cache(maxsize=1)
def _resamples(count: int) -> FloatArray:
    """Share of each of `count` values in each resample, (RESAMPLES, count)."""
    drawn = np.random.default_rng(0).integers(count, size=(RESAMPLES, count))
    rows = np.arange(RESAMPLES)[:, None] * count
    found = np.bincount((rows + drawn).ravel(), minlength=RESAMPLES * count)
    return found.reshape(RESAMPLES, count) / count
