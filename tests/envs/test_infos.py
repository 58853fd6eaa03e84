"""Infos: plain numbers and arrays of one structure, which nobody can harm the environment by."""

import warnings
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from conftest import LARGE, PLAIN

from cpu_gpu_env import HybridClusterEnv, HybridClusterVectorEnv

KEYS = [
    "task",
    "cpu",
    "gpu",
    "start_s",
    "finish_s",
    "time_s",
    "energy_j",
    "fallback",
    "action_mask",
    "makespan_s",
    "total_energy_j",
    "objective",
    "utilisation",
]
OF_THE_EPISODE = ["makespan_s", "total_energy_j", "objective", "utilisation"]


def structure(info: dict[str, Any]) -> dict[str, Any]:
    """Keys and types of an info, and shapes of its arrays."""
    arrays = {k: (v.dtype, v.shape) for k, v in info.items() if isinstance(v, np.ndarray)}
    return {**{key: type(value) for key, value in info.items()}, **arrays}


@pytest.mark.parametrize("reset", [{"seed": 0}, {"options": {"tasks": LARGE}}])
def test_an_info_has_one_structure(reset: dict[str, Any]) -> None:
    env = gym.make("HybridCluster-v0", cluster=PLAIN, num_tasks=len(LARGE), noise=0.2)
    infos = [env.reset(**reset)[1]]
    infos += [env.step(action)[4] for action, _ in zip([0, 5, 3, 2] * 9, LARGE, strict=False)]
    assert list(infos[0]) == KEYS
    assert all(structure(info) == structure(infos[0]) for info in infos)
    allowed = {int, float, bool, np.ndarray}
    assert {type(value) for info in infos for value in info.values()} == allowed
    for info in infos[:-1]:  # -1 where nothing applies, and nothing else is negative
        assert all(np.all(np.equal(info[key], -1)) for key in OF_THE_EPISODE)
    assert all(np.all(infos[-1][key] >= 0) for key in OF_THE_EPISODE)
    for key in ("task", "cpu", "gpu", "start_s", "finish_s", "time_s", "energy_j"):
        assert np.all(np.equal(infos[0][key], -1)), key
    for info in infos[1:]:
        assert (info["task"] >= 0).all()
        assert max(info["cpu"], info["gpu"]) >= 0
        assert min(info[key] for key in ("start_s", "finish_s", "time_s", "energy_j")) >= 0


def test_a_truncated_episode_has_no_results() -> None:
    env = gym.make("HybridCluster-v0", num_tasks=5, max_episode_steps=2)
    vector = HybridClusterVectorEnv(1, num_tasks=5, max_episode_steps=2)
    env.reset(seed=0)
    vector.reset(seed=0)
    for truncates in (False, True):
        *_, truncated, info = env.step(1)
        *_, infos = vector.step(np.array([1]))
        assert truncated is truncates
        assert info["objective"] == infos["objective"] == -1.0


@pytest.mark.parametrize("mode", ["vector_entry_point", "sync", "async"])
def test_vector_infos_are_arrays_of_one_structure(mode: str) -> None:
    env = gym.make_vec("HybridCluster-v0", 2, mode, cluster=PLAIN, num_tasks=3)
    infos = [env.reset(seed=0)[1], *(env.step(np.array([4, 5]))[4] for _ in range(9))]
    env.close()
    for info in infos:
        assert structure(info) == structure(infos[0])
        for value in info.values():
            assert value.dtype != object
            assert value.flags.writeable
            assert value.flags.c_contiguous
    ended = [bool((info["objective"] > 0).all()) for info in infos]
    assert ended == [False, False, False, True, False, False, False, True, False, False]
    rewards = 0.0
    single = HybridClusterEnv(PLAIN, num_tasks=3)
    single.reset(seed=1)
    for _ in range(3):
        _, reward, _, _, last = single.step(5)
        rewards += reward
    assert infos[3]["objective"][1] == last["objective"] == pytest.approx(-rewards / 3)


@pytest.mark.parametrize("tasks", [None, LARGE])  # with and without masked fractions
def test_torch_takes_infos_and_can_do_no_harm(tasks: Any) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is no dependency of the core")
    env, vector = HybridClusterEnv(PLAIN, num_tasks=3), HybridClusterVectorEnv(2, PLAIN)
    given: dict[str, Any] = {} if tasks is None else {"tasks": tasks}
    many = {} if tasks is None else {"tasks": [tasks, tasks]}
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # torch warns of what is read-only
        handed = [env.reset(seed=0, options=given), vector.reset(seed=0, options=many)]
        for _ in range(2):
            kept = [env.action_masks(), vector.action_masks(), env.current_observation()]
            for *_, info in handed:
                for value in info.values():
                    if isinstance(value, np.ndarray):
                        torch.from_numpy(value).zero_()
            now = [env.action_masks(), vector.action_masks(), env.current_observation()]
            for before, after in zip(kept, now, strict=True):
                assert np.array_equal(before, after)
            assert env.action_masks().any()
            handed = [env.step(1), vector.step(np.array([1, 1]))]
    again = HybridClusterEnv(PLAIN, num_tasks=3)
    assert again.reset(seed=0)[1]["action_mask"].any()
