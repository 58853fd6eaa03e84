"""Episodes of a trace are its windows, in order, and the vector environment plays the same."""

import pickle
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from conftest import MIXED, PLAIN
from gymnasium.vector import AsyncVectorEnv, AutoresetMode, SyncVectorEnv
from hypothesis import given, settings
from hypothesis import strategies as st
from playing import assert_infos_agree, assert_plays_the_same
from trace_files import write_tasks

from cpu_gpu_env import HybridClusterEnv, HybridClusterError, HybridClusterVectorEnv, Tasks
from cpu_gpu_env.baselines.evaluation.play import evaluation_seeds
from cpu_gpu_env.baselines.oracle.search import solve_episode

ROWS = 37


def rows(count: int = ROWS) -> list[list[float]]:
    """Tasks that differ in everything, arriving in bursts of three; some do not fit a GPU."""
    rng = np.random.default_rng(3)
    table = []
    for i in range(count):
        gap = 0.001 if i % 3 else 5.0
        arrival = (table[-1][0] if table else 2.0) + gap * float(rng.random())
        table.append([arrival, 1e12 + 1e10 * i, 1.0 + i, 5e8 * (i % 25)])
    return table


@pytest.fixture(scope="module")
def trace(tmp_path_factory: pytest.TempPathFactory) -> str:
    return write_tasks(tmp_path_factory.mktemp("traces") / "tasks.csv", rows())


def episode(env: HybridClusterEnv, **kwargs: Any) -> Tasks:
    env.reset(**kwargs)
    return env.episode_tasks()


def first_row(tasks: Tasks) -> int:
    """Row of the trace of the first task; sizes count the rows."""
    return round((tasks.size_flop[0] - 1e12) / 1e10)


@pytest.mark.parametrize("num_tasks", [1, 5, ROWS])
def test_an_episode_is_a_window_of_the_trace(trace: str, num_tasks: int) -> None:
    env = HybridClusterEnv(PLAIN, trace, num_tasks=num_tasks, load="trace")
    written = np.array(rows())
    starts = set()
    for seed in range(200):
        tasks = episode(env, seed=seed)
        first = first_row(tasks)
        starts.add(first)
        window = written[first : first + num_tasks]
        assert np.array_equal(tasks.size_flop, window[:, 1])
        assert np.array_equal(tasks.intensity_flop_per_byte, window[:, 2])
        assert np.array_equal(tasks.memory_bytes, window[:, 3])
        assert tasks.arrival_s == pytest.approx(window[:, 0] - window[0, 0], abs=1e-9)
    assert min(starts) == 0
    assert max(starts) == ROWS - num_tasks


def test_starts_are_uniform_and_go_on_without_a_seed(trace: str) -> None:
    env = HybridClusterEnv(PLAIN, trace, num_tasks=28)
    starts = [first_row(episode(env, seed=0))] + [first_row(episode(env)) for _ in range(2_999)]
    counts = np.bincount(starts)
    assert len(counts) == 10
    # Chi-squared with 9 degrees of freedom: 27.9 is exceeded once in a thousand.
    assert ((counts - 300) ** 2 / 300).sum() < 27.9


@pytest.mark.parametrize("load", [0.5, 1.5])
def test_time_is_scaled_by_one_factor_to_the_load(trace: str, load: float) -> None:
    env = HybridClusterEnv(PLAIN, trace, num_tasks=ROWS, load=load)
    gaps, written = np.diff(episode(env, seed=0).arrival_s), np.diff(np.array(rows())[:, 0])
    assert gaps.mean() == pytest.approx(env.objective.reference.makespan_s / load, rel=1e-9)
    factor = gaps.mean() / written.mean()
    assert gaps == pytest.approx(written * factor, rel=1e-6)
    short = HybridClusterEnv(PLAIN, trace, num_tasks=4, load=load)
    tasks = episode(short, seed=2)
    first = first_row(tasks)
    assert np.diff(tasks.arrival_s) == pytest.approx(written[first : first + 3] * factor, rel=1e-6)


