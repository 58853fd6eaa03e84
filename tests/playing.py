"""Playing environments: one alone, and a vector environment beside single ones."""

from typing import Any

import gymnasium as gym
import numpy as np
from hypothesis import strategies as st

from cpu_gpu_env import Cluster, HybridClusterVectorEnv
from cpu_gpu_env.baselines.schedulers.base import Predictor

USUAL = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)


def problems(*clusters: Cluster) -> st.SearchStrategy[dict[str, Any]]:
    """Clusters, each with the usual fractions and with others.

    The tables of eight problems are kept: more would be built anew for nearly every example.
    """
    unusual: list[tuple[float, ...]] = [(0.3, 0.9), (1.0,), (0.0, 1.0), (0.0, 0.3)]
    pairs = zip(clusters, unusual, strict=True)
    cases = [{"cluster": c, "gpu_fractions": f} for c, other in pairs for f in (USUAL, other)]
    return st.sampled_from(cases)


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


def assert_infos_agree(ours: dict[str, Any], theirs: dict[str, Any]) -> None:
    """Our vector environment's infos are those of Gymnasium's, to the last bit."""
    assert ("final_info" in ours) == ("final_info" in theirs)
    for key, value in ours.items():
        if key == "final_info":
            ended = ours["_final_info"]
            for name, results in value.items():
                assert np.array_equal(results[ended], theirs[key][name][ended])
        elif key == "final_obs":
            ended = ours["_final_obs"]
            for mine, other in zip(value[ended], theirs[key][ended], strict=True):
                assert np.array_equal(mine, other)
        else:
            assert value.dtype == theirs[key].dtype
            assert np.array_equal(value, theirs[key])


def assert_only_what_fits_is_chosen(env: HybridClusterVectorEnv, scheduler: Predictor) -> None:
    """Play an episode in which some fractions do not fit; none of those may be chosen."""
    every, masked = np.arange(env.num_envs), 0
    observation, info = env.reset(seed=0)
    for _ in range(env.problem.num_tasks):
        actions, _ = scheduler.predict(observation)
        assert info["action_mask"][every, actions].all()
        masked += int((info["action_mask"] == 0).sum())
        observation, _, _, _, info = env.step(actions)
    assert masked > 0
