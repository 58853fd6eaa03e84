"""Schedulers: the call, and choices against plain arithmetic."""

from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from conftest import MIXED, PLAIN
from playing import assert_only_what_fits_is_chosen

from cpu_gpu_env import Cluster, HybridClusterEnv, HybridClusterError, HybridClusterVectorEnv
from cpu_gpu_env.baselines import SCHEDULERS, make_scheduler
from cpu_gpu_env.baselines.evaluation.play import play_episodes
from cpu_gpu_env.baselines.oracle.scheduler import Oracle
from cpu_gpu_env.baselines.oracle.search import QUICK_EFFORT
from cpu_gpu_env.model.cost_tables import build_cost_tables

NAMES = sorted(SCHEDULERS)


def play_singly(name: str, seed: int, **kwargs: Any) -> tuple[float, list[int]]:
    env = HybridClusterEnv(**kwargs)
    scheduler = make_scheduler(name, env, seed=0)
    observation, _ = env.reset(seed=seed)
    state, actions, terminated = None, [], False
    while not terminated:
        action, state = scheduler.predict(observation, state)
        actions.append(int(action))
        observation, _, terminated, _, info = env.step(int(action))
    return info["objective"], actions


@pytest.mark.parametrize("name", NAMES)
def test_shapes_of_the_call(name: str) -> None:
    env = HybridClusterVectorEnv(3, num_tasks=5)
    observation, info = env.reset(seed=0)
    scheduler = make_scheduler(name, env, seed=0)
    actions, _ = scheduler.predict(observation)
    assert actions.shape == (3,)
    assert actions.dtype == np.int64
    with pytest.raises(HybridClusterError, match="reset"):
        scheduler.predict((observation, info))
    with pytest.raises(HybridClusterError, match="observation has shape"):
        scheduler.predict(np.zeros((2, 3, 3)))
    single = HybridClusterEnv(num_tasks=5)
    observation, _ = single.reset(seed=0)
    action, _ = make_scheduler(name, single, seed=0).predict(observation)
    assert isinstance(action, np.ndarray)
    assert action.shape == ()


@pytest.mark.parametrize("name", [n for n in NAMES if n != "random"])
def test_the_same_episodes_singly_and_at_once(name: str, cluster: Cluster) -> None:
    kwargs: dict[str, Any] = {"cluster": cluster, "num_tasks": 30}
    seeds = (5, 17)
    together = play_episodes(lambda env: make_scheduler(name, env, 0), seeds, **kwargs)
    for i, seed in enumerate(seeds):
        objective, actions = play_singly(name, seed, **kwargs)
        assert together.objective[i] == objective
        assert together.actions[i].tolist() == actions


def outcomes(env: HybridClusterEnv, tasks: Any, done: list[int]) -> list[dict[str, Any]]:
    """What each action would lead to, by playing it in a copy."""
    results = []
    for action in range(6):
        copy = HybridClusterEnv(cluster=env.problem.cluster)
        copy.reset(
            options={
                "tasks": tasks.take(np.arange(len(done) + 1), tasks.arrival_s[: len(done) + 1])
            }
        )
        finish = []
        for earlier in [*done, action]:
            info = copy.step(earlier)[4]
            finish.append(info["finish_s"])
        results.append({**info, "finish_s": finish[-1]})
    return results


@pytest.mark.parametrize("cluster", [PLAIN, MIXED], ids=["plain", "mixed"])
def test_heuristics_choose_what_trying_out_would(cluster: Cluster) -> None:
    env = HybridClusterEnv(cluster=cluster, num_tasks=12)
    schedulers = {n: make_scheduler(n, env) for n in ("greedy", "earliest-finish", "myopic")}
    observation, _ = env.reset(seed=2)
    tasks, done = env.episode_tasks(), []
    objective = env.objective
    for _ in range(12):
        results = outcomes(env, tasks, done)
        state = env.scheduling_state()
        mask = state.action_mask[0] == 1
        finish = np.array([r["finish_s"] for r in results])
        total = np.array(
            [
                objective.value(
                    r["makespan_s"],
                    r["total_energy_j"] - objective.total_energy_j(r["makespan_s"], 0.0),
                    1,
                )
                for r in results
            ]
        )
        chosen = {n: int(s.predict(observation)[0]) for n, s in schedulers.items()}
        assert finish[chosen["earliest-finish"]] == pytest.approx(finish[mask].min())
        assert total[chosen["myopic"]] == pytest.approx(total[mask].min(), rel=1e-6)
        times = np.maximum(state.cpus.time_s, state.gpus.time_s)[0]
        assert times[chosen["greedy"]] == times[mask].min()
        done.append(chosen["myopic"])
        observation = env.step(chosen["myopic"])[0]


