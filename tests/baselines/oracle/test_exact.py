"""Branch and bound against the judge's search, and values that are known."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from conftest import CPU, GPU, LARGE, MIXED
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from judge import Judge
from tiny_episodes import SMALL_POOL, Case, cases, random_tasks, six_action_cases

from cpu_gpu_env import Cluster, HybridClusterEnv
from cpu_gpu_env.baselines.bounds.dual import dual_bound
from cpu_gpu_env.baselines.bounds.lower import lower_bound
from cpu_gpu_env.baselines.oracle import exact
from cpu_gpu_env.baselines.oracle.exact import exact_schedule
from cpu_gpu_env.baselines.oracle.search import QUICK_EFFORT, solve_episode
from cpu_gpu_env.model.tasks import IntArray
from cpu_gpu_env.sim.instance import PartialSchedules

PLENTY = 10**7
QUICKLY = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}


def any_actions(case: Case, seed: int) -> IntArray:
    rng = np.random.default_rng(seed)
    return rng.integers(0, case.episode.num_actions, case.episode.num_tasks)


def assert_optimal(judge: Judge, actions: IntArray, objective: float) -> float:
    """The actions attain the objective, and no sequence less; return what the judge finds."""
    assert judge.play(actions).objective == pytest.approx(objective, rel=1e-12)
    # Told of a worse one, the judge finds one as good by itself.
    best = judge.optimum(objective * 1.000_001)
    assert best == pytest.approx(objective, rel=1e-12)
    return best


def assert_solves(case: Case, seed: int) -> None:
    """From any schedule it finds the judge's optimum, which no bound exceeds."""
    episode, judge = case
    found = exact_schedule(episode, any_actions(case, seed), PLENTY)
    assert found is not None
    best = assert_optimal(judge, found.actions, found.objective)
    assert best * (1 - 1e-12) <= found.bound <= best
    assert lower_bound(episode).objective <= best
    assert dual_bound(episode).objective <= best * (1 + 1e-9)


@given(six_action_cases(4), st.integers(0, 9))
@settings(max_examples=50, **QUICKLY)
def test_the_optimum_is_that_of_all_sequences(case: Case, seed: int) -> None:
    assert_solves(case, seed)


@pytest.mark.slow
@given(st.one_of(six_action_cases(5), cases()), st.integers(0, 9))
@settings(max_examples=600, **QUICKLY)
def test_the_optimum_is_that_of_all_longer_sequences(case: Case, seed: int) -> None:
    assert_solves(case, seed)


@pytest.mark.parametrize("seed", range(3))
def test_eleven_actions_and_tasks_that_do_not_fit(cluster: Cluster, seed: int) -> None:
    tasks = np.array(LARGE)
    tasks[:, 1] *= np.random.default_rng(seed).uniform(0.1, 10, len(tasks))
    fractions = tuple(np.linspace(0, 1, 11))
    env = HybridClusterEnv(cluster=cluster, workload=SMALL_POOL, gpu_fractions=fractions)
    env.reset(options={"tasks": tasks})
    assert_solves(Case.of(env), seed)


@given(six_action_cases(4), st.integers(0, 2**31))
@settings(max_examples=50, **QUICKLY)
def test_no_completion_costs_less_than_it_is_said_to(case: Case, seed: int) -> None:
    episode, judge = case
    actions = any_actions(case, seed)
    last = episode.num_tasks - 2 if episode.num_tasks > 2 else 1
    for task in range(last, episode.num_tasks):
        partial = PartialSchedules(episode, 1)
        partial.place(actions[None, :task])
        bound = exact._CompletionBound(episode, task)(partial)[0] / episode.num_tasks
        choices = itertools.product(range(6), repeat=episode.num_tasks - task)
        least = min(judge.play([*actions[:task], *rest]).objective for rest in choices)
        assert bound <= least * (1 + 1e-12)


@given(six_action_cases(6), st.integers(0, 2**31))
@settings(max_examples=50, **QUICKLY)
def test_what_is_dominated_ends_no_better(case: Case, seed: int) -> None:
    """Whatever is placed after the two of a pair."""
    episode, judge = case
    rng = np.random.default_rng(seed)
    task = int(rng.integers(0, episode.num_tasks))
    begun = rng.integers(0, 6, (100, task))
    partial = PartialSchedules(episode, len(begun))
    partial.place(begun)
    for pair in np.arange(len(begun)).reshape(-1, 2):
        dominated = exact._dominated(episode, task, partial.branch(pair))
        assert not dominated.all()
        for rest in rng.integers(0, 6, (5, episode.num_tasks - task)):
            if dominated.any():
                value = np.array([judge.play([*begun[row], *rest]).objective for row in pair])
                assert value[~dominated] <= value[dominated] * (1 + 1e-12)


