"""Recovery and what was forgotten, counted by hand."""

import numpy as np
import pytest

from cpu_gpu_env.results.drifts import BLOCK, DriftResult, block_means
from cpu_gpu_env.results.estimate import Estimate

EACH = 4 * BLOCK


def result_of(difference: np.ndarray, seeds: int = 3) -> DriftResult:
    """Twins whose gaps differ so, (episodes,), around a frozen gap of 0.1 that is noisy alike."""
    noise = np.random.default_rng(0).normal(0.1, 0.03, (seeds, len(difference)))
    versions = np.zeros(noise.shape, dtype=np.int64)
    versions[:, EACH:] = 1
    return DriftResult("gpu", "toy", tuple(range(seeds)), noise + difference, noise, versions)


def by_blocks(*values: float) -> np.ndarray:
    return np.repeat(values, BLOCK)


def test_a_scheduler_that_learns_after_three_blocks() -> None:
    difference = by_blocks(
        *(-0.02, -0.02, -0.02, -0.02),
        *(0.03, 0.01, -0.01, -0.01),  # the level is -0.01, and 5 % of 0.1 are 0.005
        *(0.0, -0.02, -0.02, -0.02),
    )
    result = result_of(difference)
    assert result.episodes_each == EACH
    assert result.recovery_episodes == 2 * BLOCK
    means = [result.difference(phase).mean for phase in ("before", "drift", "back")]
    assert means == pytest.approx([-0.02, 0.005, -0.015])
    assert result.settled_difference.mean == pytest.approx(-0.01)
    assert result.forgotten.mean == pytest.approx(0.02)
    row = result.row()
    assert row["gap_frozen_drift"] == pytest.approx(0.1, abs=0.01)
    assert row["gap_online_drift"] == pytest.approx(row["gap_frozen_drift"] + 0.005)
    assert row["recovery_episodes"] == 2 * BLOCK
    assert row["models"] == 1.0


def test_one_that_never_was_away_and_learned_nothing() -> None:
    result = result_of(np.zeros(3 * EACH))
    assert result.recovery_episodes == 0
    assert result.forgotten == Estimate(0.0, 0.0)


def test_intervals_are_over_the_seeds() -> None:
    rng = np.random.default_rng(1)
    frozen, online = rng.random((2, 5, 3 * EACH))
    result = DriftResult(
        "mix", "toy", (0, 1, 2, 3, 4), online, frozen, np.zeros((5, 3 * EACH), int)
    )
    of_seeds = (online - frozen)[:, EACH : 2 * EACH].mean(axis=1)
    assert result.difference("drift") == Estimate.of(of_seeds)


def test_blocks_may_end_short() -> None:
    values = np.arange(2.0 * (BLOCK + 2)).reshape(2, -1)
    first = values[0]
    assert block_means(values)[0] == pytest.approx([first[:BLOCK].mean(), first[BLOCK:].mean()])
    assert block_means(values).shape == (2, 2)


def test_short_phases() -> None:
    rng = np.random.default_rng(2)
    online, frozen = rng.random((2, 2, 9))
    result = DriftResult("mix", "toy", (0, 1), online, frozen, np.zeros((2, 9), int))
    assert 0 <= result.recovery_episodes <= 3
    expected = (online - frozen)[:, 6] - (online - frozen)[:, 2]
    assert result.forgotten.mean == pytest.approx(expected.mean())