def test_without_a_load_all_tasks_are_there_at_once(trace: str) -> None:
    env = HybridClusterEnv(PLAIN, trace, num_tasks=9, load=None)
    assert episode(env, seed=0).arrival_s.tolist() == [0.0] * 9


@settings(max_examples=40, deadline=None)
@given(
    num_envs=st.sampled_from([1, 3]),
    num_tasks=st.integers(1, 12),
    cluster=st.sampled_from([PLAIN, MIXED]),
    observe_queues=st.booleans(),
    noise=st.sampled_from([0.0, 0.3]),
    load=st.sampled_from([None, 1.5, "trace"]),
    max_episode_steps=st.sampled_from([None, 1, 5]),
    seed=st.integers(0, 2**31),
)
def test_vector_equals_single(
    num_envs: int,
    num_tasks: int,
    max_episode_steps: int | None,
    seed: int,
    trace: str,
    **kwargs: Any,
) -> None:
    kwargs |= {"num_tasks": num_tasks, "workload": trace}
    limit = {} if max_episode_steps is None else {"max_episode_steps": max_episode_steps}
    same = {"autoreset_mode": AutoresetMode.SAME_STEP, **limit}
    vector = gym.make_vec("HybridCluster-v0", num_envs=num_envs, **same, **kwargs)
    singles = [gym.make("HybridCluster-v0", **limit, **kwargs) for _ in range(num_envs)]
    assert_plays_the_same(vector, singles, 40, seed)


@settings(max_examples=20, deadline=None)
@given(
    mode=st.sampled_from([AutoresetMode.NEXT_STEP, AutoresetMode.SAME_STEP]),
    num_tasks=st.integers(1, 6),
    max_episode_steps=st.sampled_from([None, 1, 4]),
    cluster=st.sampled_from([PLAIN, MIXED]),
    noise=st.sampled_from([0.0, 0.3]),
    seed=st.integers(0, 2**31),
)
def test_any_autoreset_as_gymnasium_does_it(
    mode: AutoresetMode, seed: int, trace: str, max_episode_steps: int | None, **kwargs: Any
) -> None:
    kwargs |= {"workload": trace, "load": "trace", "observe_queues": True}
    limit = {} if max_episode_steps is None else {"max_episode_steps": max_episode_steps}
    ours = HybridClusterVectorEnv(3, autoreset_mode=mode, **limit, **kwargs)
    theirs = SyncVectorEnv(
        [lambda: gym.make("HybridCluster-v0", **limit, **kwargs)] * 3, autoreset_mode=mode
    )
    assert np.array_equal(ours.reset(seed=seed)[0], theirs.reset(seed=seed)[0])
    rng = np.random.default_rng(seed)
    for _ in range(25):
        actions = rng.integers(0, 6, 3)
        *mine, info = ours.step(actions)
        *other, their_info = theirs.step(actions)
        for a, b in zip(mine, other, strict=True):
            assert np.array_equal(a, b)
        assert_infos_agree(info, their_info)


def test_disabled_autoreset_resets_some_environments(trace: str) -> None:
    kwargs: dict[str, Any] = {"workload": trace, "num_tasks": 3}
    env = HybridClusterVectorEnv(2, PLAIN, autoreset_mode=AutoresetMode.DISABLED, **kwargs)
    single = HybridClusterEnv(PLAIN, **kwargs)
    env.reset(seed=0)
    env.step(np.array([0, 0]))
    mask = np.array([False, True])
    observations, _ = env.reset(seed=[None, 11], options={"reset_mask": mask})
    assert np.array_equal(observations[1], single.reset(seed=11)[0])
    for action in (1, 4):
        observations, rewards, *_ = env.step(np.array([0, action]))
        observation, reward, *_ = single.step(action)
        assert rewards[1] == reward
        assert np.array_equal(observations[1], observation)


