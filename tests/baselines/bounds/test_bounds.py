"""Lower bounds against brute force, however the solver errs."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import scipy.optimize
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tiny_episodes import Case, assert_tightened_below, cases, make_case, quick, some_case

from cpu_gpu_env import Cluster, HybridClusterEnv
from cpu_gpu_env.baselines.bounds import linear_program
from cpu_gpu_env.baselines.bounds.dual import dual_bound
from cpu_gpu_env.baselines.bounds.lower import LowerBoundProgram, lower_bound


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
    episode = env.instances()[0]
    dual, linear = dual_bound(episode).objective, lower_bound(episode).objective
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


@given(cases(), st.sampled_from([1.0, 1.1, 1.5]))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_no_better_schedule_leaves_more_of_a_share_than_tightening_allows(
    case: Case, factor: float
) -> None:
    """What the dispatch-order cuts rest on, of every schedule as good as the known one."""
    episode, judge = case
    known = factor * judge.optimum()
    program = LowerBoundProgram(episode)
    program.solve()
    program.tighten(known)
    choices = itertools.product(range(episode.num_actions), repeat=min(episode.num_tasks, 5))
    rest = [0] * (episode.num_tasks - 5)
    for choice in choices:
        schedule = judge.play([*choice, *rest])
        if schedule.objective > known:
            continue
        for pool, kind in enumerate(("cpu", "gpu")):
            served = [
                share
                for task in schedule.shares
                for share in task
                if judge.devices[share.device].kind == kind
            ]
            for earlier, later in itertools.combinations(served, 2):
                left_s = earlier.finish_s - later.start_s
                allowed_s = program.order.rest_s[pool][later.task, earlier.task] * program.unit_s
                assert left_s <= allowed_s + 1e-9 * schedule.makespan_s
