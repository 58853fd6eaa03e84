"""Playing environments: one alone, and a vector environment beside single ones."""

from typing import Any

import gymnasium as gym
import numpy as np

from cpu_gpu_env import HybridClusterVectorEnv


def play(env: gym.Env, actions: Any = None, **reset: Any) -> tuple[list[float], list[dict]]:
    env.reset(**reset)
    rewards, infos, terminated = [], [], False
    while not terminated:
        action = env.action_space.sample() if actions is None else actions[len(rewards)]
        _, reward, terminated, _, info = env.step(action)
        rewards.append(reward)
        infos.append(info)
    return rewards, infos


def assert_plays_the_same(
    vector: HybridClusterVectorEnv, singles: list[Any], steps: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    observations, infos = vector.reset(seed=seed)
    for i, env in enumerate(singles):
        observation, info = env.reset(seed=seed + i)
        assert np.array_equal(observation, observations[i])
        assert np.array_equal(info["action_mask"], infos["action_mask"][i])
    for _ in range(steps):
        actions = rng.integers(0, vector.single_action_space.n, vector.num_envs)
        observations, rewards, terminated, truncated, infos = vector.step(actions)
        for i, env in enumerate(singles):
            observation, reward, end, cut, info = env.step(actions[i])
            assert (reward, end, cut) == (rewards[i], terminated[i], truncated[i])
            if end or cut:
                assert np.array_equal(observation, infos["final_obs"][i])
                if end:
                    for key, values in infos["final_info"].items():
                        assert values[i] == info[key]
                observation, info = env.reset()
            assert np.array_equal(observation, observations[i])
            assert np.array_equal(info["action_mask"], infos["action_mask"][i])