def test_the_worst_of_the_small_mixed_episodes() -> None:
    """Here a quick local search ends over half above the optimum, and the bound lies below it."""
    env = HybridClusterEnv(cluster="mixed-node", num_tasks=10)
    env.reset(seed=54)
    episode, judge = Case.of(env)
    known = [4, 0, 4, 0, 0, 5, 4, 2, 0, 5]
    assert judge.play(known).objective == pytest.approx(1.8657, abs=5e-5)
    found = exact_schedule(episode, np.zeros(10, dtype=np.intp), PLENTY)
    assert found is not None
    assert found.objective == pytest.approx(judge.play(known).objective, rel=1e-12)
    solved = solve_episode(episode)
    assert solved.exact
    assert solved.objective == pytest.approx(found.objective, rel=1e-12)
    assert abs(solved.gap) <= 1e-12


@pytest.mark.parametrize("seed", range(11, 16))
def test_the_oracle_is_optimal_with_ten_tasks_and_three_actions(seed: int) -> None:
    env = HybridClusterEnv(cluster="mixed-node", num_tasks=10, gpu_fractions=(0.0, 0.5, 1.0))
    env.reset(seed=seed)
    episode, judge = Case.of(env)
    solved = solve_episode(episode, QUICK_EFFORT)
    assert solved.exact
    assert_optimal(judge, solved.actions, solved.objective)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(11, 16))
def test_the_oracle_is_optimal_with_ten_tasks(seed: int) -> None:
    env = HybridClusterEnv(cluster="mixed-node", num_tasks=10)
    env.reset(seed=seed)
    episode, judge = Case.of(env)
    solved = solve_episode(episode)
    assert solved.exact
    assert_optimal(judge, solved.actions, solved.objective)


def test_energy_alone_and_devices_without_any() -> None:
    """At w = 1 time is free if idle devices draw nothing; here the GPUs draw nothing at all."""
    cpu = replace(CPU, idle_power_w=0.0)
    free = replace(GPU, idle_power_w=0.0, active_power_w=0.0)
    env = HybridClusterEnv(cluster=Cluster("free", (cpu, free, free)), energy_weight=0.5)
    env.reset(options={"tasks": random_tasks(np.random.default_rng(0), 8, round_numbers=False)})
    (episode,) = env.instances()
    episode = replace(episode, objective=replace(episode.objective, energy_weight=1.0))
    fits = Judge.of(env).fits
    some_on_the_cpu = np.zeros(8, dtype=np.intp)
    found = exact_schedule(episode, some_on_the_cpu, PLENTY)
    assert found is not None
    # Only what fits on no GPU as a whole costs anything, its shares on the CPU.
    allowed = [[action for action, fit in enumerate(own) if fit] for own in fits]
    assert found.actions.tolist() == [own[-1] for own in allowed]
    assert (found.objective == 0.0) == all(own[-1] == 5 for own in allowed)


def test_nodes_are_counted_and_limited() -> None:
    env = HybridClusterEnv(cluster=MIXED, num_tasks=12)
    env.reset(seed=0)
    (episode,) = env.instances()
    first = exact_schedule(episode, np.zeros(12, dtype=np.intp), PLENTY)
    assert first is not None
    again = exact_schedule(episode, np.zeros(12, dtype=np.intp), first.nodes)
    assert again is not None
    assert again.nodes == first.nodes
    assert again.actions.tolist() == first.actions.tolist()
    assert exact_schedule(episode, np.zeros(12, dtype=np.intp), first.nodes - 1) is None
    proof = exact_schedule(episode, first.actions, PLENTY)
    assert proof is not None
    assert proof.nodes <= first.nodes
    assert proof.actions.tolist() == first.actions.tolist()
    assert proof.objective == first.objective


@pytest.mark.parametrize(("at_once", "compared"), [(6, 2), (60, 1), (60, 512)])
def test_the_optimum_does_not_depend_on_the_size_of_batches(
    at_once: int, compared: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for cluster, seed in itertools.product(("mixed-node", "h100-node"), range(11, 14)):
        env = HybridClusterEnv(cluster=cluster, num_tasks=6)
        env.reset(seed=seed)
        (episode,) = env.instances()
        start = np.zeros(6, dtype=np.intp)
        expected = exact_schedule(episode, start, PLENTY)
        with monkeypatch.context() as patch:
            patch.setattr(exact, "NODES_AT_ONCE", at_once)
            patch.setattr(exact, "MAX_COMPARED", compared)
            found = exact_schedule(episode, start, PLENTY)
        assert expected is not None
        assert found is not None
        assert found.objective == pytest.approx(expected.objective, rel=1e-12)


@pytest.mark.parametrize("limit", ["MAX_TASKS", "MAX_PLACEMENTS"])
def test_large_episodes_are_left_alone(limit: str, monkeypatch: pytest.MonkeyPatch) -> None:
    env = HybridClusterEnv(num_tasks=6)
    env.reset(seed=0)
    (episode,) = env.instances()
    assert solve_episode(episode, QUICK_EFFORT).exact
    monkeypatch.setattr(exact, limit, 5)
    assert exact_schedule(episode, np.zeros(6, dtype=np.intp), PLENTY) is None
    assert not solve_episode(episode, QUICK_EFFORT).exact
