"""Schedulers: the call, and choices against plain arithmetic."""

from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from conftest import MIXED, PLAIN

from cpu_gpu_env import Cluster, HybridClusterEnv, HybridClusterError, HybridClusterVectorEnv
from cpu_gpu_env.baselines import SCHEDULERS, make_scheduler
from cpu_gpu_env.baselines.evaluation import play_episodes

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
        times = np.maximum(state.cpu_time_s, state.gpu_time_s)[0]
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


@pytest.mark.parametrize("name", ["round-robin", "myopic"])
def test_sb3_evaluates_them(name: str) -> None:
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
