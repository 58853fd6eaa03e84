"""Lower bounds against brute force, however the solver errs."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.optimize
from tiny_episodes import Case, assert_tightened_below, make_case, quick, some_case

from cpu_gpu_env import Cluster, HybridClusterEnv
from cpu_gpu_env.baselines.bounds import linear_program
from cpu_gpu_env.baselines.bounds.dual import dual_bound
from cpu_gpu_env.baselines.bounds.lower import lower_bound


@pytest.mark.parametrize("scale", [1e-9, 1e-5, 1e5])
def test_tiny_and_huge_tasks_are_bounded_as_well(cluster: Cluster, scale: float) -> None:
    rng = np.random.default_rng(0)
    for seed in range(10):
        tasks = np.stack(
            [
                np.sort(rng.exponential(scale, 6)),
                scale * 10 ** rng.uniform(11, 13.5, 6),
                10 ** rng.uniform(-0.5, 2.5, 6),
                scale * 10 ** rng.uniform(8, 10.5, 6),
            ],
            axis=1,
        )
        for weight in (0.0, 0.5, 1.0):
            episode, judge = make_case(quick(cluster), seed, tasks, 0.0, weight)
            best = judge.optimum()
            assert 0.2 * best < assert_tightened_below(best, episode, best)


@pytest.mark.parametrize("error", [1e-6, 1e-3, 1e-1, 10.0])
def test_inexact_prices_give_a_bound_as_well(
    cluster: Cluster, error: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(0)

    def careless(*args: object, **kwargs: object) -> scipy.optimize.OptimizeResult:
        solution = scipy.optimize.linprog(*args, **kwargs)
        for part in (solution.ineqlin, solution.eqlin):
            part.marginals = part.marginals + error * rng.standard_normal(len(part.marginals))
        return solution

    cases = [some_case(cluster, seed) for seed in range(5)]
    exact = [lower_bound(episode).objective for episode, _ in cases]
    monkeypatch.setattr(linear_program, "linprog", careless)
    for (episode, judge), close in zip(cases, exact, strict=True):
        best = judge.optimum()
        loose = assert_tightened_below(best, episode, best)
        if error <= 1e-6:
            assert loose >= close * (1 - 1e-2)


@pytest.mark.parametrize("num_tasks", [1, 2, 30])
def test_the_two_bounds_agree_where_time_is_all(cluster: Cluster, num_tasks: int) -> None:
    env = HybridClusterEnv(cluster=cluster, num_tasks=num_tasks, load=None)
    env.reset(seed=1)
    episode = env.realised_episodes()[0]
    dual, linear = dual_bound(episode)[0], lower_bound(episode).objective
    least = 0.999 if num_tasks == 30 else 0.5  # prices know no dispatch order
    assert least * linear < dual <= linear * (1 + 1e-5)


def test_a_long_episode_is_bounded_by_prices() -> None:
    env = HybridClusterEnv(num_tasks=4_000)
    env.reset(seed=0)
    episode, judge = Case.of(env)
    bound = lower_bound(episode)
    value = judge.play(bound.shares.argmax(axis=1)).objective
    assert bound.objective <= value <= bound.objective * 1.03
    assert bound.shares.sum(axis=1) == pytest.approx(np.ones(4_000))
