"""Random numbers of schedulers that depend on the episode alone, not on those played beside it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cpu_gpu_env.model.tasks import FloatArray, IntArray


class EpisodeDraws:
    """A uniform random number for each task of each episode.

    Args:
        seed: Of the scheduler; None: unpredictable.
    """

    def __init__(self, seed: int | None = None) -> None:
        self._own = np.random.SeedSequence(seed).generate_state(4).tolist()
        self._drawn = np.empty((0, 0))

    def begin(self, seeds: Sequence[int], num_tasks: int) -> None:
        """Draw for the episodes of these seeds, each from a generator of its own."""
        generators = (np.random.default_rng([*self._own, seed]) for seed in seeds)
        self._drawn = np.stack([generator.random(num_tasks) for generator in generators])

    def of_tasks(self, placed: IntArray) -> FloatArray | None:
        """Numbers in [0, 1) of the tasks with so many before them, (n,); None: not drawn."""
        known = len(placed) == len(self._drawn) and bool((placed < self._drawn.shape[1]).all())
        return self._drawn[np.arange(len(placed)), placed] if known else None
