"""The vector environment equals single ones, bit for bit."""

from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from conftest import MIXED, PLAIN
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from hypothesis import given, settings
from hypothesis import strategies as st

from cpu_gpu_env import Cluster, HybridClusterEnv, HybridClusterError, HybridClusterVectorEnv


def assert_equal(vector: HybridClusterVectorEnv, singles: list[Any], steps: int, seed: int) -> None:
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


@settings(max_examples=40, deadline=None)
@given(
    num_envs=st.sampled_from([1, 3]),
    num_tasks=st.integers(1, 12),
    cluster=st.sampled_from([PLAIN, MIXED]),
    observe_queues=st.booleans(),
    noise=st.sampled_from([0.0, 0.3]),
    load=st.sampled_from([None, 1.5]),
    max_episode_steps=st.sampled_from([None, 1, 5]),
    seed=st.integers(0, 2**31),
)
def test_vector_equals_single(
    num_envs: int,
    num_tasks: int,
    max_episode_steps: int | None,
    seed: int,
    **kwargs: Any,
) -> None:
    kwargs["num_tasks"] = num_tasks
    limit = {} if max_episode_steps is None else {"max_episode_steps": max_episode_steps}
    vector = gym.make_vec("HybridCluster-v0", num_envs=num_envs, **limit, **kwargs)
    singles = [gym.make("HybridCluster-v0", **limit, **kwargs) for _ in range(num_envs)]
    assert_equal(vector, singles, 40, seed)


@pytest.mark.parametrize("noise", [0.0, 0.3])
def test_given_tasks_are_played_and_then_drawn_ones(cluster: Cluster, noise: float) -> None:
    vector = HybridClusterVectorEnv(2, cluster=cluster, num_tasks=7, noise=noise)
    singles = [HybridClusterEnv(cluster=cluster, num_tasks=7, noise=noise) for _ in range(2)]
    tables = []
    for i, env in enumerate(singles):
        env.reset(seed=50 + i)
        tables.append(env.episode_tasks())
    observations, _ = vector.reset(seed=[1, 9], options={"tasks": tables})
    for i, env in enumerate(singles):
        assert np.array_equal(
            env.reset(seed=[1, 9][i], options={"tasks": tables[i]})[0], observations[i]
        )
    for step in range(20):
        observations, rewards, ended, _, _ = vector.step(np.array([step % 6, 5]))
        for i, env in enumerate(singles):
            observation, reward, end, _, _ = env.step([step % 6, 5][i])
            if end:
                observation, _ = env.reset()
            assert reward == rewards[i]
            assert end == ended[i]
            assert np.array_equal(observation, observations[i])


@pytest.mark.parametrize("mode", [AutoresetMode.NEXT_STEP, AutoresetMode.SAME_STEP])
def test_autoreset_as_gymnasium_does_it(mode: AutoresetMode) -> None:
    kwargs: dict[str, Any] = {"cluster": PLAIN, "num_tasks": 4}
    ours = HybridClusterVectorEnv(3, autoreset_mode=mode, max_episode_steps=3, **kwargs)
    theirs = SyncVectorEnv(
        [lambda: gym.make("HybridCluster-v0", max_episode_steps=3, **kwargs)] * 3,
        autoreset_mode=mode,
    )
    assert ours.metadata["autoreset_mode"] is mode
    mine, other = ours.reset(seed=4)[0], theirs.reset(seed=4)[0]
    rng = np.random.default_rng(0)
    for _ in range(15):
        assert np.array_equal(mine, other)
        actions = rng.integers(0, 6, 3)
        mine, *ours_rest, _ = ours.step(actions)
        other, *theirs_rest, _ = theirs.step(actions)
        for a, b in zip(ours_rest, theirs_rest, strict=True):
            assert np.array_equal(a, b)


def test_disabled_autoreset_waits_for_the_mask() -> None:
    env = HybridClusterVectorEnv(2, num_tasks=3, autoreset_mode=AutoresetMode.DISABLED)
    single = HybridClusterEnv(num_tasks=3)
    first, _ = single.reset(seed=11)
    env.reset(seed=10)
    env.step(np.array([0, 0]))
    observations, _ = env.reset(seed=[None, 11], options={"reset_mask": np.array([False, True])})
    assert np.array_equal(observations[1], first)
    env.step(np.array([0, 0]))
    _, _, terminated, _, _ = env.step(np.array([0, 0]))
    assert terminated.tolist() == [True, False]
    with pytest.raises(HybridClusterError, match="reset"):
        env.step(np.array([0, 0]))
    env.reset(options={"reset_mask": terminated})
    env.step(np.array([0, 0]))


def test_without_a_seed_a_reset_goes_on() -> None:
    env = HybridClusterVectorEnv(2, num_tasks=3)
    first = env.reset(seed=0)[0]
    assert not np.array_equal(env.reset()[0], first)
    assert np.array_equal(env.reset(seed=0)[0], first)


@pytest.mark.parametrize(
    "actions",
    [[0], [0, 6], [0, -1], [0.0, 1.0], None, "ab", [[0, 1]], [True, False]],
)
def test_wrong_actions_are_refused(actions: Any) -> None:
    env = HybridClusterVectorEnv(2, num_tasks=3)
    env.reset(seed=0)
    with pytest.raises(HybridClusterError, match="action"):
        env.step(actions)


def test_misuse_is_refused() -> None:
    env = HybridClusterVectorEnv(2, num_tasks=3)
    with pytest.raises(HybridClusterError, match="reset"):
        env.step(np.zeros(2, dtype=np.int64))
    for kwargs in (
        {"seed": [1]},
        {"seed": -1},
        {"options": {"reset_mask": [1, 0]}},
        {"options": {"reset_mask": np.array([True, False])}},  # the first reset is for all
        {"options": {"tasks": [[[0, 1e12, 1.0, 1e9]]]}},
    ):
        with pytest.raises(HybridClusterError):
            env.reset(**kwargs)
    with pytest.raises(HybridClusterError, match="num_envs is 0"):
        HybridClusterVectorEnv(0)
    with pytest.raises(HybridClusterError, match="max_episode_steps is 0"):
        HybridClusterVectorEnv(1, max_episode_steps=0)
