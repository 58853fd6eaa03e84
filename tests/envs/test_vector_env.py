"""The vector environment equals single ones, bit for bit."""

import copy
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from conftest import FRUGAL_CPU, HOT_GPU, LARGE, MIXED, PLAIN, REFINED, VARIED
from gymnasium.vector import AutoresetMode
from hypothesis import given, settings
from hypothesis import strategies as st
from judge import Judge
from playing import assert_infos_agree, assert_plays_the_same, problems
from tiny_episodes import KINDS, SMALL_POOLS, TENSOR

from cpu_gpu_env import Cluster, HybridClusterEnv, HybridClusterVectorEnv
from cpu_gpu_env.model.traces.loading import resolve_workload

ONE_OF_EACH = Cluster("one of each", (FRUGAL_CPU, HOT_GPU, HOT_GPU))
"""Powers vary where no kinds do."""


@settings(max_examples=60, deadline=None)
@given(
    num_envs=st.sampled_from([1, 3]),
    num_tasks=st.integers(1, 12),
    problem=problems(PLAIN, MIXED, ONE_OF_EACH, VARIED),
    kind=st.sampled_from(["lognormal", *KINDS]),
    observe_queues=st.booleans(),
    noise=st.sampled_from([0.0, 0.3]),
    load=st.sampled_from([None, 1.5]),
    max_episode_steps=st.sampled_from([None, 1, 5]),
    energy_weight=st.sampled_from([0.0, 0.5, 1.0]),
    seed=st.integers(0, 2**31),
)
def test_vector_equals_single(
    num_envs: int,
    num_tasks: int,
    max_episode_steps: int | None,
    problem: dict[str, Any],
    kind: str,
    seed: int,
    **kwargs: Any,
) -> None:
    kwargs |= {**problem, "num_tasks": num_tasks, "workload": SMALL_POOLS.get(kind, kind)}
    if kind == "mixed":
        kwargs["cluster"] = TENSOR
    limit = {} if max_episode_steps is None else {"max_episode_steps": max_episode_steps}
    same = {"autoreset_mode": AutoresetMode.SAME_STEP, **limit}
    vector = gym.make_vec("HybridCluster-v0", num_envs=num_envs, **same, **kwargs)
    singles = [gym.make("HybridCluster-v0", **limit, **kwargs) for _ in range(num_envs)]
    assert_plays_the_same(vector, singles, 40, seed)


@settings(max_examples=40, deadline=None)
@given(
    num_tasks=st.integers(1, 12),
    num_sorts=st.sampled_from([1, 3, 1000]),
    kind=st.sampled_from(["lognormal", *KINDS]),
    cluster=st.sampled_from([PLAIN, MIXED, ONE_OF_EACH, REFINED]),
    noise=st.sampled_from([0.0, 0.3]),
    seed=st.integers(0, 2**31),
)
def test_every_episode_is_as_the_judge_says(
    num_tasks: int, num_sorts: int, kind: str, seed: int, **kwargs: Any
) -> None:
    rng = np.random.default_rng(seed)
    workload = SMALL_POOLS.get(kind, resolve_workload("lognormal"))
    pool, kwargs["workload"] = workload.pool, workload
    if kind == "mixed":
        kwargs["cluster"] = TENSOR
    rows = rng.integers(0, len(pool), num_sorts)
    tables = [
        pool.take(rows[rng.integers(0, num_sorts, num_tasks)], np.sort(rng.random(num_tasks)))
        for _ in range(3)
    ]
    env = HybridClusterVectorEnv(3, **kwargs)
    env.reset(seed=seed, options={"tasks": tables})
    judges = [Judge.of(env, table, index) for index, table in enumerate(tables)]
    actions = rng.integers(0, 6, (num_tasks, 3))
    schedules = [judge.play(actions[:, i]) for i, judge in enumerate(judges)]
    total = np.zeros(3)
    for step in range(num_tasks):
        fits = [judge.fits[step] for judge in judges]
        assert env.action_masks().tolist() == fits
        state = env.scheduling_state()
        free_s = np.array([schedule.free_s[step] for schedule in schedules])
        num_cpus = len(env.problem.cluster.cpus)
        assert state.cpus.free_s == pytest.approx(np.sort(free_s[:, :num_cpus]), rel=1e-12)
        assert state.gpus.free_s == pytest.approx(np.sort(free_s[:, num_cpus:]), rel=1e-12)
        wait_s = [schedule.wait_s[step] for schedule in schedules]
        assert state.wait_s(actions[step]) == pytest.approx(wait_s, rel=1e-9, abs=1e-12)
        _, rewards, terminated, _, info = env.step(actions[step])
        total += rewards
        assert terminated.all() == terminated.any() == (step == num_tasks - 1)
    for name, column in (
        ("makespan_s", "makespan_s"),
        ("total_energy_j", "energy_j"),
        ("objective", "objective"),
    ):
        expected = [getattr(schedule, column) for schedule in schedules]
        assert info[name] == pytest.approx(expected, rel=1e-12)
    objective = np.array([schedule.objective for schedule in schedules])
    assert total == pytest.approx(-num_tasks * objective, rel=1e-9)


