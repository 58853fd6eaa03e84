"""Ends and resets of sub-environments, as Gymnasium's own vector environment does them."""

from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from conftest import CPU, GPU, LARGE, MIXED, PLAIN, SMALL_GPU
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from hypothesis import given, settings
from hypothesis import strategies as st
from playing import assert_infos_agree

from cpu_gpu_env import Cluster, HybridClusterEnv, HybridClusterError, HybridClusterVectorEnv

THREE_KINDS = Cluster("three-kinds", (CPU, CPU, GPU, SMALL_GPU, GPU, SMALL_GPU))


def beside_gymnasium(
    mode: AutoresetMode, num_envs: int = 3, max_episode_steps: int | None = None, **kwargs: Any
) -> tuple[HybridClusterVectorEnv, SyncVectorEnv]:
    """This package's vector environment and Gymnasium's of single ones."""
    limit = {} if max_episode_steps is None else {"max_episode_steps": max_episode_steps}
    ours = HybridClusterVectorEnv(num_envs, autoreset_mode=mode, **limit, **kwargs)
    theirs = SyncVectorEnv(
        [lambda: gym.make("HybridCluster-v0", **limit, **kwargs)] * num_envs, autoreset_mode=mode
    )
    return ours, theirs


def assert_steps_agree(ours: HybridClusterVectorEnv, theirs: SyncVectorEnv, steps: int) -> None:
    rng = np.random.default_rng(0)
    for _ in range(steps):
        actions = rng.integers(0, ours.single_action_space.n, ours.num_envs)
        *mine, info = ours.step(actions)
        *other, their_info = theirs.step(actions)
        for a, b in zip(mine, other, strict=True):
            assert np.array_equal(a, b)
        assert_infos_agree(info, their_info)
        assert np.array_equal(ours.action_masks(), info["action_mask"] == 1)


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


@settings(max_examples=25, deadline=None)
@given(
    mode=st.sampled_from([AutoresetMode.NEXT_STEP, AutoresetMode.SAME_STEP]),
    num_envs=st.sampled_from([1, 3]),
    num_tasks=st.integers(1, 6),
    max_episode_steps=st.sampled_from([None, 1, 4]),
    cluster=st.sampled_from([PLAIN, MIXED, THREE_KINDS]),
    observe_queues=st.booleans(),
    noise=st.sampled_from([0.0, 0.3]),
    seed=st.integers(0, 2**31),
)
def test_any_autoreset_as_gymnasium_does_it(
    mode: AutoresetMode, num_envs: int, seed: int, **kwargs: Any
) -> None:
    ours, theirs = beside_gymnasium(mode, num_envs, **kwargs)
    assert np.array_equal(ours.reset(seed=seed)[0], theirs.reset(seed=seed)[0])
    assert_steps_agree(ours, theirs, 25)


@pytest.mark.parametrize("mode", [AutoresetMode.NEXT_STEP, AutoresetMode.SAME_STEP])
def test_infos_as_gymnasium_hands_them_out(mode: AutoresetMode) -> None:
    ours, theirs = beside_gymnasium(mode, 20, cluster=PLAIN, num_tasks=4)
    assert_infos_agree(ours.reset(seed=0)[1], theirs.reset(seed=0)[1])
    assert_steps_agree(ours, theirs, 40)


@pytest.mark.parametrize("noise", [0.0, 0.3])
@pytest.mark.parametrize("max_episode_steps", [None, 3])
@pytest.mark.parametrize("mode", [AutoresetMode.NEXT_STEP, AutoresetMode.SAME_STEP])
def test_given_tasks_and_then_autoreset(
    mode: AutoresetMode, max_episode_steps: int | None, noise: float
) -> None:
    kwargs: dict[str, Any] = {"cluster": PLAIN, "num_tasks": 5, "noise": noise}
    ours, theirs = beside_gymnasium(mode, 2, max_episode_steps, observe_queues=True, **kwargs)
    mine, _ = ours.reset(seed=3, options={"tasks": [LARGE, LARGE]})
    other, _ = theirs.reset(seed=3, options={"tasks": LARGE})
    assert np.array_equal(mine, other)
    assert_steps_agree(ours, theirs, 20)


