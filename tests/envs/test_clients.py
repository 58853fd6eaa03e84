"""Programs that know nothing of this package run on the environment as it is.

The checkers of Gymnasium and SB3 are in test_env.py, the schedulers' `predict` in SB3's
`evaluate_policy` is in test_baselines.py.
"""

import importlib.util
import os
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import gymnasium as gym
import imageio_ffmpeg
import numpy as np
import numpy.typing as npt
import pytest
from conftest import CPU, SMALL_GPU
from gymnasium import wrappers
from gymnasium.vector import AutoresetMode
from gymnasium.wrappers import vector as vector_wrappers
from sb3_contrib import MaskablePPO
from sb3_contrib.common.maskable.evaluation import evaluate_policy as evaluate_maskable
from sb3_contrib.common.maskable.utils import get_action_masks, is_masking_supported
from stable_baselines3 import A2C, DQN, PPO
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import BaseCallback, EvalCallback
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.vec_env import (
    DummyVecEnv,
    SubprocVecEnv,
    VecCheckNan,
    VecFrameStack,
    VecNormalize,
)

from cpu_gpu_env import Cluster
from cpu_gpu_env.problem.problem import DEFAULT_GPU_FRACTIONS

SPAWNED = "cpu_gpu_env:HybridCluster-v0"
"""Name of the environment where the package is not imported yet."""
NUM_TASKS = 8
ACTIONS = [0, 5, 3, 1, 4, 2, 5, 0]


