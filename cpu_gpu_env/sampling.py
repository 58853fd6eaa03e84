"""Random episodes: from random bits to rows of the pool, arrival gaps and noise factors.

Each task takes 32 random bits, 16 for its row and 16 for the gap before it (and 32 more, 16 a pool,
for the noise if there is any), so that a whole episode is one call of the bit generator and
thousands of environments can be reset in bulk. Gaps and noise factors are therefore drawn from
tables of 65,536 quantiles.
"""

from __future__ import annotations

import sys

import numpy as np
import numpy.typing as npt

from cpu_gpu_env.tasks import FloatArray
from cpu_gpu_env.workload import POOL_ROWS

WordArray = npt.NDArray[np.uint32]

_LOW_BITS = 0xFFFF
_LOW = 0 if sys.byteorder == "little" else 1
_QUANTILES = (np.arange(POOL_ROWS) + 0.5) / POOL_ROWS


class EpisodeSampler:
    """Draws episodes of a fixed number of tasks.

    Args:
        num_tasks: Tasks of an episode.
        mean_gap_s: Mean time between arrivals of the Poisson process [s]; 0 means all at once.
        noise: Sigma of the lognormal factor on execution times; 0 means none.
    """

    def __init__(self, num_tasks: int, mean_gap_s: float, noise: float) -> None:
        self.num_tasks = num_tasks
        self.has_noise = noise > 0
        exponential = -np.log1p(-_QUANTILES)
        gaps_s = mean_gap_s * exponential / exponential.mean()
        # Half the bytes of float64: the table shares the cache with all that a step looks up.
        self.gap_table_s = gaps_s.astype(np.float32)
        self.noise_table = _lognormal_quantiles(noise) if self.has_noise else np.ones(1)
        self._task_words = (num_tasks + 1) // 2
        self.num_raw = self._task_words * (2 if self.has_noise else 1)
        """How many 64-bit numbers an episode takes from the bit generator."""

    def split(self, raw: npt.NDArray[np.uint64]) -> tuple[WordArray, WordArray | None]:
        """Split raw numbers (..., num_raw) into task words and noise words (..., num_tasks)."""
        tasks = raw[..., : self._task_words].view(np.uint32)[..., : self.num_tasks]
        if not self.has_noise:
            return tasks, None
        return tasks, raw[..., self._task_words :].view(np.uint32)[..., : self.num_tasks]

    def rows(self, words: WordArray) -> npt.NDArray[np.intp]:
        """Row of the pool of each task word."""
        return (words & _LOW_BITS).astype(np.intp)

    def load(
        self,
        words: WordArray,
        row: npt.NDArray[np.intp],
        gap_index: npt.NDArray[np.intp],
        gap_s: npt.NDArray[np.float32],
    ) -> None:
        """Unpack words into arrays of their shape: rows, and gaps [s] by way of their index."""
        halves = words.view(np.uint16).reshape(*words.shape, 2)
        row[:], gap_index[:] = halves[..., _LOW], halves[..., 1 - _LOW]
        self.gap_table_s.take(gap_index, out=gap_s, mode="clip")

    def arrivals_s(self, words: WordArray) -> FloatArray:
        """Arrival times of an episode (num_tasks,) [s]; the first is 0."""
        gaps = self.gap_table_s[words >> 16]
        gaps[0] = 0.0
        return np.asarray(np.cumsum(gaps, dtype=np.float64))

    def noise_factors(self, words: WordArray) -> tuple[FloatArray, FloatArray]:
        """Factors on the CPU's and on the GPU's execution time, of the shape of `words`."""
        return self.noise_table[words & _LOW_BITS], self.noise_table[words >> 16]


def draw_noise_words(generator: np.random.BitGenerator, num_tasks: int) -> WordArray:
    """Draw the noise words of an episode of given tasks."""
    raw: npt.NDArray[np.uint64] = generator.random_raw((num_tasks + 1) // 2)
    return raw.view(np.uint32)[:num_tasks]


def _lognormal_quantiles(sigma: float) -> FloatArray:
    """Quantiles of the lognormal distribution with mean 1."""
    from scipy.special import ndtri  # only noisy environments pay for the import

    return np.exp(sigma * np.asarray(ndtri(_QUANTILES), dtype=np.float64) - sigma**2 / 2)