def test_final_observation_and_results_as_gymnasium_hands_them_out() -> None:
    ours, theirs = beside_gymnasium(
        AutoresetMode.SAME_STEP, 3, cluster=PLAIN, num_tasks=4, observe_queues=True
    )
    ours.reset(seed=[4, 5, 6])
    theirs.reset(seed=[4, 5, 6])
    for step in range(1, 13):
        info, their_info = ours.step(np.array([1, 3, 5]))[4], theirs.step(np.array([1, 3, 5]))[4]
        assert ("final_info" in info) == ("final_info" in their_info) == (step % 4 == 0)
        if step % 4 == 0:
            assert info["_final_obs"].tolist() == info["_final_info"].tolist() == [True] * 3
            assert np.array_equal(info["final_obs"], np.stack(list(their_info["final_obs"])))
            for key in ("makespan_s", "total_energy_j", "objective"):
                assert np.array_equal(info["final_info"][key], their_info["final_info"][key])


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


@pytest.mark.parametrize("observe_queues", [False, True])
def test_a_partial_reset_leaves_the_others_as_they_were(observe_queues: bool) -> None:
    ours, theirs = beside_gymnasium(
        AutoresetMode.DISABLED, 2, cluster=PLAIN, num_tasks=3, observe_queues=observe_queues
    )
    ours.reset(seed=0)
    theirs.reset(seed=0)
    assert_steps_agree(ours, theirs, 2)
    for mask in ([True, False], [False, True]):  # both in mid-episode
        mine, _ = ours.reset(options={"reset_mask": np.array(mask)})
        other, _ = theirs.reset(options={"reset_mask": np.array(mask)})
        assert np.array_equal(mine, other)
    # Both have ended: the one that is not reset still shows the end of its episode.
    assert_steps_agree(ours, theirs, 3)
    mine, _ = ours.reset(options={"reset_mask": np.array([True, False])})
    other, _ = theirs.reset(options={"reset_mask": np.array([True, False])})
    assert np.array_equal(mine, other)


@settings(max_examples=25, deadline=None)
@given(
    mode=st.sampled_from(list(AutoresetMode)),
    num_envs=st.sampled_from([1, 2, 4]),
    num_tasks=st.integers(1, 6),
    max_episode_steps=st.sampled_from([None, 1, 4]),
    noise=st.sampled_from([0.0, 0.3]),
    observe_queues=st.booleans(),
    plan=st.lists(st.tuples(st.integers(0, 4), st.integers(1, 15)), max_size=6),
    seed=st.integers(0, 2**31),
)
def test_partial_resets_as_gymnasium_does_them(
    mode: AutoresetMode, num_envs: int, plan: list[tuple[int, int]], seed: int, **kwargs: Any
) -> None:
    ours, theirs = beside_gymnasium(mode, num_envs, cluster=PLAIN, **kwargs)
    mine, other = ours.reset(seed=seed)[0], theirs.reset(seed=seed)[0]
    assert np.array_equal(mine, other)
    for steps, bits in plan:
        if mode is not AutoresetMode.DISABLED:
            assert_steps_agree(ours, theirs, steps)
        mask = np.array([bits >> i & 1 for i in range(num_envs)], dtype=bool)
        if mask.any():
            seeds = [seed + bits + i if bits & 1 else None for i in range(num_envs)]
            mine, _ = ours.reset(seed=seeds, options={"reset_mask": mask})
            other, _ = theirs.reset(seed=list(seeds), options={"reset_mask": mask.copy()})
            assert np.array_equal(mine, other)
    if mode is not AutoresetMode.DISABLED:
        assert_steps_agree(ours, theirs, 15)


def test_a_partial_reset_while_another_waits_loses_no_end() -> None:
    ours, theirs = beside_gymnasium(AutoresetMode.NEXT_STEP, 3, cluster=PLAIN, num_tasks=3)
    ours.reset(seed=0)
    theirs.reset(seed=0)
    assert_steps_agree(ours, theirs, 1)
    for env in (ours, theirs):
        env.reset(options={"reset_mask": np.array([False, False, True])})
    assert_steps_agree(ours, theirs, 2)  # 0 and 1 end and wait, 2 ends in a step
    for env in (ours, theirs):
        env.reset(options={"reset_mask": np.array([False, True, False])})
    assert_steps_agree(ours, theirs, 20)