@pytest.fixture(autouse=True)
def _no_display(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")


def make(**kwargs: Any) -> gym.Env[Any, Any]:
    return gym.make(SPAWNED, **{"num_tasks": NUM_TASKS, "observe_queues": True, **kwargs})


def play(env: Any) -> tuple[list[npt.NDArray[Any]], list[float], dict[str, Any]]:
    """Play episode 3 with `ACTIONS`: observations, rewards and the last info."""
    observation, info = env.reset(seed=3)
    observations, rewards = [observation], []
    for action in ACTIONS:
        observation, reward, terminated, _, info = env.step(action)
        observations.append(observation)
        rewards.append(float(reward))
    assert terminated
    env.close()
    return observations, rewards, info


# ------------------------------------------------------------------ Gymnasium, one environment


def with_time(env: Any) -> Any:
    """TimeAwareObservation asks for a limit."""
    return wrappers.TimeAwareObservation(wrappers.TimeLimit(env, 100))


@pytest.mark.parametrize(
    "wrap",
    [
        wrappers.RecordEpisodeStatistics,
        wrappers.NormalizeObservation,
        wrappers.NormalizeReward,
        partial(wrappers.FrameStackObservation, stack_size=3),
        partial(wrappers.TimeLimit, max_episode_steps=100),
        with_time,
        partial(wrappers.RescaleObservation, min_obs=np.float32(-1.0), max_obs=np.float32(1.0)),
        wrappers.FlattenObservation,
        partial(wrappers.ClipReward, min_reward=-1.0, max_reward=1.0),
        wrappers.Autoreset,
        wrappers.AddRenderObservation,
        wrappers.RenderCollection,
        wrappers.HumanRendering,
    ],
    ids=lambda wrap: getattr(wrap, "func", wrap).__name__,
)
def test_a_wrapper_changes_nothing_but_what_it_is_for(wrap: Callable[[Any], Any]) -> None:
    _, _, expected = play(make())
    env = wrap(make(render_mode="rgb_array"))
    observations, _, info = play(env)
    assert info["objective"] == expected["objective"]
    assert all(observation in env.observation_space for observation in observations)


def test_episode_statistics_are_those_of_the_episode() -> None:
    _, _, info = play(wrappers.RecordEpisodeStatistics(make()))
    assert info["episode"]["l"] == NUM_TASKS
    assert info["episode"]["r"] == pytest.approx(-NUM_TASKS * info["objective"])


def test_stacked_frames_are_the_latest_observations() -> None:
    plain, _, _ = play(make())
    stacked, _, _ = play(wrappers.FrameStackObservation(make(), 3))
    assert np.array_equal(stacked[-1], plain[-3:])


def test_rewards_are_normalised_by_one_factor_a_step() -> None:
    _, plain, _ = play(make())
    _, normalised, _ = play(wrappers.NormalizeReward(make(), gamma=0.9))
    # Gymnasium's running variance of the discounted return, by hand.
    returns, value = [], 0.0
    for step, reward in enumerate(plain):
        value = 0.9 * value * (step < NUM_TASKS - 1) + reward
        returns.append(value)
    assert np.sign(normalised).tolist() == np.sign(plain).tolist()
    assert np.isfinite(normalised).all()
    ratios = np.divide(normalised, plain)
    assert (ratios > 0).all()
    assert ratios[-1] == pytest.approx(1 / np.std(returns), rel=0.05)


def test_a_time_limit_truncates() -> None:
    env = wrappers.TimeLimit(make(), max_episode_steps=2)
    env.reset(seed=0)
    assert env.step(0)[2:4] == (False, False)
    assert env.step(0)[2:4] == (False, True)


def test_a_video_has_a_frame_a_step(tmp_path: Path) -> None:
    env = wrappers.RecordVideo(make(render_mode="rgb_array"), str(tmp_path / "videos"))
    play(env)
    (video,) = (tmp_path / "videos").glob("*.mp4")
    frames = imageio_ffmpeg.read_frames(str(video))
    width, height = next(frames)["size"]
    pixels = np.array([np.frombuffer(frame, np.uint8) for frame in frames])
    assert pixels.shape == (NUM_TASKS + 1, width * height * 3)
    # Every frame shows another task placed; compression alone changes far less.
    images = pixels.reshape(NUM_TASKS + 1, height, width, 3).astype(int)
    assert (np.abs(np.diff(images, axis=0)).max(axis=(1, 2, 3)) > 100).all()
    expected = make(render_mode="rgb_array")
    expected.reset(seed=3)
    assert np.abs(images[0] - expected.render()).mean() < 3


def test_the_passive_checker_has_nothing_to_say() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        env = make(render_mode="rgb_array")
        assert isinstance(env.env, wrappers.PassiveEnvChecker)  # type: ignore[attr-defined]
        env.reset(seed=0)
        env.render()
        play(env)


# ------------------------------------------------------------------ Gymnasium, many at once


def rollout(env: Any, num_envs: int = 2) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Observations and rewards of two and a half episodes, all environments in step."""
    observation, _ = env.reset(seed=3)
    observations, rewards = [observation], []
    for step in range(2 * NUM_TASKS + NUM_TASKS // 2):
        action = np.full(num_envs, ACTIONS[step % NUM_TASKS])
        observation, reward, *_ = env.step(action)
        observations.append(observation.copy())
        rewards.append(reward)
    env.close()
    return np.array(observations), np.array(rewards)


def make_native(**kwargs: Any) -> Any:
    arguments = {"num_tasks": NUM_TASKS, "observe_queues": True, **kwargs}
    return gym.make_vec(SPAWNED, num_envs=2, vectorization_mode="vector_entry_point", **arguments)


def test_spawned_environments_play_what_the_native_ones_do() -> None:
    env = gym.make_vec(
        SPAWNED,
        num_envs=2,
        vectorization_mode="async",
        vector_kwargs={"context": "spawn", "autoreset_mode": AutoresetMode.SAME_STEP},
        num_tasks=NUM_TASKS,
        observe_queues=True,
    )
    for found, expected in zip(rollout(env), rollout(make_native()), strict=True):
        assert np.array_equal(found, expected)


@pytest.mark.parametrize("mode", [AutoresetMode.SAME_STEP, AutoresetMode.NEXT_STEP])
def test_vector_statistics_are_those_of_the_episodes(mode: AutoresetMode) -> None:
    env = vector_wrappers.RecordEpisodeStatistics(make_native(autoreset_mode=mode))
    env.reset(seed=3)
    for action in ACTIONS:
        *_, info = env.step(np.full(2, action))
    assert info["episode"]["l"].tolist() == [NUM_TASKS] * 2
    assert info["episode"]["r"] == pytest.approx(-NUM_TASKS * info["final_info"]["objective"])
    assert len(env.return_queue) == 2


def test_vector_rewards_are_normalised() -> None:
    _, plain = rollout(make_native())
    _, normalised = rollout(vector_wrappers.NormalizeReward(make_native()))
    ratios = normalised / plain
    assert np.allclose(ratios, ratios[:, :1])  # one factor a step for all environments
    assert (ratios > 0).all()
    assert np.ptp(ratios) > 0


def test_vector_observations_are_normalised() -> None:
    # Gymnasium's wrapper does not take SAME_STEP.
    env = vector_wrappers.NormalizeObservation(make_native(autoreset_mode="NextStep"))
    env.reset(seed=0)
    seen = np.concatenate([env.step(env.action_space.sample())[0] for _ in range(400)])[400:]
    assert np.abs(seen.mean(axis=0)).max() < 0.3
    assert np.abs(seen.std(axis=0)[:3] - 1).max() < 0.3


def test_infos_as_a_list_are_the_infos_of_each() -> None:
    env = vector_wrappers.DictInfoToList(make_native())
    env.reset(seed=3)
    for action in ACTIONS:
        *_, infos = env.step(np.full(2, action))
    plain = make_native()
    plain.reset(seed=3)
    for action in ACTIONS:
        *_, info = plain.step(np.full(2, action))
    for found, objective in zip(infos, info["final_info"]["objective"], strict=True):
        assert found["final_info"]["objective"] == objective


# ------------------------------------------------------------------ Stable-Baselines3


@pytest.fixture
def subprocesses() -> Iterator[SubprocVecEnv]:
    env = make_vec_env(
        SPAWNED,
        n_envs=2,
        seed=3,
        env_kwargs={"num_tasks": NUM_TASKS},
        vec_env_cls=SubprocVecEnv,
        vec_env_kwargs={"start_method": "spawn"},
    )
    yield env
    env.close()


def test_spawned_vec_envs_play_what_those_at_hand_do(subprocesses: SubprocVecEnv) -> None:
    here = make_vec_env(
        SPAWNED, n_envs=2, seed=3, env_kwargs={"num_tasks": NUM_TASKS}, vec_env_cls=DummyVecEnv
    )
    assert np.array_equal(here.reset(), subprocesses.reset())
    for action in [*ACTIONS, *ACTIONS]:
        (seen, paid, over, infos), expected = (
            env.step(np.full(2, action)) for env in (subprocesses, here)
        )
        assert np.array_equal(seen, expected[0])
        assert np.array_equal(paid.astype(np.float32), expected[1])  # DummyVecEnv keeps float32
        assert over.tolist() == expected[2].tolist()
    assert [info["objective"] for info in infos] == [info["objective"] for info in expected[3]]
    assert infos[0]["episode"]["r"] == pytest.approx(-NUM_TASKS * infos[0]["objective"], rel=1e-5)


@pytest.mark.parametrize(
    "make_model",
    [
        partial(DQN, learning_starts=16, batch_size=16, train_freq=4),
        partial(PPO, n_steps=16, batch_size=16, n_epochs=1),
        partial(A2C, n_steps=8),
    ],
    ids=lambda make_model: make_model.func.__name__,
)
def test_a_plain_sb3_model_trains_evaluates_and_loads(
    make_model: Callable[..., BaseAlgorithm], tmp_path: Path
) -> None:
    envs = make_vec_env(SPAWNED, 2, env_kwargs={"num_tasks": NUM_TASKS})
    env = VecNormalize(VecFrameStack(VecCheckNan(envs, raise_exception=True), 2))
    model = make_model("MlpPolicy", env, policy_kwargs={"net_arch": [8]}, seed=0, device="cpu")
    model.learn(64)
    assert model.num_timesteps >= 64
    model.save(tmp_path / "model")
    loaded = type(model).load(tmp_path / "model", env=env, device="cpu")
    returns = []
    for trained in (model, loaded):
        env.seed(3)
        env.training = False
        episodes, lengths = evaluate_policy(
            trained, env, n_eval_episodes=4, return_episode_rewards=True
        )
        assert lengths == [NUM_TASKS] * 4
        returns.append(episodes)
    assert returns[0] == returns[1]


def test_the_best_model_of_a_callback_is_the_one_it_evaluated(tmp_path: Path) -> None:
    held_out = make_vec_env(SPAWNED, 1, seed=7, env_kwargs={"num_tasks": NUM_TASKS})
    callback = EvalCallback(
        held_out, best_model_save_path=str(tmp_path), eval_freq=40, n_eval_episodes=2, verbose=0
    )
    env = make_vec_env(SPAWNED, 2, env_kwargs={"num_tasks": NUM_TASKS})
    DQN("MlpPolicy", env, learning_starts=16, batch_size=16, device="cpu").learn(80, callback)
    held_out.seed(7)
    best = DQN.load(tmp_path / "best_model")
    mean, _ = evaluate_policy(best, held_out, n_eval_episodes=2)
    assert mean == pytest.approx(callback.best_mean_reward)


class Fallbacks(BaseCallback):
    """Counts the tasks that were asked onto a GPU they do not fit."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def _on_step(self) -> bool:
        self.count += sum(info["fallback"] for info in self.locals["infos"])
        return True


def test_maskable_ppo_finds_the_masks() -> None:
    tight = Cluster("tight", (CPU, SMALL_GPU))
    kwargs = {"cluster": tight, "num_tasks": NUM_TASKS}
    env = make_vec_env(SPAWNED, n_envs=2, seed=17, env_kwargs=kwargs)
    assert is_masking_supported(env)
    env.reset()
    memory_bytes = [tasks.memory_bytes[0] for tasks in env.env_method("episode_tasks")]
    fits = np.outer(memory_bytes, DEFAULT_GPU_FRACTIONS) <= SMALL_GPU.memory_bytes
    assert np.array_equal(get_action_masks(env), fits)
    counted = {}
    for algorithm in (MaskablePPO, PPO):
        model = algorithm("MlpPolicy", env, n_steps=64, batch_size=64, n_epochs=1, seed=0)
        callback = Fallbacks()
        model.learn(128, callback)
        counted[algorithm] = callback.count
    assert counted[MaskablePPO] == 0
    assert counted[PPO] > 0  # so there was something to mask
    model = MaskablePPO("MlpPolicy", env, n_steps=64, seed=0)
    _, lengths = evaluate_maskable(model, env, n_eval_episodes=2, return_episode_rewards=True)
    assert lengths == [NUM_TASKS] * 2


# ------------------------------------------------------------------ RL Baselines3 Zoo

HYPERPARAMETERS = """
HybridCluster-v0:
  n_envs: 2
  policy: MlpPolicy
  n_timesteps: 2000
  learning_starts: 200
  batch_size: 32
  policy_kwargs: dict(net_arch=[16])
"""


@pytest.mark.skipif(
    importlib.util.find_spec("rl_zoo3") is None, reason="rl_zoo3 is no dependency: too heavy"
)
def test_the_zoo_trains(tmp_path: Path) -> None:
    (tmp_path / "dqn.yml").write_text(HYPERPARAMETERS)
    command = (
        "-m rl_zoo3.train --algo dqn --env HybridCluster-v0 --gym-packages cpu_gpu_env -n 600 "
        "--env-kwargs num_tasks:20 --conf-file dqn.yml --log-folder logs --seed 1 --device cpu "
        "--eval-freq 200 --eval-episodes 2"
    )
    done = subprocess.run(
        [sys.executable, *command.split()],
        cwd=tmp_path,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    folder = tmp_path / "logs/dqn/HybridCluster-v0_1"
    evaluated = np.load(folder / "evaluations.npz")
    assert (evaluated["ep_lengths"] == 20).all()
    assert (folder / "best_model.zip").exists()
    env = make_vec_env(SPAWNED, 1, env_kwargs={"num_tasks": 20})
    mean, _ = evaluate_policy(DQN.load(folder / "HybridCluster-v0.zip"), env, n_eval_episodes=2)
    assert mean < 0
