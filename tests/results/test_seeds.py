"""Seeds by purpose: no two meet, and each makes the stream of its three words."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cpu_gpu_env import HybridClusterEnv, HybridClusterError
from cpu_gpu_env.baselines.evaluation.play import evaluation_seeds
from cpu_gpu_env.results.seeds import RUN_SEEDS, Purpose, episode_seeds

COUNTS = st.integers(1, 2_000)
STARTS = st.integers(0, RUN_SEEDS - 2_000) | st.just(RUN_SEEDS - 2_000)


@st.composite
def episodes(draw: st.DrawFn) -> tuple[tuple[Purpose, int], range]:
    purpose = draw(st.sampled_from(Purpose))
    run = draw(st.integers(0, purpose.num_runs - 1) | st.just(purpose.num_runs - 1))
    return (purpose, run), episode_seeds(purpose, draw(COUNTS), run=run, first=draw(STARTS))


@given(episodes(), episodes())
def test_purposes_and_runs_never_meet(
    one: tuple[tuple[Purpose, int], range], other: tuple[tuple[Purpose, int], range]
) -> None:
    (key, seeds), (other_key, others) = one, other
    if key != other_key:
        assert not set(seeds) & set(others)


@pytest.mark.parametrize("purpose", Purpose)
def test_whole_runs_lie_side_by_side(purpose: Purpose) -> None:
    last = purpose.num_runs - 1
    ends = [episode_seeds(p, RUN_SEEDS, run=r) for p in Purpose for r in {0, p.num_runs - 1}]
    mine = episode_seeds(purpose, RUN_SEEDS, run=last)
    assert sum(seeds[0] <= mine[-1] and mine[0] <= seeds[-1] for seeds in ends) == 1
    assert (mine[0] >= RUN_SEEDS) == (purpose is not Purpose.EVALUATION)


@pytest.mark.parametrize("seed", [10_000, 3_333, 0, 2**31 - 1])
def test_a_forest_never_learns_from_what_comparisons_play(seed: int) -> None:
    labels = set(episode_seeds(Purpose.LABELS, 300, run=seed))
    assert not labels & set(evaluation_seeds(10_000))
    assert not labels & set(range(10_000))


def test_a_seed_is_the_three_words_of_a_spawn_key() -> None:
    (seed,) = episode_seeds(Purpose.LABELS, 1, run=7, first=12)
    words = [12, 7, Purpose.LABELS.value >> 64]
    stream = np.random.PCG64(np.random.SeedSequence(words))
    assert np.random.PCG64(seed).state == stream.state
    env = HybridClusterEnv(num_tasks=3)
    assert np.array_equal(env.reset(seed=seed)[0], env.reset(seed=seed)[0])


@pytest.mark.parametrize(
    ("purpose", "arguments"),
    [
        (Purpose.EVALUATION, {"count": 1, "run": 1}),
        (Purpose.EVALUATION, {"count": 2, "first": RUN_SEEDS - 1}),
        (Purpose.TRAINING, {"count": 1, "run": RUN_SEEDS - 1}),
        (Purpose.LABELS, {"count": 1, "run": RUN_SEEDS}),
        (Purpose.LABELS, {"count": RUN_SEEDS + 1}),
        (Purpose.LABELS, {"count": 0}),
        (Purpose.LABELS, {"count": 1, "first": -1}),
    ],
)
def test_what_would_reach_another_range_is_refused(
    purpose: Purpose, arguments: dict[str, int]
) -> None:
    with pytest.raises(HybridClusterError, match=purpose.name.lower()):
        episode_seeds(purpose, **arguments)
