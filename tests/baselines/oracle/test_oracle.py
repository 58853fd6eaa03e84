"""The bound and the oracle against brute force over all schedules of tiny episodes."""

from __future__ import annotations

import itertools

import gymnasium as gym
import numpy as np
import pytest
import scipy.optimize
from conftest import PLAIN
from gymnasium.vector import AutoresetMode
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from judge import Judge
from tiny_episodes import Case, assert_tightened_below, cases, make_case, quick, some_case

from cpu_gpu_env import Cluster, HybridClusterEnv, HybridClusterVectorEnv
from cpu_gpu_env.baselines import SCHEDULERS, make_scheduler
from cpu_gpu_env.baselines.bounds import linear_program
from cpu_gpu_env.baselines.bounds.dual import dual_bound
from cpu_gpu_env.baselines.bounds.lower import LowerBoundProgram, lower_bound
from cpu_gpu_env.baselines.evaluation.comparison import SchedulerSpec, compare
from cpu_gpu_env.baselines.oracle.cache import solve_episodes
from cpu_gpu_env.baselines.oracle.dispatch_pattern import pool_patterns, relax_pattern
from cpu_gpu_env.baselines.oracle.scheduler import Oracle
from cpu_gpu_env.baselines.oracle.search import QUICK_EFFORT, Effort, solve_episode
from cpu_gpu_env.model.profile import shipped_profiles
from cpu_gpu_env.model.workload import SYNTHETIC_WORKLOADS
from cpu_gpu_env.results.metrics import MEAN_WAIT

SMALL_EFFORT = Effort(
    beam_width=50, leads=(2.0,), rounds=2, chains=32, sweeps=((None, 10),), exact_nodes=0
)


@given(cases())
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_bound_optimum_oracle(case: Case) -> None:
    episode, judge = case
    best = judge.optimum()
    solved = solve_episode(episode, SMALL_EFFORT)
    assert solved.objective == pytest.approx(judge.play(solved.actions).objective, rel=1e-12)
    assert solved.bound <= best <= solved.objective * (1 + 1e-12)
    assert lower_bound(episode).objective <= solved.bound
    assert_tightened_below(best, episode, 1.2 * solved.objective, best)
    assert dual_bound(episode).objective <= best * (1 + 1e-9)


@given(cases(), st.integers(0, 2**32 - 1))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_schedule_is_one_of_its_own_pattern(case: Case, seed: int) -> None:
    episode, judge = case
    rng = np.random.default_rng(seed)
    actions = rng.integers(0, episode.num_actions, episode.num_tasks)
    program = LowerBoundProgram(episode)
    bound = program.solve().objective
    relaxation = relax_pattern(program, pool_patterns(episode, actions))
    assert relaxation is not None
    cost, shares = relaxation
    value = cost * program.unit_cost / episode.num_tasks
    assert bound <= value * (1 + 1e-5)
    assert value <= judge.play(actions).objective * (1 + 1e-5)
    assert shares.sum(axis=1) == pytest.approx(np.ones(episode.num_tasks))


