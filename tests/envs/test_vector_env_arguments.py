"""What the vector environment refuses, with one clear error and nothing changed."""

from typing import Any

import numpy as np
import pytest
from conftest import LARGE

from cpu_gpu_env import HybridClusterEnv, HybridClusterError, HybridClusterVectorEnv


@pytest.mark.parametrize(
    "actions", [[0], [0, 6], [0, -1], [0.0, 1.0], None, "ab", [[0, 1]], [True, False]]
)
def test_wrong_actions_are_refused(actions: Any) -> None:
    env = HybridClusterVectorEnv(2, num_tasks=3)
    env.reset(seed=0)
    with pytest.raises(HybridClusterError, match="action"):
        env.step(actions)


def test_ragged_actions_are_refused() -> None:
    env = HybridClusterVectorEnv(2, num_tasks=3)
    env.reset(seed=0)
    with pytest.raises(HybridClusterError, match="action"):
        env.step([[0], [0, 1]])


def test_masked_actions_are_refused() -> None:
    env = HybridClusterVectorEnv(2, num_tasks=3)
    env.reset(seed=0)
    with pytest.raises(HybridClusterError, match="actions are a masked array"):
        env.step(np.ma.masked_array([1, 2], mask=[True, False]))


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


@pytest.mark.parametrize(
    ("kwargs", "expected"),
    [
        ({"seed": 1.5}, "seed is 1.5"),
        ({"seed": True}, "seed is True"),
        ({"seed": [1, 0.5]}, "seed is 0.5"),
        ({"seed": [1, 2, 3]}, "seed is a list of 3"),
        ({"seed": -1}, "seed is -1"),
        ({"options": 3}, "reset options are 3"),
        ({"options": {"task": []}}, "Did you mean 'tasks'"),
        ({"options": {"tasks": 3}}, "tasks"),
        ({"options": {"tasks": [LARGE]}}, "1 tables"),
        ({"options": {"tasks": [LARGE, LARGE[:2]]}}, "equal length"),
        ({"options": {"reset_mask": np.array([False, False])}}, "reset_mask"),
        ({"options": {"reset_mask": np.array([1, 0])}}, "reset_mask"),
        ({"options": {"reset_mask": [[True], [True, False]]}}, "reset_mask"),
    ],
    ids=str,
)
def test_bad_seeds_and_options_are_named_and_change_nothing(
    kwargs: dict[str, Any], expected: str
) -> None:
    env = HybridClusterVectorEnv(2, num_tasks=3)
    twin = HybridClusterVectorEnv(2, num_tasks=3)
    env.reset(seed=0)
    twin.reset(seed=0)
    with pytest.raises(HybridClusterError) as caught:
        env.reset(**kwargs)
    assert expected in str(caught.value)
    for _ in range(4):
        mine, other = env.step(np.array([1, 2])), twin.step(np.array([1, 2]))
        assert np.array_equal(mine[0], other[0])
        assert np.array_equal(mine[1], other[1])
    assert np.array_equal(env.reset()[0], twin.reset()[0])


def test_a_half_bad_list_of_seeds_seeds_nobody() -> None:
    env, twin = (HybridClusterVectorEnv(2, num_tasks=3) for _ in range(2))
    env.reset(seed=0)
    twin.reset(seed=0)
    with pytest.raises(HybridClusterError, match="seed is -1"):
        env.reset(seed=[77, -1])
    assert np.array_equal(env.reset()[0], twin.reset()[0])


@pytest.mark.parametrize("seed", [np.array(3), np.array(3.5), b"ab", bytearray(b"ab"), {1, 2}])
def test_what_holds_no_seeds_is_refused(seed: Any) -> None:
    with pytest.raises(HybridClusterError, match="seed is"):
        HybridClusterVectorEnv(2, num_tasks=3).reset(seed=seed)


@pytest.mark.parametrize("seed", [10**400, [10**400, 3]])
def test_a_seed_may_be_as_large_as_it_likes(seed: Any) -> None:
    env = HybridClusterVectorEnv(2, num_tasks=3)
    observations, _ = env.reset(seed=seed)
    assert np.array_equal(observations[0], HybridClusterEnv(num_tasks=3).reset(seed=10**400)[0])


@pytest.mark.parametrize(
    "options",
    [
        {"tasks": np.array(3.0)},
        {"tasks": b"ab"},
        {"tasks": [np.ma.masked_array(LARGE)] * 2},
        {"tasks": np.ma.masked_array([LARGE] * 2, mask=True)},
        {"tasks": [[[0, 10**400, 1.0, 1e9]]] * 2},
        {"tasks": [[["0", "1e12", "1", "1e9"]]] * 2},
        {"tasks": {0: LARGE, 1: LARGE}},
        {"reset_mask": np.ma.masked_array([True, True], mask=[True, False])},
        {"reset_mask": np.array(True)},
        {1: 2},
    ],
    ids=lambda options: str(options)[:40],
)
def test_options_that_only_look_right(options: Any) -> None:
    with pytest.raises(HybridClusterError):
        HybridClusterVectorEnv(2, num_tasks=3).reset(options=options)


def test_an_unknown_autoreset_mode_is_refused() -> None:
    with pytest.raises(HybridClusterError, match="autoreset_mode"):
        HybridClusterVectorEnv(2, autoreset_mode="NextStp")


@pytest.mark.parametrize(
    ("kwargs", "expected"),
    [
        ({"num_envs": 2**62}, "num_envs is 4611686018427387904"),
        ({"num_envs": 10**5000}, "num_envs is"),
        ({"num_envs": np.array(2)}, "num_envs is"),
        ({"num_envs": 10**7, "num_tasks": 10**7}, "tasks in all"),
        ({"max_episode_steps": np.array(3)}, "max_episode_steps is"),
    ],
    ids=lambda value: str(value)[:30] if isinstance(value, str) else None,
)
def test_impossible_numbers_of_environments(kwargs: dict[str, Any], expected: str) -> None:
    with pytest.raises(HybridClusterError, match=expected):
        HybridClusterVectorEnv(**kwargs)


def test_an_endless_limit_of_steps_is_none() -> None:
    env = HybridClusterVectorEnv(2, num_tasks=3, max_episode_steps=10**400)
    env.reset(seed=0)
    for _ in range(7):
        _, _, _, truncated, _ = env.step(np.array([0, 5]))
        assert not truncated.any()
