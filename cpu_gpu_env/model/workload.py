"""Workloads: the pool of tasks that episodes draw from, and how it is generated."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import cache
from typing import Any

import numpy as np

from cpu_gpu_env import checks
from cpu_gpu_env.errors import HybridClusterError, shown, unknown_name
from cpu_gpu_env.model.tasks import FloatArray, Tasks

POOL_ROWS = 65_536
"""Rows of a pool: a random row is 16 random bits."""

DEFAULT_WORKLOAD = "lognormal"

MAX_SIGMA = 10.0
"""At this sigma values already differ by nineteen orders of magnitude from their median."""


@dataclass(frozen=True)
class Range:
    """Declared range of a feature; the observation is log-scaled to it.

    Raises:
        HybridClusterError: If the ends are no positive numbers, or not low < high.
    """

    low: float
    high: float

    def __post_init__(self) -> None:
        checks.check_ends("range of a feature", (self.low, self.high))
        if self.low == self.high:
            raise HybridClusterError(f"range of a feature: low = high = {self.low}; allowed: <")

    @staticmethod
    def spanning(low: float, high: float) -> Range:
        """Make a range of ends that may be equal: such a feature is always 0."""
        return Range(low, high if high > low else 2 * low)

    def scale(self, values: FloatArray) -> FloatArray:
        """Map [low, high] to [0, 1] on a log scale, clipping what lies outside."""
        span = np.log(self.high / self.low)  # above 0 however close they are
        logs = np.log(np.maximum(values, self.low)) - np.log(self.low)
        return np.asarray(np.clip(logs / span, 0.0, 1.0), dtype=np.float64)

    def unscale(self, scaled: FloatArray) -> FloatArray:
        """Map [0, 1] back to [low, high]."""
        return np.asarray(self.low * (self.high / self.low) ** scaled)


@dataclass(frozen=True, eq=False)
class Workload:
    """A pool of tasks with the ranges of its features, and how episodes take tasks from it."""

    name: str
    """Identifier used in reports."""
    pool: Tasks
    """`POOL_ROWS` tasks whose arrivals are not used, or the tasks of a trace."""
    size_range: Range | None
    """Range of size [FLOP]; None where costs were measured."""
    intensity_range: Range | None
    """Range of intensity [FLOP/B]; None where costs were measured."""
    memory_range: Range
    """Range of memory [B]."""
    in_order: bool = False
    """Whether an episode replays a window of the pool (a trace), row after row with the times
    between their arrivals. If not, it draws rows independently and uniformly, with replacement, and
    arrivals are Poisson."""
    notes: tuple[str, ...] = ()
    """What its figures assume, a sentence each."""
    whole: Tasks | None = None
    """The tasks of which the pool is a part or a choice; None: the pool is all. Where observations
    show costs, their ranges are those that these span."""

    def __post_init__(self) -> None:
        checks.check_name("name of a workload", self.name)
        if not isinstance(self.pool, Tasks):
            raise HybridClusterError(
                f"workload {self.name!r}: the pool is {shown(self.pool)}; allowed: a "
                "cpu_gpu_env.Tasks (Workload.from_tasks makes a pool of any tasks)"
            )
        for name in ("size_range", "intensity_range", "memory_range"):
            declared = getattr(self, name)
            needless = name != "memory_range" and self.pool.measured is not None
            if not isinstance(declared, Range) and not (declared is None and needless):
                raise HybridClusterError(
                    f"workload {self.name!r}: {name} is {shown(declared)}; allowed: a "
                    "cpu_gpu_env.model.workload.Range"
                )
        if self.whole is not None and not isinstance(self.whole, Tasks):
            raise HybridClusterError(
                f"workload {self.name!r}: whole is {shown(self.whole)}; allowed: a "
                "cpu_gpu_env.Tasks or None"
            )
        if len(self.pool) != POOL_ROWS and not self.in_order:
            raise HybridClusterError(
                f"workload {self.name!r}: the pool has {len(self.pool)} rows; allowed: {POOL_ROWS} "
                "(Workload.from_tasks makes a pool of any tasks)"
            )

    @staticmethod
    def from_tasks(name: str, tasks: Tasks | Any) -> Workload:
        """Make a workload of given tasks, repeating them until the pool is full.

        When the number of tasks does not divide `POOL_ROWS`, rows differ in frequency by one.

        Args:
            name: Identifier used in reports.
            tasks: At most `POOL_ROWS` of them, as `Tasks.from_table` takes them.

        Raises:
            HybridClusterError: If they are no tasks, or too many.
        """
        tasks = Tasks.from_table(tasks)
        if len(tasks) > POOL_ROWS:
            raise HybridClusterError(
                f"workload {name!r}: {len(tasks)} tasks; allowed: at most {POOL_ROWS}"
            )
        rows = np.arange(POOL_ROWS) % len(tasks)
        return Workload(name, tasks.take(rows, np.zeros(POOL_ROWS)), *feature_ranges(tasks))

    @property
    def scaled_to(self) -> Tasks:
        """The tasks whose ranges observations are scaled to."""
        return self.pool if self.whole is None else self.whole

    @property
    def mean_interarrival_s(self) -> float:
        """Mean time between the arrivals of the pool [s]; 0 if there is but one task."""
        arrival_s = self.pool.arrival_s
        return float(arrival_s[-1] - arrival_s[0]) / max(len(arrival_s) - 1, 1)

    def interarrivals_s(self, mean_s: float) -> FloatArray:
        """Time between each task of the pool and the one before it [s], scaled to a mean.

        One factor scales the whole trace, so bursts stay bursts. The first is 0.
        """
        interarrivals_s = np.diff(self.pool.arrival_s, prepend=self.pool.arrival_s[0])
        if self.mean_interarrival_s == 0.0:
            return interarrivals_s
        return interarrivals_s * (mean_s / self.mean_interarrival_s)


def _lognormal_sizes(rng: np.random.Generator, spec: SyntheticSpec) -> FloatArray:
    return spec.size_median_flop * np.exp(spec.size_sigma * rng.standard_normal(POOL_ROWS))


def _pareto_sizes(rng: np.random.Generator, spec: SyntheticSpec) -> FloatArray:
    # The median of a Pareto distribution with minimum m and shape a is m * 2^(1/a).
    minimum = spec.size_median_flop / 2 ** (1 / spec.pareto_shape)
    return minimum * (1 + rng.pareto(spec.pareto_shape, POOL_ROWS))


_SIZE_DISTRIBUTIONS: dict[str, Callable[[np.random.Generator, SyntheticSpec], FloatArray]] = {
    "lognormal": _lognormal_sizes,
    "pareto": _pareto_sizes,
}


@dataclass(frozen=True)
class SyntheticSpec:
    """Parameters of a synthetic pool.

    The defaults spread CPU time over GPU time on the reference node widely around 1, so that
    placement matters; they are a modelling choice, not a fit to a trace.

    Raises:
        HybridClusterError: If the size distribution is unknown or a parameter out of range.
    """

    size_distribution: str = "lognormal"
    """``"lognormal"`` or ``"pareto"``."""
    size_median_flop: float = 0.3e12
    """Median size [FLOP]."""
    size_sigma: float = 1.4
    """Standard deviation of log size (log-normal)."""
    pareto_shape: float = 1.1
    """Tail index of size (Pareto); below 2 the variance is infinite but for the cap."""
    size_range_flop: tuple[float, float] = (1e9, 60e12)
    """Sizes are clipped to this range [FLOP]."""
    memory_bound_share: float = 0.4
    """Share of tasks drawn from the memory-bound mode of intensity."""
    memory_bound_median: float = 1.5
    """Median intensity of memory-bound tasks [FLOP/B]."""
    memory_bound_sigma: float = 0.6
    """Standard deviation of log intensity of memory-bound tasks."""
    compute_bound_median: float = 40.0
    """Median intensity of compute-bound tasks [FLOP/B]."""
    compute_bound_sigma: float = 0.9
    """Standard deviation of log intensity of compute-bound tasks."""
    intensity_range: tuple[float, float] = (0.1, 2000.0)
    """Intensities are clipped to this range [FLOP/B]."""
    reuse_median: float = 6.0
    """Median number of times that a byte of the working set is moved."""
    reuse_sigma: float = 0.8
    """Standard deviation of log reuse; reuse is at least 1."""
    memory_range_bytes: tuple[float, float] = (1e6, 38e9)
    """Working sets are clipped to this range [B]."""
    seed: int = 20_260
    """Seed of the pool; part of the problem, apart from the seeds of episodes."""

    def __post_init__(self) -> None:
        checks.check_name("size_distribution", self.size_distribution)
        if self.size_distribution not in _SIZE_DISTRIBUTIONS:
            raise unknown_name("size distribution", self.size_distribution, _SIZE_DISTRIBUTIONS)
        for field in fields(self):
            name, value = field.name, getattr(self, field.name)
            if name.endswith("_sigma"):
                checks.check_number(name, value, 0.0, MAX_SIGMA)
            elif "_median" in name:
                checks.check_number(name, value, checks.MIN_FIGURE, checks.MAX_FIGURE)
            elif "_range" in name:
                checks.check_ends(name, value)
        checks.check_number("memory_bound_share", self.memory_bound_share, 0.0, 1.0)
        checks.check_number("pareto_shape", self.pareto_shape, 0.1, checks.MAX_FIGURE)
        if checks.check_seed(self.seed) is None:
            raise HybridClusterError("seed of the pool is None; allowed: a whole number >= 0")


def synthetic_workload(name: str, spec: SyntheticSpec) -> Workload:
    """Draw a pool from a specification.

    Raises:
        HybridClusterError: If the name is no text or the specification none.
    """
    if not isinstance(spec, SyntheticSpec):
        raise HybridClusterError(f"spec is {shown(spec)}; allowed: a cpu_gpu_env.SyntheticSpec")
    draw = _SIZE_DISTRIBUTIONS[spec.size_distribution]
    rng = np.random.default_rng(spec.seed)
    size = np.clip(draw(rng, spec), *spec.size_range_flop)
    intensity = draw_intensity(rng, POOL_ROWS, spec)
    reuse = spec.reuse_median * np.exp(spec.reuse_sigma * rng.standard_normal(POOL_ROWS))
    memory = np.clip(size / intensity / np.maximum(reuse, 1.0), *spec.memory_range_bytes)
    return Workload(
        name,
        Tasks(np.zeros(POOL_ROWS), size, intensity, memory),
        Range.spanning(*spec.size_range_flop),
        Range.spanning(*spec.intensity_range),
        Range.spanning(*spec.memory_range_bytes),
        notes=("sizes, intensities and working sets are a modelling choice, not a fit to a trace",),
    )


def draw_intensity(rng: np.random.Generator, rows: int, spec: SyntheticSpec) -> FloatArray:
    """Draw arithmetic intensities [FLOP/B] from the two modes of a specification, (rows,)."""
    memory_bound = rng.random(rows) < spec.memory_bound_share
    median = np.where(memory_bound, spec.memory_bound_median, spec.compute_bound_median)
    sigma = np.where(memory_bound, spec.memory_bound_sigma, spec.compute_bound_sigma)
    intensity = median * np.exp(sigma * rng.standard_normal(rows))
    return np.asarray(np.clip(intensity, *spec.intensity_range), dtype=np.float64)


SYNTHETIC_WORKLOADS = {
    "lognormal": SyntheticSpec(),
    "pareto": SyntheticSpec(size_distribution="pareto", size_median_flop=0.2e12),
}
"""The named workloads."""


@cache
def named_workload(name: str) -> Workload:
    """The synthetic workload of that name, drawn once."""
    return synthetic_workload(name, SYNTHETIC_WORKLOADS[name])


def feature_ranges(tasks: Tasks) -> tuple[Range | None, Range | None, Range]:
    """Ranges that the sizes, intensities and memories above 0 of tasks span; None: not known."""
    memory = positive_range(tasks.memory_bytes)
    if tasks.measured is not None:
        return None, None, memory
    return positive_range(tasks.size_flop), positive_range(tasks.intensity_flop_per_byte), memory


def positive_range(values: FloatArray) -> Range:
    """Range that the values above 0 span; where there are none it begins at 1."""
    positive = values[values > 0]
    return (
        Range.spanning(*(float(f(positive)) for f in (np.min, np.max)))
        if len(positive)
        else Range(1.0, 2.0)
    )
