"""The vector environment equals single ones, bit for bit."""

import copy
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from conftest import CPU, FRUGAL_CPU, GPU, HOT_GPU, MIXED, PLAIN, SMALL_GPU, VARIED
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from hypothesis import given, settings
from hypothesis import strategies as st

from cpu_gpu_env import Cluster, HybridClusterEnv, HybridClusterError, HybridClusterVectorEnv

ONE_OF_EACH = Cluster("one of each", (FRUGAL_CPU, HOT_GPU, HOT_GPU))
"""Powers vary where no kinds do."""


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


@settings(max_examples=60, deadline=None)
@given(
    num_envs=st.sampled_from([1, 3]),
    num_tasks=st.integers(1, 12),
    cluster=st.sampled_from([PLAIN, MIXED, ONE_OF_EACH, VARIED]),
    observe_queues=st.booleans(),
    noise=st.sampled_from([0.0, 0.3]),
    load=st.sampled_from([None, 1.5]),
    max_episode_steps=st.sampled_from([None, 1, 5]),
    energy_weight=st.sampled_from([0.0, 0.5, 1.0]),
    gpu_fractions=st.sampled_from([(0.0, 0.2, 0.4, 0.6, 0.8, 1.0), (0.0, 1.0), (0.3, 0.9)]),
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


THREE_KINDS = Cluster("three-kinds", (CPU, CPU, GPU, SMALL_GPU, GPU, SMALL_GPU))
LARGE = [[0.1 * i, 1e12, 20.0, memory] for i, memory in enumerate([5e9, 12e9, 2e10, 3e10])]
"""Tasks of which not every fraction fits."""


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


def assert_steps_agree(
    ours: HybridClusterVectorEnv, theirs: SyncVectorEnv, steps: int, masks: bool = False
) -> None:
    rng = np.random.default_rng(0)
    for _ in range(steps):
        actions = rng.integers(0, ours.single_action_space.n, ours.num_envs)
        *mine, info = ours.step(actions)
        *other, their_info = theirs.step(actions)
        for a, b in zip(mine, other, strict=True):
            assert np.array_equal(a, b)
        if masks:
            assert np.array_equal(info["action_mask"], np.stack(list(their_info["action_mask"])))
            assert np.array_equal(ours.action_masks(), info["action_mask"] == 1)


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
def test_masks_as_gymnasium_hands_them_out(mode: AutoresetMode) -> None:
    ours, theirs = beside_gymnasium(mode, 20, cluster=PLAIN, num_tasks=4)
    ours.reset(seed=0)
    theirs.reset(seed=0)
    assert_steps_agree(ours, theirs, 40, masks=True)


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


def test_every_environment_has_its_own_seed() -> None:
    env = HybridClusterVectorEnv(3, num_tasks=4)
    observations, _ = env.reset(seed=[9, 9, 10])
    assert np.array_equal(observations[0], observations[1])
    assert np.array_equal(observations[2], HybridClusterEnv(num_tasks=4).reset(seed=10)[0])
    assert np.array_equal(env.reset(seed=8)[0][1:], observations[1:])
    kept, _ = env.reset(seed=[None, 9, None])
    assert np.array_equal(kept[1], observations[0])


def test_masks_of_the_current_tasks() -> None:
    env = HybridClusterVectorEnv(2, cluster=PLAIN, gpu_fractions=(0.0, 0.5, 1.0))
    large, small = [[0, 2e12, 100.0, 15e9]], [[0, 2e12, 100.0, 5e9]]
    _, info = env.reset(options={"tasks": [large, small]})
    assert info["action_mask"].tolist() == [[1, 1, 0], [1, 1, 1]]
    assert env.action_masks().tolist() == [[True, True, False], [True, True, True]]
    assert env.action_masks().dtype == bool


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


def test_given_tasks_of_none_are_drawn_as_in_the_single_environment() -> None:
    options = {"tasks": None}
    single = HybridClusterEnv(num_tasks=3).reset(seed=5, options=options)[0]
    vector = HybridClusterVectorEnv(1, num_tasks=3).reset(seed=5, options=options)[0]
    assert np.array_equal(vector[0], single)


def test_ragged_actions_are_refused() -> None:
    env = HybridClusterVectorEnv(2, num_tasks=3)
    env.reset(seed=0)
    with pytest.raises(HybridClusterError, match="action"):
        env.step([[0], [0, 1]])


def test_an_unknown_autoreset_mode_is_refused() -> None:
    with pytest.raises(HybridClusterError, match="autoreset_mode"):
        HybridClusterVectorEnv(2, autoreset_mode="NextStp")


def test_a_copied_vector_env_plays_the_same() -> None:
    env = HybridClusterVectorEnv(2, num_tasks=5)
    other = copy.deepcopy(env)
    for each in (env, other):
        each.reset(seed=9)
    for _ in range(5):
        assert np.array_equal(env.step(np.array([0, 5]))[1], other.step(np.array([0, 5]))[1])


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


def test_masked_actions_are_refused() -> None:
    env = HybridClusterVectorEnv(2, num_tasks=3)
    env.reset(seed=0)
    with pytest.raises(HybridClusterError, match="actions are a masked array"):
        env.step(np.ma.masked_array([1, 2], mask=[True, False]))


def test_what_the_env_hands_out_is_not_its_state() -> None:
    env, twin = (HybridClusterVectorEnv(2, cluster=PLAIN, num_tasks=4) for _ in range(2))
    for each in (env, twin):
        each.reset(seed=0, options={"tasks": [LARGE, LARGE]})
    for step in range(8):
        actions = np.array([step % 6, 5])
        *mine, info = env.step(actions)
        *other, _ = twin.step(actions)
        for a, b in zip(mine, other, strict=True):
            assert np.array_equal(a, b)
        state = env.scheduling_state()
        (episode, _), costs = env.realised_episodes(), env.problem.costs
        handed = [info["action_mask"], info["_action_mask"], env.action_masks(), *mine]
        handed += list(vars(state).values())
        handed += [episode.release_s, episode.cpu_time_s, episode.gpu_time_s]
        handed += [costs.cpu_time_s, costs.gpu_time_s, costs.cpu_power_w, costs.num_feasible]
        for array in handed:
            if array.flags.writeable:
                array[...] = 1
        assert np.array_equal(env.action_masks(), twin.action_masks())
        assert np.array_equal(env.scheduling_state().arrival_s, twin.scheduling_state().arrival_s)
        assert info["_action_mask"].all()
