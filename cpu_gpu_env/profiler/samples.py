"""A kernel as the cost model sees it, to be run or timed already.

The cost model knows a task by its size, intensity and working set alone, so all kernels are counted
alike:

- FLOP: additions and multiplications, a multiply-add being two. A kernel that has none, such as a
  copy, counts one for each element that it writes.
- Memory traffic: the distinct bytes that each pass over the data touches, read or written, added up
  over the passes. A matrix product or a convolution counts as one pass (its compulsory traffic); an
  element that is updated in place counts once.
- Working set: the distinct bytes that the whole kernel touches.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from cpu_gpu_env.tasks import Tasks

if TYPE_CHECKING:
    import torch

FLOAT_BYTES = 4

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
    """Median time in the quietest round [s]."""
    spread: float
    """Interquartile range over the median in that round."""
    rounds_s: tuple[float, ...]
    """Median time in each round [s]."""

    @property
    def disturbance(self) -> float:
        """By how much the second quietest round took longer than the quietest; 0 if alone."""
        quietest = sorted(self.rounds_s)[:2]
        return quietest[-1] / quietest[0] - 1.0


def as_tasks(samples: Sequence[Counted]) -> Tasks:
    """The kernels as tasks of the cost model, all arriving at 0."""
    flop, traffic, memory = np.array(
        [(sample.flop, sample.traffic_bytes, sample.memory_bytes) for sample in samples],
        dtype=np.float64,
    ).T
    return Tasks(np.zeros(len(samples)), flop, flop / traffic, memory)
