"""Seeds of episodes by what they are for: those of two purposes cannot meet.

A seed is a whole number of three 32-bit words, (purpose, run, episode), from which NumPy's
`SeedSequence` makes unrelated streams as it does from the spawn keys of children: the words differ,
so the episodes do. Seeds below 2^32 are for evaluation alone, so whatever seed a reader types, no
training of ours has played it.
"""

from __future__ import annotations

from enum import Enum

from cpu_gpu_env.checks import check_count

RUN_SEEDS = 1 << 32
"""Seeds of each run of a purpose."""


class Purpose(Enum):
    """What episodes are for; the value is the first seed, and the next purpose's ends the range."""

    EVALUATION = 0
    """Comparing schedulers: no model may have seen these. There is one run of them."""
    TRAINING = 1 << 32
    """What an agent learns from; a run for each seed of a training. An environment goes on from
    its seed to as many episodes as it plays."""
    VALIDATION = 1 << 64
    """Which agent of a training is kept; the same for all trainings, so that they compare."""
    TUNING = 2 << 64
    """Choosing hyperparameters by hand or by search."""
    LABELS = 3 << 64
    """What the oracle plays for the forest to imitate; a run for each seed of a training."""
    FIT = 4 << 64
    """What the fit of a forest is judged on."""
    DECISIONS = 5 << 64
    """Random numbers of schedulers themselves; a run for each seed."""

    @property
    def num_runs(self) -> int:
        """How many runs there are."""
        if self is Purpose.EVALUATION:
            return 1
        return (1 << 32) - (self is Purpose.TRAINING)  # its first would be evaluation's


def episode_seeds(purpose: Purpose, count: int, *, run: int = 0, first: int = 0) -> range:
    """Seeds of episodes for a purpose, apart from those of every other purpose and run.

    Args:
        purpose: What the episodes are for.
        count: How many episodes.
        run: Which of the runs of that purpose, such as the seed of a training.
        first: Number of the first episode within the run.

    Raises:
        HybridClusterError: If that is no run of the purpose, or the episodes go beyond it.
    """
    check_count(f"run of {purpose.name.lower()}", run, purpose.num_runs - 1, low=0)
    check_count(f"first episode of {purpose.name.lower()}", first, RUN_SEEDS - 1, low=0)
    check_count(f"episodes of {purpose.name.lower()}", count, RUN_SEEDS - first)
    start = purpose.value + run * RUN_SEEDS + first
    return range(start, start + count)


def purpose_of(seed: int) -> Purpose:
    """What the episode of a seed is for.

    Args:
        seed: At least 0.
    """
    return max((one for one in Purpose if one.value <= seed), key=lambda one: one.value)
