"""A kernel as the cost model sees it, to be run or timed already.

The cost model knows a task by its size, intensity and working set, its precision and how many of
its steps depend on one another, so all kernels are counted alike:

- FLOP: additions and multiplications, a multiply-add being two. A kernel that has none, such as a
  copy, counts one for each element that it writes.
- Memory traffic: the distinct bytes that each pass over the data touches, read or written, added up
  over the passes. A matrix product or a convolution counts as one pass (its compulsory traffic); an
  element that is updated in place counts once.
- Working set: the distinct bytes that the whole kernel touches.
- Serial steps: the columns of a factorisation or of a triangular solve, each of which needs those
  before it; none in all other kernels.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from cpu_gpu_env.checks import check_number
from cpu_gpu_env.errors import HybridClusterError, unknown_name
from cpu_gpu_env.model.precision import DEFAULT_PRECISION, PRECISIONS, precision_codes
from cpu_gpu_env.model.tasks import Tasks

if TYPE_CHECKING:
    import torch

FLOAT_BYTES = 4

SMALLEST, LARGEST = 1e-12, 1e30
"""Of any time or count of a kernel."""

Run = Callable[[], object]
Prepare = Callable[["torch.device"], Run]


@dataclass(frozen=True)
class Counted:
    """A kernel as the cost model sees it, counted as the module says."""

    kind: str
    """What it computes, such as ``"gemm"``."""
    shape: tuple[int, ...]
    """Sizes, in the order of the function that makes the kind."""
    flop: float
    """Operations [FLOP]."""
    traffic_bytes: float
    """Memory traffic [B]."""
    memory_bytes: float
    """Working set [B]."""
    precision: str = field(default=DEFAULT_PRECISION, kw_only=True)
    """Number format, one of `cpu_gpu_env.model.precision.PRECISIONS`."""
    serial_steps: float = field(default=0.0, kw_only=True)
    """Steps that depend on one another."""

    @property
    def is_plain(self) -> bool:
        """Whether it computes in FP32 and has no serial steps."""
        return self.precision == DEFAULT_PRECISION and self.serial_steps == 0.0

    @property
    def label(self) -> str:
        """Kind and shape, such as ``"gemm 512x512x512"``."""
        return f"{self.kind} {'x'.join(map(str, self.shape))}"


@dataclass(frozen=True)
class Kernel(Counted):
    """A kernel that can be run."""

    prepare: Prepare
    """Allocates the arrays on a device and returns the function to time."""


@dataclass(frozen=True)
class Sample(Counted):
    """A kernel that was timed."""

    time_s: float
    """`typical_time_s` of the rounds that count or, if there are none, the least of the others
    [s]."""
    spread: float
    """Interquartile range over the median within a round, median of the same rounds."""
    rounds_s: tuple[float, ...]
    """Median time in each round in which the machine was in the state that counts [s]."""
    elsewhere_s: tuple[float, ...] = ()
    """Median time in each other round: it was in another state, changed it, or others had the CPUs
    [s]."""

    @property
    def disturbance(self) -> float:
        """By how much rounds that count differ: an estimate of the relative error of `time_s`.

        Their interquartile range over the lower quartile, and over the root of their number (as the
        standard error of a quartile; 1.01 times that for normal noise). Infinite if less than two
        count.
        """
        if len(self.rounds_s) < 2:
            return math.inf
        low, _, high = statistics.quantiles(self.rounds_s, n=4, method="inclusive")
        return (high / low - 1.0) / math.sqrt(len(self.rounds_s))


def typical_time_s(rounds_s: Sequence[float]) -> float:
    """Lower quartile of the times in several rounds [s].

    Interference adds time, so that most rounds may be too long; but a machine that is in a quicker
    state for a moment makes a few too short.
    """
    if len(rounds_s) == 1:
        return rounds_s[0]
    return statistics.quantiles(rounds_s, n=4, method="inclusive")[0]


def as_tasks(samples: Sequence[Counted]) -> Tasks:
    """The kernels as tasks of the cost model, all arriving at 0."""
    flop, traffic, memory = np.array(
        [(sample.flop, sample.traffic_bytes, sample.memory_bytes) for sample in samples],
        dtype=np.float64,
    ).T
    return Tasks(
        np.zeros(len(samples)),
        flop,
        flop / traffic,
        memory,
        precision_codes([sample.precision for sample in samples]),
        np.array([sample.serial_steps for sample in samples], dtype=np.float64),
    )


def sample_as_json(sample: Sample) -> dict[str, Any]:
    """A sample as it stands in a profile, times to four digits."""
    values = asdict(sample)
    for rounds in ("rounds_s", "elsewhere_s"):
        values[rounds] = [float(f"{time_s:.4g}") for time_s in values[rounds]]
    return values | {"spread": round(sample.spread, 4)}


def samples_of(entry: Mapping[str, Any], kinds: Sequence[str] | None = None) -> list[Sample]:
    """Read the samples that a device's entry in a profile carries, of some kinds or all.

    Raises:
        HybridClusterError: If it carries none, or they are damaged.
    """
    try:
        rows = entry["raw"]["samples"]
        return [_parse_sample(row) for row in rows if kinds is None or row["kind"] in kinds]
    except (KeyError, TypeError, ValueError, OverflowError):
        raise HybridClusterError(
            f"device {entry.get('name')!r}: field 'raw' holds no kernel times; measure it again"
        ) from None


def _parse_sample(row: Mapping[str, Any]) -> Sample:
    """Read a sample from JSON; any of several errors if it is damaged.

    What was timed before there were precisions and serial steps tells neither.
    """
    precision = row.get("precision", DEFAULT_PRECISION)
    if precision not in PRECISIONS:
        raise unknown_name("precision", precision, PRECISIONS)
    return Sample(
        kind=str(row["kind"]),
        shape=tuple(int(size) for size in row["shape"]),
        flop=_amount(row["flop"]),
        traffic_bytes=_amount(row["traffic_bytes"]),
        memory_bytes=_amount(row["memory_bytes"]),
        time_s=_amount(row["time_s"]),
        spread=float(row["spread"]),
        rounds_s=tuple(map(_amount, row["rounds_s"])),
        elsewhere_s=tuple(map(_amount, row["elsewhere_s"])),
        precision=precision,
        serial_steps=check_number("steps", row.get("serial_steps", 0.0), 0.0, LARGEST),
    )


def _amount(value: Any) -> float:
    """A positive number that the fit can take the logarithm of, and divide by."""
    return check_number("time or count", value, SMALLEST, LARGEST)