@pytest.mark.parametrize("solved_before", [0, 1, 2])
def test_if_highs_fails_a_weaker_bound_is_left(
    cluster: Cluster, solved_before: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = itertools.count()

    def failing(*args: object, **kwargs: object) -> scipy.optimize.OptimizeResult:
        solution = scipy.optimize.linprog(*args, **kwargs)
        if next(calls) >= solved_before:
            solution.status, solution.message = 4, "numerical difficulties"
        return solution

    episode, judge = some_case(cluster, 3)
    best = judge.optimum()
    monkeypatch.setattr(linear_program, "linprog", failing)
    solved = solve_episode(episode, SMALL_EFFORT)
    assert 0 < solved.bound <= best <= solved.objective * (1 + 1e-12)


def test_time_may_be_free(cluster: Cluster) -> None:
    """At w = 1, idle devices that draw nothing make the makespan worth nothing."""
    rng = np.random.default_rng(0)
    tasks = np.stack([np.arange(5.0), *10 ** rng.uniform(9, 12, (3, 5))], axis=1)
    episode, judge = make_case(quick(cluster), 0, tasks, 0.0, 1.0)
    assert episode.objective.makespan_price == 0.0
    best = judge.optimum()
    solved = solve_episode(episode, SMALL_EFFORT)
    assert solved.bound <= best <= solved.objective * (1 + 1e-12)
    assert 0 < dual_bound(episode).objective <= best * (1 + 1e-9)


def test_the_oracle_is_often_optimal_on_tiny_episodes() -> None:
    optimal = 0
    for seed in range(30):
        env = HybridClusterEnv(num_tasks=6, gpu_fractions=(0.0, 0.5, 1.0))
        env.reset(seed=seed)
        episode, judge = Case.of(env)
        solved = solve_episode(episode, SMALL_EFFORT)
        optimal += solved.objective <= judge.optimum() * (1 + 1e-12)
    assert optimal >= 27


@pytest.mark.parametrize("noise", [0.0, 0.4])
@pytest.mark.parametrize("load", [1.5, None])
def test_what_the_oracle_promises_it_plays(
    cluster: Cluster, noise: float, load: float | None
) -> None:
    kwargs = {"cluster": cluster, "num_tasks": 25, "noise": noise, "load": load}
    vector = HybridClusterVectorEnv(3, autoreset_mode="SameStep", **kwargs)
    single = HybridClusterEnv(**kwargs)
    oracle, alone = Oracle(vector, effort=QUICK_EFFORT), Oracle(single, effort=QUICK_EFFORT)
    observation, _ = vector.reset(seed=4)
    lonely, _ = single.reset(seed=5)
    state, memory, start = None, None, np.ones(3, dtype=bool)
    for _ in range(2):
        promised = [solve_episode(e, QUICK_EFFORT) for e in vector.instances()]
        for _ in range(25):
            actions, state = oracle.predict(observation, state, start)
            action, memory = alone.predict(lonely, memory)
            assert action == actions[1]
            observation, _, start, _, infos = vector.step(actions)
            lonely, _, _, _, info = single.step(int(action))
        objective = infos["final_info"]["objective"]
        assert objective == pytest.approx([p.objective for p in promised], rel=1e-12)
        assert info["objective"] == pytest.approx(promised[1].objective, rel=1e-12)
        assert all(p.bound <= p.objective for p in promised)
        lonely, _ = single.reset()


@pytest.mark.parametrize("vectorization_mode", ["vector_entry_point", "sync"])
def test_the_oracle_plans_anew_a_step_after_an_end(vectorization_mode: str) -> None:
    env = gym.make_vec("HybridCluster-v0", 2, vectorization_mode, cluster=PLAIN, num_tasks=4)
    assert env.metadata["autoreset_mode"] is AutoresetMode.NEXT_STEP
    oracle = Oracle(env, effort=QUICK_EFFORT)
    observation, _ = env.reset(seed=4)
    state, start, found = None, np.ones(2, dtype=bool), []
    for _ in range(9):
        actions, state = oracle.predict(observation, state, start)
        observation, _, start, _, infos = env.step(actions)
        if start.all():
            found.append(infos["objective"])
    single = HybridClusterEnv(cluster=PLAIN, num_tasks=4)
    promised = []
    for seed in (4, 5):
        for episode_seed in (seed, None):
            single.reset(seed=episode_seed)
            promised.append(solve_episode(single.instances()[0], QUICK_EFFORT).objective)
    assert np.ravel(np.transpose(found)) == pytest.approx(promised, rel=1e-12)


def test_the_same_seed_gives_the_same_schedule() -> None:
    env = HybridClusterEnv(num_tasks=20)
    env.reset(seed=0)
    episode = env.instances()[0]
    first, again = solve_episode(episode, seed=3), solve_episode(episode, seed=3)
    assert np.array_equal(first.actions, again.actions)


@pytest.mark.parametrize("workload", sorted(SYNTHETIC_WORKLOADS))
@pytest.mark.parametrize("name", shipped_profiles())
def test_nobody_beats_the_bound_nor_on_average_the_oracle(name: str, workload: str) -> None:
    kwargs = {"cluster": name, "workload": workload, "num_tasks": 60}
    env = HybridClusterVectorEnv(6, **kwargs)
    env.reset(seed=100)
    solved = solve_episodes(env.instances(), None, QUICK_EFFORT, jobs=1)
    schedulers = [SchedulerSpec(n, lambda env, n=n: make_scheduler(n, env, 0)) for n in SCHEDULERS]
    # A scheduler that beats a bound makes `compare` raise.
    comparison = compare(schedulers, range(100, 106), kwargs, oracle=solved)
    best = comparison.results[0]
    assert best.name == "oracle"
    assert best.episodes.gap is not None
    assert best.episodes.gap == pytest.approx([schedule.gap for schedule in solved])
    for index, schedule in enumerate(solved):
        single = HybridClusterEnv(**kwargs)
        single.reset(seed=100 + index)
        judge = Judge.of(single)
        for result in comparison.results:
            played, judged = result.episodes, judge.play(result.episodes.actions[index])
            assert schedule.bound <= judged.objective
            assert played.objective[index] == pytest.approx(judged.objective, rel=1e-12)
            assert played.makespan_s[index] == pytest.approx(judged.makespan_s, rel=1e-12)
            assert played.energy_j[index] == pytest.approx(judged.energy_j, rel=1e-12)
            mean_wait_s = np.mean(judged.wait_s)
            assert played[MEAN_WAIT][index] == pytest.approx(mean_wait_s, rel=1e-9)
