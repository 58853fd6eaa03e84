"""Intervals that are always watched miss the mean no more often than they claim."""

import json
import math
from collections.abc import Iterator
from functools import partial
from itertools import pairwise

import numpy as np
import pytest

from cpu_gpu_env import HybridClusterError
from cpu_gpu_env.baselines import make_scheduler
from cpu_gpu_env.baselines.evaluation.play import play_episodes
from cpu_gpu_env.results.confidence_sequence import (
    BLOCK,
    BURN_IN,
    MIXTURE_VARIANCE,
    ConfidenceSequence,
)
from cpu_gpu_env.results.estimate import Estimate

SHORT = {"workload": "pareto", "num_tasks": 50}
"""Of episodes whose J has the heaviest tails."""
AT_ONCE = 8_192


def sequence_of(values: np.ndarray) -> ConfidenceSequence:
    sequence = ConfidenceSequence()
    sequence.add(values)
    return sequence


def ever_differs(stream: np.ndarray) -> bool:
    """Whether two schedulers are ever said to differ, looked at after each block."""
    sequence = ConfidenceSequence()
    for block in stream.reshape(-1, BLOCK):
        sequence.add(block)
        if sequence.differs:
            return True
    return False


def equal_schedulers(episodes: int, **env_kwargs: object) -> Iterator[np.ndarray]:
    """Differences of J in the same episodes between two that choose at random, a part at a time."""
    for first in range(0, episodes, AT_ONCE):
        seeds = range(first, min(first + AT_ONCE, episodes))
        one, other = (
            play_episodes(partial(make_scheduler, "random", seed=own), seeds, **env_kwargs)
            for own in (1, 2)
        )
        yield one.objective - other.objective


def test_the_interval_ends_where_the_mixed_likelihood_ratio_is_20() -> None:
    """Found by integrating over noncentral t distributions, which share no formula with ours."""
    from scipy import integrate, stats

    rng = np.random.default_rng(0)
    for blocks in (BURN_IN, 20, 100):
        values = rng.normal(3.0, 2.0, (blocks, BLOCK))
        estimate = sequence_of(values.ravel()).estimate
        means = values.mean(axis=1)
        assert estimate.mean == pytest.approx(means.mean())
        # Seen from the end of the interval, the mean is so many standard errors away.
        t = estimate.half_width / stats.sem(means)

        def mixed(effect: float, t: float = t, blocks: int = blocks) -> float:
            density = stats.nct.pdf(t, blocks - 1, effect * math.sqrt(blocks))
            return float(density * stats.norm.pdf(effect, scale=math.sqrt(MIXTURE_VARIANCE)))

        ratio = integrate.quad(mixed, -5, 5, limit=200)[0] / stats.t.pdf(t, blocks - 1)
        assert ratio == pytest.approx(20.0, rel=1e-4)


def test_two_equal_schedulers_are_seldom_said_to_differ() -> None:
    episodes = np.concatenate([*equal_schedulers(AT_ONCE, **SHORT)])
    episodes -= episodes.mean()  # of which the streams are drawn
    streams = np.random.default_rng(3).choice(episodes, (200, 128 * BLOCK))
    false = np.mean([ever_differs(stream) for stream in streams])
    assert false <= 0.05
    # An interval for a sample of fixed size, watched as often, is wrong many times more often.
    counts = np.arange(1, streams.shape[1] + 1)
    deviations = np.sqrt(np.cumsum(streams**2, axis=1) / counts)
    z = np.abs(np.cumsum(streams, axis=1)) / np.sqrt(counts) / deviations
    watched = z[:, BURN_IN * BLOCK - 1 :: BLOCK]
    assert (watched > 1.96).any(axis=1).mean() > 0.15


@pytest.mark.slow
@pytest.mark.parametrize("env_kwargs", [SHORT, {}], ids=["short-pareto", "default"])
def test_a_thousand_streams_of_two_equal_schedulers(env_kwargs: dict[str, object]) -> None:
    """Watched for 32,768 episodes each, drawn from 65,536 that were played."""
    episodes = np.concatenate([*equal_schedulers(8 * AT_ONCE, **env_kwargs)])
    episodes -= episodes.mean()
    rng, length = np.random.default_rng(9), 512 * BLOCK
    false = sum(ever_differs(rng.choice(episodes, length)) for _ in range(1_000))
    print(f"{false} of 1000 streams of {length} episodes show a false difference")
    assert false <= 50


