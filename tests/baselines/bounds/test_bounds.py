"""Lower bounds against brute force, however the solver errs."""

from __future__ import annotations

import itertools
import json
import math
from dataclasses import replace

import numpy as np
import pytest
import scipy.optimize
from conftest import MIXED, PLAIN, REFINED, VARIED
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tiny_episodes import Case, assert_tightened_below, cases, make_case, quick, some_case

from cpu_gpu_env import Cluster, Device, HybridClusterEnv
from cpu_gpu_env.baselines.bounds import linear_program
from cpu_gpu_env.baselines.bounds.dual import dual_bound
from cpu_gpu_env.baselines.bounds.lower import LowerBoundProgram, lower_bound, proven_bound
from cpu_gpu_env.baselines.bounds.proof import Stage, ThresholdPrices, from_content, to_content


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
    known = program.known
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


@pytest.mark.parametrize("num_tasks", [5, 200, 4_000])
def test_a_bound_is_worked_out_again_from_its_proof(num_tasks: int) -> None:
    env = HybridClusterEnv(cluster=MIXED, num_tasks=num_tasks)
    env.reset(seed=3)
    episode, judge = Case.of(env)
    bounds = [lower_bound(episode), lower_bound(episode, any_device=True)]
    if num_tasks <= 200:
        program = LowerBoundProgram(episode)
        program.solve()
        known = judge.play(bounds[0].shares.argmax(axis=1)).objective
        bounds.append(program.tighten(known))
    for bound in bounds:
        proof = from_content(json.loads(json.dumps(to_content(bound.proof))))
        assert proof == bound.proof
        assert proven_bound(episode, proof) == pytest.approx(bound.objective, rel=1e-12)


@st.composite
def made_up(draw: st.DrawFn) -> tuple[Case, tuple[Stage, ...] | ThresholdPrices]:
    """A case, and prices and cuts that nobody has solved for."""
    case = draw(cases())
    num_tasks = case.episode.num_tasks
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    scale = 10.0 ** draw(st.integers(-6, 12))
    if draw(st.booleans()):
        types = sum(pool.num_types for pool in case.episode.costs.pools)
        prices = scale * rng.exponential(size=(types, num_tasks)) * rng.integers(0, 2, num_tasks)
        return case, ThresholdPrices(tuple(map(tuple, prices.tolist())))
    stages = []
    for _ in range(draw(st.integers(1, 3))):
        tasks = rng.integers(0, num_tasks, (draw(st.integers(0, 3)), 2))
        cuts = [(int(rng.integers(2)), int(max(pair)), int(min(pair))) for pair in tasks]
        rows = np.unique(rng.integers(0, 3 * num_tasks, 4))
        known = draw(st.sampled_from([None, 0.5, 1.0, 1.2]))
        if known is not None:
            known *= case.judge.optimum()
        prices = scale * rng.exponential(size=len(rows))
        stages.append(Stage(known, tuple(cuts), tuple(rows.tolist()), tuple(prices.tolist())))
    return case, tuple(stages)


@given(made_up())
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_whatever_prices_and_cuts_are_made_up_the_bound_holds(
    claim: tuple[Case, tuple[Stage, ...] | ThresholdPrices],
) -> None:
    (episode, judge), proof = claim
    assert proven_bound(episode, proof) <= judge.optimum() * (1 + 1e-12)


@pytest.mark.parametrize("flops", [1e10, 1e7, 1e5])
def test_an_option_that_nobody_would_take_does_not_loosen_the_bound(flops: float) -> None:
    cpu = Device("cpu", "cpu", flops, 1e15, math.inf, 0.0, 0.0, 1.0)
    gpu = Device("gpu", "gpu", 1e14, 1e15, math.inf, 0.0, 1.0, 100.0)
    env = HybridClusterEnv(cluster=Cluster("slow", (cpu, *[gpu] * 8)), num_tasks=100)
    env.reset(seed=0)
    episode, judge = Case.of(env)
    objective = judge.play([5] * 100).objective
    assert 0.99 * objective <= lower_bound(episode).objective <= objective


def test_choosing_devices_may_beat_the_bound_of_the_dispatch_rule() -> None:
    """Tasks of 2, 2 and 4 s on two GPUs: 4 s if the third had a GPU to itself, which it has not."""
    gpu = Device("gpu", "gpu", 1.0, 1e12, math.inf, 0.0, 0.0, 1.0)
    cpu = replace(gpu, name="cpu", kind="cpu", flops=1e-3)
    tasks = np.array([[0.0, size, 1e9, 0.0] for size in (2.0, 2.0, 4.0)])
    env = HybridClusterEnv(
        cluster=Cluster("two", (cpu, gpu, gpu)), gpu_fractions=(0.0, 1.0), energy_weight=0.0
    )
    env.reset(seed=0, options={"tasks": tasks})
    episode, judge = Case.of(env)
    makespans_s = (
        lower_bound(episode, any_device).objective * 3 * episode.objective.reference.makespan_s
        for any_device in (False, True)
    )
    assert judge.play([1, 1, 1]).makespan_s == pytest.approx(6.0)
    ruled_s, free_s = makespans_s
    assert free_s <= 4.0 < ruled_s <= 6.0
    assert free_s == pytest.approx(4.0, rel=1e-4)


@given(st.integers(0, 10_000), st.sampled_from([PLAIN, MIXED, VARIED, REFINED]))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_no_choice_of_devices_beats_the_bound_without_the_dispatch_rule(
    seed: int, cluster: Cluster
) -> None:
    rng = np.random.default_rng(seed)
    tasks = np.stack(
        [
            np.sort(rng.exponential(rng.choice([0.0, 0.1, 1.0]), 4)),
            10 ** rng.uniform(11, 13.5, 4),
            10 ** rng.uniform(-0.5, 2.5, 4),
            10 ** rng.uniform(8, 10.5, 4),
        ],
        axis=1,
    )
    env = HybridClusterEnv(
        cluster=cluster, gpu_fractions=(0.0, 1.0), energy_weight=float(rng.choice([0.0, 0.5, 1.0]))
    )
    env.reset(seed=seed, options={"tasks": tasks})
    episode, judge = Case.of(env)
    best = judge.optimum_of_any_device()
    bound = lower_bound(episode, any_device=True)
    assert 0.2 * best < bound.objective <= best * (1 + 1e-12)