def test_round_robin_keeps_its_turn_in_the_state_and_restarts() -> None:
    env = HybridClusterVectorEnv(2, cluster=PLAIN, num_tasks=9)
    observation, _ = env.reset(seed=0)
    scheduler = make_scheduler("round-robin", env)
    state, turns = None, []
    for start in ([True, True], [False, False], [False, True], [False, False]):
        actions, state = scheduler.predict(observation, state, np.array(start))
        turns.append(actions.tolist())
    assert turns == [[0, 0], [5, 5], [5, 0], [0, 5]]
    fresh, _ = scheduler.predict(observation)
    assert fresh.tolist() == [0, 0]


def test_random_is_uniform_and_follows_its_seed() -> None:
    env = HybridClusterVectorEnv(6_000, num_tasks=2)
    observation, _ = env.reset(seed=0)
    first = make_scheduler("random", env, seed=1).predict(observation)[0]
    again = make_scheduler("random", env, seed=1).predict(observation)[0]
    assert np.array_equal(first, again)
    assert np.bincount(first, minlength=6).min() > 850  # 1,000 expected, sigma 29


@pytest.mark.parametrize("name", [n for n in NAMES if n != "random"])
def test_sb3_evaluates_them(name: str) -> None:
    pytest.importorskip("stable_baselines3")
    from stable_baselines3.common.evaluation import evaluate_policy
    from stable_baselines3.common.vec_env import DummyVecEnv

    envs = DummyVecEnv([lambda: gym.make("HybridCluster-v0", num_tasks=10) for _ in range(2)])
    envs.seed(3)
    scheduler = make_scheduler(name, envs)
    returns, lengths = evaluate_policy(
        scheduler, envs, n_eval_episodes=2, return_episode_rewards=True, warn=False
    )
    assert lengths == [10, 10]
    expected = [-10 * play_singly(name, seed, num_tasks=10)[0] for seed in (3, 4)]
    assert sorted(returns) == pytest.approx(sorted(expected), rel=1e-5)


def test_a_wrong_number_of_environments_is_told() -> None:
    env = HybridClusterVectorEnv(2, num_tasks=5)
    observation, _ = env.reset(seed=0)
    with pytest.raises(HybridClusterError, match="built for 2"):
        make_scheduler("myopic", env).predict(observation[:1])
    with pytest.raises(HybridClusterError, match="Did you mean 'myopic'"):
        make_scheduler("myopik", env)
    with pytest.raises(HybridClusterError, match="env is"):
        make_scheduler("myopic", gym.make("CartPole-v1"))


@pytest.mark.parametrize("cluster", ["a100-node", "h100-node"])
def test_static_prices_reach_the_fluid_optimum_in_the_long_run(cluster: str) -> None:
    kwargs: dict[str, Any] = {"cluster": cluster, "num_tasks": 20_000, "load": 3.0}
    results = play_episodes(lambda env: make_scheduler("static-price", env), [1, 2], **kwargs)
    assert results.objective.mean() == pytest.approx(1.0, abs=0.05)


def test_the_static_price_is_the_cheapest_at_the_prices(cluster: Cluster) -> None:
    env = HybridClusterEnv(cluster=cluster, num_tasks=20)
    scheduler = make_scheduler("static-price", env)
    observation, _ = env.reset(seed=6)
    objective, costs = env.objective, env.problem.costs
    cpu_free, gpu_free = [0.0] * len(cluster.cpus), [0.0] * len(cluster.gpus)
    tasks = env.episode_tasks()
    for step in range(20):
        cpu = costs.cpus.device_type[int(np.argmin(cpu_free))]
        gpu = costs.gpus.device_type[int(np.argmin(gpu_free))]
        row = build_cost_tables(
            cluster, tasks.take(np.array([step]), np.zeros(1)), costs.gpu_fractions
        )
        cpu_s = np.maximum(row.cpus.time_s[cpu, 0], 0.0)
        gpu_s = np.maximum(row.gpus.time_s[gpu, 0], 0.0)
        energy_j = cpu_s * row.cpus.power_w[cpu, 0] + gpu_s * row.gpus.power_w[gpu, 0]
        price = objective.prices[0][cpu] * cpu_s
        price += objective.prices[1][gpu] * gpu_s
        price += objective.energy_price * energy_j
        price[row.num_feasible[0] :] = np.inf
        action = int(scheduler.predict(observation)[0])
        assert action == price.argmin()
        observation, _, _, _, info = env.step(action)
        for free, device, time_s in (
            (cpu_free, info["cpu"], cpu_s[action]),
            (gpu_free, info["gpu"], gpu_s[action]),
        ):
            if device >= 0:
                free[device] = max(free[device], tasks.arrival_s[step]) + time_s


