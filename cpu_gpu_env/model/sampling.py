"""Random episodes: from random bits to rows of the pool, interarrival times and noise factors.

Each task has a word of 32 bits: 16 random ones for its row and 16 for the time since the one
before, or the row of a trace, whose random window starts with the first word. The noise, if there
is any, takes 32 random bits a task, 16 a pool. So a whole episode is one call of the bit generator,
and thousands of environments can be reset in bulk. Random times and noise factors are drawn from
tables of 65,536 quantiles.
"""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from cpu_gpu_env.model.tasks import FloatArray, IntArray
from cpu_gpu_env.model.workload import POOL_ROWS

WordArray = npt.NDArray[np.uint32]

_LOW_BITS = 0xFFFF
_LOW = 0 if sys.byteorder == "little" else 1
_QUANTILES = (np.arange(POOL_ROWS) + 0.5) / POOL_ROWS


class Unpacked(NamedTuple):
    """Where the words of n environments are unpacked to, arrays of (n,)."""

    row: IntArray
    """Row of the pool."""
    interarrival_s: npt.NDArray[np.floating[Any]]
    """Time since the task before [s]."""
    table_index: IntArray
    """Where that stands in the table of interarrival times; scratch."""


class EpisodeSampler(ABC):
    """Draws episodes of a fixed number of tasks.

    Args:
        num_tasks: Tasks of an episode.
        num_task_raw: How many 64-bit numbers the task words of an episode take.
        interarrival_table_s: What times between arrivals are looked up in [s].
        noise: Sigma of the lognormal factor on execution times; 0 means none.
    """

    def __init__(
        self,
        num_tasks: int,
        num_task_raw: int,
        interarrival_table_s: npt.NDArray[np.floating[Any]],
        noise: float,
    ) -> None:
        self.num_tasks = num_tasks
        self.has_noise = noise > 0
        self.interarrival_table_s = interarrival_table_s
        self.noise_table = _lognormal_quantiles(noise) if self.has_noise else np.ones(1)
        self._num_task_raw = num_task_raw
        self.num_raw = num_task_raw + ((num_tasks + 1) // 2 if self.has_noise else 0)
        """How many 64-bit numbers an episode takes from the bit generator."""

    def split(self, raw: npt.NDArray[np.uint64]) -> tuple[WordArray, WordArray | None]:
        """Turn raw numbers (..., num_raw) into task words and noise words (..., num_tasks)."""
        tasks = self._task_words(raw[..., : self._num_task_raw])
        if not self.has_noise:
            return tasks, None
        return tasks, raw[..., self._num_task_raw :].view(np.uint32)[..., : self.num_tasks]

    @abstractmethod
    def _task_words(self, raw: npt.NDArray[np.uint64]) -> WordArray:
        """Turn raw numbers (..., num_task_raw) into task words (..., num_tasks)."""

    @abstractmethod
    def rows(self, words: WordArray) -> IntArray:
        """Row of the pool of each task word."""

    @abstractmethod
    def unpack(self, words: WordArray, into: Unpacked) -> None:
        """Unpack a task word of each of n environments."""

    def arrivals_s(self, words: WordArray) -> FloatArray:
        """Arrival times of an episode (num_tasks,) [s]; the first is 0."""
        passed_s = self.interarrival_table_s[self._interarrival_index(words)]
        passed_s[0] = 0.0
        return np.asarray(np.cumsum(passed_s, dtype=np.float64))

    @abstractmethod
    def _interarrival_index(self, words: WordArray) -> npt.NDArray[np.integer[Any]]:
        """Where the time since the task before stands in the table of interarrival times."""

    def noise_factors(self, words: WordArray) -> tuple[FloatArray, FloatArray]:
        """Factors on the CPU's and on the GPU's execution time, of the shape of `words`."""
        return self.noise_table[words & _LOW_BITS], self.noise_table[words >> 16]


class PoolSampler(EpisodeSampler):
    """Rows at random, with replacement, and Poisson arrivals.

    Args:
        num_tasks: Tasks of an episode.
        mean_interarrival_s: Mean time between arrivals [s]; 0 means all at once.
        noise: Sigma of the lognormal factor on execution times; 0 means none.
    """

    def __init__(self, num_tasks: int, mean_interarrival_s: float, noise: float) -> None:
        exponential = -np.log1p(-_QUANTILES)
        interarrivals_s = mean_interarrival_s * exponential / exponential.mean()
        # Half the bytes of float64: the table shares the cache with all that a step looks up.
        super().__init__(num_tasks, (num_tasks + 1) // 2, interarrivals_s.astype(np.float32), noise)

    def _task_words(self, raw: npt.NDArray[np.uint64]) -> WordArray:
        return raw.view(np.uint32)[..., : self.num_tasks]

    def rows(self, words: WordArray) -> IntArray:
        """Row of the pool of each task word."""
        return (words & _LOW_BITS).astype(np.intp)

    def unpack(self, words: WordArray, into: Unpacked) -> None:
        """Unpack a task word of each of n environments."""
        halves = words.view(np.uint16).reshape(*words.shape, 2)
        into.row[:], into.table_index[:] = halves[..., _LOW], halves[..., 1 - _LOW]
        self.interarrival_table_s.take(into.table_index, out=into.interarrival_s, mode="clip")

    def _interarrival_index(self, words: WordArray) -> npt.NDArray[np.integer[Any]]:
        return words >> 16


class TraceSampler(EpisodeSampler):
    """Windows of a trace, in order; where they start is uniform.

    Args:
        num_tasks: Tasks of an episode, at most those of the trace.
        interarrivals_s: Time between each task of the trace and the one before it [s].
        noise: Sigma of the lognormal factor on execution times; 0 means none.
    """

    def __init__(self, num_tasks: int, interarrivals_s: FloatArray, noise: float) -> None:
        super().__init__(num_tasks, 1, interarrivals_s, noise)
        self._num_starts = np.uint64(len(interarrivals_s) - num_tasks + 1)
        self._offsets = np.arange(num_tasks, dtype=np.uint32)

    def _task_words(self, raw: npt.NDArray[np.uint64]) -> WordArray:
        # A remainder of 64 bits is uniform to one part in 2^64 / starts.
        return (raw % self._num_starts).astype(np.uint32) + self._offsets

    def rows(self, words: WordArray) -> IntArray:
        """Row of the trace of each task word."""
        return words.astype(np.intp)

    def unpack(self, words: WordArray, into: Unpacked) -> None:
        """Unpack a task word of each of n environments."""
        into.row[:] = words
        self.interarrival_table_s.take(into.row, out=into.interarrival_s, mode="clip")

    def _interarrival_index(self, words: WordArray) -> npt.NDArray[np.integer[Any]]:
        return words


def draw_noise_words(generator: np.random.BitGenerator, num_tasks: int) -> WordArray:
    """Draw the noise words of an episode of given tasks."""
    raw: npt.NDArray[np.uint64] = generator.random_raw((num_tasks + 1) // 2)
    return raw.view(np.uint32)[:num_tasks]


def _lognormal_quantiles(sigma: float) -> FloatArray:
    """Quantiles of the lognormal distribution with mean 1."""
    from scipy.special import ndtri  # only noisy environments pay for the import

    return np.exp(sigma * np.asarray(ndtri(_QUANTILES), dtype=np.float64) - sigma**2 / 2)