def test_given_tasks_and_then_windows_again(trace: str) -> None:
    kwargs: dict[str, Any] = {"workload": trace, "num_tasks": 4, "noise": 0.2}
    env = HybridClusterEnv(PLAIN, **kwargs)
    vector = HybridClusterVectorEnv(1, PLAIN, autoreset_mode="SameStep", **kwargs)
    tasks = Tasks.from_table(rows()[10:14])
    env.reset(seed=5, options={"tasks": tasks})
    vector.reset(seed=5, options={"tasks": [tasks]})
    for step in range(12):
        observation, reward, end, _, _ = env.step(step % 6)
        if end:
            observation, _ = env.reset()
        observations, rewards, ends, _, _ = vector.step(np.array([step % 6]))
        assert (reward, end) == (rewards[0], ends[0])
        assert np.array_equal(observation, observations[0])


def test_both_environments_realise_the_same_window(trace: str) -> None:
    kwargs: dict[str, Any] = {"workload": trace, "num_tasks": 6, "noise": 0.1}
    env, vector = HybridClusterEnv(PLAIN, **kwargs), HybridClusterVectorEnv(2, PLAIN, **kwargs)
    env.reset(seed=8)
    vector.reset(seed=7)
    (one,), other = env.instances(), vector.instances()[1]
    assert np.array_equal(one.release_s, other.release_s)
    assert np.array_equal(one.costs.gpus.time_s, other.costs.gpus.time_s)
    solved = solve_episode(one)
    assert solved.bound <= solved.objective
    for action in solved.actions.tolist():
        info = env.step(action)[4]
    assert info["objective"] == pytest.approx(solved.objective)


def test_a_trace_survives_other_processes(trace: str) -> None:
    def make() -> Any:
        return gym.make("cpu_gpu_env:HybridCluster-v0", workload=trace, num_tasks=4)

    env = HybridClusterEnv(workload=trace, num_tasks=4)
    expected = env.reset(seed=3)[0]
    assert np.array_equal(pickle.loads(pickle.dumps(env)).reset(seed=3)[0], expected)
    spawned = AsyncVectorEnv([make], context="spawn")
    assert np.array_equal(spawned.reset(seed=3)[0][0], expected)
    spawned.close()


def test_parts_share_no_task_in_held_out_episodes(trace: str) -> None:
    seen: list[set[float]] = []
    for part in ("0-0.5", "0.5-1"):
        env = HybridClusterEnv(PLAIN, f"{trace}?part={part}", num_tasks=10)
        seen.append(set())
        for seed in evaluation_seeds(30):
            seen[-1] |= set(episode(env, seed=seed).size_flop.tolist())
    assert not seen[0] & seen[1]


@pytest.mark.parametrize(
    ("kwargs", "expected"),
    [
        ({"num_tasks": 38}, "num_tasks is 38, but workload 'csv:tasks.csv' has 37 tasks"),
        ({"load": "fast"}, "load is 'fast'; allowed: a number"),
        ({"load": "trace", "workload": "lognormal"}, "workload 'lognormal' is no trace"),
    ],
    ids=str,
)
@pytest.mark.parametrize("make", [HybridClusterEnv, HybridClusterVectorEnv])
def test_what_a_trace_cannot_do_is_told(
    make: Any, kwargs: dict[str, Any], expected: str, trace: str
) -> None:
    with pytest.raises(HybridClusterError) as caught:
        make(**{"workload": trace, "num_tasks": 5, **kwargs})
    assert expected in str(caught.value)


def test_tasks_that_arrive_at_once_have_no_time_to_scale(tmp_path: Path) -> None:
    at_once = write_tasks(tmp_path / "batch.csv", [[7.0, 1e12, 1.0, 1.0]] * 3)
    with pytest.raises(HybridClusterError, match="arrive at once; allowed: None"):
        HybridClusterEnv(workload=at_once, num_tasks=2)
    for load in (None, "trace"):
        env = HybridClusterEnv(workload=at_once, num_tasks=2, load=load)
        assert episode(env, seed=0).arrival_s.tolist() == [0.0, 0.0]
    alone = write_tasks(tmp_path / "alone.csv", [[7.0, 1e12, 1.0, 1.0]])
    env = HybridClusterEnv(workload=alone, num_tasks=1)
    assert episode(env, seed=0).arrival_s.tolist() == [0.0]