@pytest.mark.parametrize("name", ["greedy", "earliest-finish", "myopic", "static-price"])
def test_what_does_not_fit_is_never_chosen(name: str) -> None:
    env = HybridClusterVectorEnv(64, cluster=MIXED, num_tasks=20)
    scheduler = make_scheduler(name, env)
    assert_only_what_fits_is_chosen(env, scheduler)


@pytest.mark.parametrize(("mode", "waiting"), [("SameStep", []), ("NextStep", [0])])
def test_round_robin_restarts_with_each_episode(mode: str, waiting: list[int]) -> None:
    env = HybridClusterVectorEnv(2, cluster=PLAIN, num_tasks=4, autoreset_mode=mode)
    scheduler = make_scheduler("round-robin", env)
    observation, _ = env.reset(seed=0)
    state, start, turns = None, np.ones(2, dtype=bool), []
    for _ in range(8 + len(waiting)):
        before = None if state is None else state[0].copy()
        actions, after = scheduler.predict(observation, state, start)
        if state is not None:
            assert np.array_equal(state[0], before)  # the caller's state is left alone
        assert isinstance(after, tuple)
        assert after[0].shape == (2,)
        observation, _, start, _, _ = env.step(actions)
        state = after
        turns.append(int(actions[0]))
    assert turns == [0, 5, 5, 0, *waiting, 0, 5, 5, 0]


def test_round_robin_serves_two_runs_in_turn() -> None:
    env = HybridClusterEnv(cluster=PLAIN, num_tasks=9)
    observation, _ = env.reset(seed=0)
    scheduler = make_scheduler("round-robin", env)
    states: list[Any] = [None, None]
    turns: list[list[int]] = [[], []]
    for run in (0, 1, 0, 0, 1, 0):
        action, states[run] = scheduler.predict(observation, states[run])
        turns[run].append(int(action))
    assert turns == [[0, 5, 5, 0], [0, 5]]


def test_random_play_is_reproducible() -> None:
    first, again, other = (
        play_episodes(lambda env, s=s: make_scheduler("random", env, s), [3, 4], num_tasks=20)
        for s in (0, 0, 1)
    )
    assert np.array_equal(first.actions, again.actions)
    assert np.array_equal(first.objective, again.objective)
    assert not np.array_equal(first.actions, other.actions)


@pytest.mark.parametrize("name", NAMES)
def test_a_batch_of_one_is_a_batch(name: str) -> None:
    env = HybridClusterEnv(num_tasks=5)
    observation, _ = env.reset(seed=0)
    actions, _ = make_scheduler(name, env, seed=0).predict(observation[None])
    assert actions.shape == (1,)
    assert actions.dtype == np.int64
    single, _ = make_scheduler(name, env, seed=0).predict(observation, deterministic=False)
    assert single == actions[0]


@pytest.mark.parametrize("wrong", [[[1.0, 2.0, 3.0], [4.0]], np.zeros((2, 3), np.float32)])
def test_what_is_no_batch_of_the_environments_is_told(wrong: object) -> None:
    env = HybridClusterEnv(num_tasks=4)
    env.reset(seed=0)
    for scheduler in (make_scheduler("myopic", env), Oracle(env, effort=QUICK_EFFORT)):
        with pytest.raises(HybridClusterError, match=r"ragged|2 observations, but"):
            scheduler.predict(wrong)
    with pytest.raises(HybridClusterError, match="at least one environment"):
        make_scheduler("myopic", [])
