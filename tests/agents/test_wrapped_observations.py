"""Schedulers that read observations read the environment's own, whatever wrappers make of them."""

from collections.abc import Callable
from functools import partial
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium import wrappers
from gymnasium.wrappers import vector as vector_wrappers
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.vec_env import VecEnv, VecFrameStack, VecNormalize

from cpu_gpu_env import HybridClusterError
from cpu_gpu_env.agents.pretrained import pretrained_path
from cpu_gpu_env.agents.saving import load_agent
from cpu_gpu_env.baselines import make_scheduler
from cpu_gpu_env.baselines.imitation.forest import load_forest
from cpu_gpu_env.baselines.imitation.hybrid_ml import HybridML

KWARGS: dict[str, Any] = {"num_tasks": 12, "observe_queues": True}
SYMMETRIC = {"min_obs": np.float32(-1.0), "max_obs": np.float32(1.0)}
Make = Callable[[Any], Any]


@pytest.fixture(scope="module", params=["dqn-queues", "random-forest", "myopic"])
def make(request: pytest.FixtureRequest) -> Make:
    if request.param == "dqn-queues":
        return load_agent("dqn-queues").act_in
    if request.param == "random-forest":
        forest = load_forest(pretrained_path("random-forest"))
        return lambda env: HybridML(env, forest=forest)
    return partial(make_scheduler, request.param)


def sb3_env(wrapper_class: Any = None) -> VecEnv:
    kwargs = {"env_kwargs": KWARGS, "seed": 3, "wrapper_class": wrapper_class}
    return make_vec_env("cpu_gpu_env:HybridCluster-v0", 2, **kwargs)


def returns(make: Make, env: VecEnv) -> Any:
    return evaluate_policy(make(env), env, n_eval_episodes=4, return_episode_rewards=True)[0]


def test_sb3_and_gymnasium_wrappers_are_looked_through(make: Make) -> None:
    expected = returns(make, sb3_env())
    wrapped = [
        VecNormalize(sb3_env(), norm_reward=False),
        VecFrameStack(VecNormalize(sb3_env(), norm_reward=False), 3),
        sb3_env(wrappers.NormalizeObservation),
        sb3_env(lambda env: wrappers.RescaleObservation(env, **SYMMETRIC)),
        sb3_env(lambda env: wrappers.TransformObservation(env, np.flip, env.observation_space)),
    ]
    for env in wrapped:
        assert returns(make, env) == expected


@pytest.mark.parametrize("mode", ["vector_entry_point", "sync"])
def test_vector_wrappers_are_looked_through(make: Make, mode: str) -> None:
    totals = []
    for wrap in (
        lambda env: env,
        vector_wrappers.NormalizeObservation,
        partial(vector_wrappers.RescaleObservation, **SYMMETRIC),
    ):
        env = wrap(gym.make_vec("HybridCluster-v0", 2, mode, **KWARGS))
        scheduler = make(env)
        observation, _ = env.reset(seed=3)
        totals.append(np.zeros(2))
        for _ in range(2 * KWARGS["num_tasks"] + 1):
            observation, reward, *_ = env.step(scheduler.predict(observation)[0])
            totals[-1] += reward
    assert np.array_equal(totals[1], totals[0])
    assert np.array_equal(totals[2], totals[0])


def test_a_single_environment_is_looked_through(make: Make) -> None:
    chosen = []
    for wrap in (lambda env: env, wrappers.NormalizeObservation):
        env = wrap(gym.make("HybridCluster-v0", **KWARGS))
        scheduler = make(env)
        observation, _ = env.reset(seed=3)
        chosen.append([])
        for _ in range(KWARGS["num_tasks"]):
            action, _ = scheduler.predict(observation)
            assert action.shape == ()
            chosen[-1].append(int(action))
            observation, *_ = env.step(chosen[-1][-1])
    assert chosen[0] == chosen[1]


@pytest.mark.parametrize("make", ["dqn-queues", "random-forest"], indirect=True)
def test_normalised_observations_from_elsewhere_are_refused(make: Make) -> None:
    env = sb3_env()
    scheduler, normalised = make(env), VecNormalize(env, norm_reward=False)
    observation = normalised.reset()
    with pytest.raises(HybridClusterError, match="allowed: 0 to 1"):
        scheduler.predict(observation)
    with pytest.raises(HybridClusterError, match="from nan"):
        scheduler.predict(np.full_like(observation, np.nan))