@pytest.mark.parametrize("noise", [0.0, 0.3])
def test_given_tasks_are_played_and_then_drawn_ones(cluster: Cluster, noise: float) -> None:
    kwargs: dict[str, Any] = {"cluster": cluster, "num_tasks": 7, "noise": noise}
    vector = HybridClusterVectorEnv(2, autoreset_mode=AutoresetMode.SAME_STEP, **kwargs)
    singles = [HybridClusterEnv(**kwargs) for _ in range(2)]
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


def test_given_tasks_of_none_are_drawn_as_in_the_single_environment() -> None:
    options = {"tasks": None}
    single = HybridClusterEnv(num_tasks=3).reset(seed=5, options=options)[0]
    vector = HybridClusterVectorEnv(1, num_tasks=3).reset(seed=5, options=options)[0]
    assert np.array_equal(vector[0], single)


def test_every_environment_has_its_own_seed() -> None:
    env = HybridClusterVectorEnv(3, num_tasks=4)
    observations, _ = env.reset(seed=[9, 9, 10])
    assert np.array_equal(observations[0], observations[1])
    assert np.array_equal(observations[2], HybridClusterEnv(num_tasks=4).reset(seed=10)[0])
    assert np.array_equal(env.reset(seed=8)[0][1:], observations[1:])
    kept, _ = env.reset(seed=[None, 9, None])
    assert np.array_equal(kept[1], observations[0])


def test_without_a_seed_a_reset_goes_on() -> None:
    env = HybridClusterVectorEnv(2, num_tasks=3)
    first = env.reset(seed=0)[0]
    assert not np.array_equal(env.reset()[0], first)
    assert np.array_equal(env.reset(seed=0)[0], first)


def test_masks_of_the_current_tasks() -> None:
    env = HybridClusterVectorEnv(2, cluster=PLAIN, gpu_fractions=(0.0, 0.5, 1.0))
    large, small = [[0, 2e12, 100.0, 15e9]], [[0, 2e12, 100.0, 5e9]]
    _, info = env.reset(options={"tasks": [large, small]})
    assert info["action_mask"].tolist() == [[1, 1, 0], [1, 1, 1]]
    assert env.action_masks().tolist() == [[True, True, False], [True, True, True]]
    assert env.action_masks().dtype == bool


def test_a_copied_vector_env_plays_the_same() -> None:
    env = HybridClusterVectorEnv(2, num_tasks=5)
    other = copy.deepcopy(env)
    for each in (env, other):
        each.reset(seed=9)
    for _ in range(5):
        assert np.array_equal(env.step(np.array([0, 5]))[1], other.step(np.array([0, 5]))[1])


def test_what_the_env_hands_out_is_not_its_state() -> None:
    env, twin = (HybridClusterVectorEnv(2, cluster=PLAIN, num_tasks=4) for _ in range(2))
    for each in (env, twin):
        each.reset(seed=0, options={"tasks": [LARGE, LARGE]})
    for step in range(8):
        actions = np.array([step % 6, 5])
        *mine, info = env.step(actions)
        *other, same_info = twin.step(actions)
        assert_infos_agree(info, same_info)
        for a, b in zip(mine, other, strict=True):
            assert np.array_equal(a, b)
        state = env.scheduling_state()
        (episode, _), costs = env.instances(), env.problem.costs
        handed = [*info.values(), env.action_masks(), env.current_observation(), *mine]
        assert all(array.flags.writeable and array.flags.c_contiguous for array in handed)
        for part in (state, state.cpus, state.gpus):
            handed += [value for value in vars(part).values() if isinstance(value, np.ndarray)]
        handed += [episode.release_s, episode.costs.cpus.time_s, episode.costs.gpus.time_s]
        handed += [costs.cpus.time_s, costs.gpus.time_s, costs.cpus.power_w, costs.num_feasible]
        for array in handed:
            if array.flags.writeable:
                array[...] = 1
        assert np.array_equal(env.action_masks(), twin.action_masks())
        assert np.array_equal(env.scheduling_state().arrival_s, twin.scheduling_state().arrival_s)