@pytest.mark.slow
@pytest.mark.parametrize("freedom", [2.1, 3.0, 30.0])
def test_a_thousand_streams_with_heavy_tails(freedom: float) -> None:
    rng = np.random.default_rng(11)
    length = 512 * BLOCK
    false = sum(ever_differs(rng.standard_t(freedom, length)) for _ in range(1_000))
    print(f"{false} of 1000 streams of {length} values show a false difference")
    assert false <= 50


def test_it_is_not_much_wider_than_for_a_sample_of_fixed_size() -> None:
    values = np.random.default_rng(1).normal(0.0, 1.0, 512 * BLOCK)
    widest = {32: 1.9, 128: 1.75, 512: 1.8}
    for blocks, ratio in widest.items():
        sample = values[: blocks * BLOCK]
        ours, fixed = (e.half_width for e in (sequence_of(sample).estimate, Estimate.of(sample)))
        assert fixed < ours < ratio * fixed


def test_real_differences_are_found_and_intervals_shrink() -> None:
    values = np.random.default_rng(2).normal(0.2, 1.0, 200 * BLOCK)
    estimates = [sequence_of(values[: n * BLOCK]).estimate for n in (20, 50, 200)]
    for estimate, narrower in pairwise(estimates):
        assert narrower.half_width < estimate.half_width
    assert all(abs(estimate.mean - 0.2) < estimate.half_width for estimate in estimates)
    assert sequence_of(values).differs
    assert sequence_of(-values).differs


def test_pieces_and_a_state_give_the_same_to_the_last_bit() -> None:
    rng = np.random.default_rng(4)
    values = rng.lognormal(size=12 * BLOCK + 7)
    whole = sequence_of(values)
    pieces = ConfidenceSequence()
    for piece in np.split(values, np.sort(rng.integers(0, len(values), 9))):
        state = json.loads(json.dumps(pieces.state(), allow_nan=False))
        pieces = ConfidenceSequence.from_state(state)
        pieces.add(piece)
    assert pieces.estimate == whole.estimate
    assert pieces.state() == whole.state()
    assert pieces.num_values == len(values)


def test_units_do_not_matter() -> None:
    values = np.random.default_rng(5).lognormal(size=20 * BLOCK)
    found, scaled = sequence_of(values).estimate, sequence_of(1e3 * values - 7.0).estimate
    assert scaled.mean == pytest.approx(1e3 * found.mean - 7.0)
    assert scaled.half_width == pytest.approx(1e3 * found.half_width)
    assert sequence_of(-values).estimate.half_width == pytest.approx(found.half_width)


def test_streams_that_say_little() -> None:
    sequence = ConfidenceSequence()
    assert math.isnan(sequence.estimate.mean)
    assert not sequence.differs
    sequence.add(np.full(BURN_IN * BLOCK - 1, 1.0))
    assert sequence.estimate.mean == 1.0
    assert math.isnan(sequence.estimate.half_width)
    assert not sequence.differs
    sequence.add([1.0])
    assert sequence.estimate == Estimate(1.0, 0.0)
    assert not sequence_of(np.zeros(100 * BLOCK)).differs  # the very same schedule
    rare = np.zeros(100 * BLOCK)
    rare[70 * BLOCK] = 1.0
    assert not sequence_of(rare).differs


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_is_refused(value: float) -> None:
    with pytest.raises(HybridClusterError, match="a value of a confidence sequence is"):
        sequence_of(np.array([1.0, value]))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"block": 32}, "field 'block' is 32; allowed: a whole number, 64 to 64"),
        ({"count": 64}, "field 'count' is 64"),
        ({"blocks": -1}, "field 'blocks' is -1"),
        ({"blocks": 1.5}, "field 'blocks' is 1.5"),
        ({"mean": "1"}, "field 'mean' is '1'"),
        ({"sum": math.nan}, "field 'sum' is nan"),
        ({"squares": -1.0}, "field 'squares' is -1.0"),
    ],
)
def test_states_that_are_none(changes: dict[str, object], message: str) -> None:
    state = sequence_of(np.arange(100.0)).state()
    with pytest.raises(HybridClusterError, match=message):
        ConfidenceSequence.from_state({**state, **changes})
    for name in state:
        with pytest.raises(HybridClusterError, match=f"field {name!r} is missing"):
            ConfidenceSequence.from_state({k: v for k, v in state.items() if k != name})
