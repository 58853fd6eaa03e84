"""Programs that know nothing of this package run on the environment as it is.

The checkers of Gymnasium and SB3 are in test_env.py, the schedulers' `predict` in SB3's
`evaluate_policy` is in test_baselines.py.
"""

import importlib
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
    """Observations and rewards of about two and a half episodes, all environments in step."""
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
        vector_kwargs={"context": "spawn"},
        num_tasks=NUM_TASKS,
        observe_queues=True,
    )
    for found, expected in zip(rollout(env), rollout(make_native()), strict=True):
        assert np.array_equal(found, expected)


@pytest.mark.parametrize("observe_queues", [False, True])
@pytest.mark.parametrize(
    "wrap",
    [
        vector_wrappers.RecordEpisodeStatistics,
        vector_wrappers.NormalizeObservation,
        partial(vector_wrappers.RescaleObservation, min_obs=np.float32(-1), max_obs=np.float32(1)),
        vector_wrappers.FlattenObservation,
        partial(vector_wrappers.ClipReward, min_reward=-1.0, max_reward=1.0),
        vector_wrappers.NormalizeReward,
    ],
    ids=lambda wrap: getattr(wrap, "func", wrap).__name__,
)
def test_a_vector_wrapper_changes_nothing_but_what_it_is_for(
    wrap: Callable[[Any], Any], observe_queues: bool
) -> None:
    plain = make_native(observe_queues=observe_queues)
    env = wrap(make_native(observe_queues=observe_queues, render_mode="rgb_array"))
    for each in (plain, env):
        each.reset(seed=3)
    for step in range(2 * NUM_TASKS + 2):
        actions = np.full(2, ACTIONS[step % NUM_TASKS])
        observations, *_, info = env.step(actions)
        *_, expected = plain.step(actions)
        assert observations.shape == env.observation_space.shape
        assert np.array_equal(info["objective"], expected["objective"])
        assert (info["objective"] > 0).all() == (step % (NUM_TASKS + 1) == NUM_TASKS - 1)
    env.close()


def test_a_vector_video_shows_all_sub_environments(tmp_path: Path) -> None:
    native = make_native(render_mode="rgb_array")
    folder = tmp_path / "videos"
    env = vector_wrappers.RecordVideo(native, str(folder), episode_trigger=lambda _: True)
    env.reset(seed=3)
    for step in range(NUM_TASKS + 1):
        env.step(np.full(2, ACTIONS[step % NUM_TASKS]))
    env.close()
    frames = imageio_ffmpeg.read_frames(str(min(folder.glob("*.mp4"))))
    width, height = next(frames)["size"]
    assert sum(1 for _ in frames) >= NUM_TASKS + 1
    single = native.render()[0]
    assert width * height >= 2 * single.shape[0] * single.shape[1]


@pytest.mark.parametrize("mode", list(AutoresetMode))
def test_sub_environments_are_drawn_as_single_ones(mode: AutoresetMode) -> None:
    kwargs: dict[str, Any] = {"render_mode": "rgb_array", "num_tasks": 3, "noise": 0.2}
    native = make_native(autoreset_mode=mode, **kwargs)
    vector_kwargs = {"autoreset_mode": mode}
    sync = gym.make_vec(
        SPAWNED, 2, "sync", vector_kwargs=vector_kwargs, observe_queues=True, **kwargs
    )
    for env in (native, sync):
        env.reset(seed=5)
    for step in range(9):
        if mode is AutoresetMode.DISABLED and step % 3 == 0:
            for env in (native, sync):
                env.reset(options={"reset_mask": np.array([True, True])})
        for env in (native, sync):
            env.step(np.array([step % 6, 3]))
        frames, expected = native.render(), sync.render()
        assert isinstance(frames, tuple)
        for frame, other in zip(frames, expected, strict=True):
            assert np.array_equal(frame, other)


@pytest.mark.parametrize("mode", [AutoresetMode.SAME_STEP, AutoresetMode.NEXT_STEP])
def test_vector_statistics_are_those_of_the_episodes(mode: AutoresetMode) -> None:
    env = vector_wrappers.RecordEpisodeStatistics(make_native(autoreset_mode=mode))
    env.reset(seed=3)
    for action in ACTIONS:
        *_, info = env.step(np.full(2, action))
    assert info["episode"]["l"].tolist() == [NUM_TASKS] * 2
    results = info["final_info"] if mode is AutoresetMode.SAME_STEP else info
    assert info["episode"]["r"] == pytest.approx(-NUM_TASKS * results["objective"])
    assert len(env.return_queue) == 2


def test_vector_rewards_are_normalised() -> None:
    same = {"autoreset_mode": AutoresetMode.SAME_STEP}
    _, plain = rollout(make_native(**same))
    _, normalised = rollout(vector_wrappers.NormalizeReward(make_native(**same)))
    ratios = normalised / plain
    assert np.allclose(ratios, ratios[:, :1])  # one factor a step for all environments
    assert (ratios > 0).all()
    assert np.ptp(ratios) > 0


def test_vector_observations_are_normalised() -> None:
    env = vector_wrappers.NormalizeObservation(make_native())
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
    for found, objective in zip(infos, info["objective"], strict=True):
        assert found["objective"] == objective
        assert found["action_mask"].shape == (6,)
    assert len(infos) == 2


# ------------------------------------------------------------------ Tensors of other libraries


@pytest.mark.parametrize("vectorization_mode", [None, "vector_entry_point", "sync"])
@pytest.mark.parametrize("library", ["torch", "jax.numpy"])
def test_an_array_conversion_converts_everything(
    library: str, vectorization_mode: str | None
) -> None:
    pytest.importorskip("array_api_compat", reason="Gymnasium's conversions need it")
    pytest.importorskip(library.split(".")[0], reason="not installed")
    target = importlib.import_module(library)
    kwargs: dict[str, Any] = {"num_tasks": NUM_TASKS}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        if vectorization_mode is None:
            env: Any = wrappers.ArrayConversion(gym.make(SPAWNED, **kwargs), np, target)
            plain: Any = gym.make(SPAWNED, **kwargs)
            action: Any = 2
        else:
            env, plain = (gym.make_vec(SPAWNED, 2, vectorization_mode, **kwargs) for _ in "12")
            env = vector_wrappers.ArrayConversion(env, np, target)
            action = np.array([2, 3])
        results = [(env.reset(seed=3), plain.reset(seed=3))]
        converted = target.asarray(action) if vectorization_mode else action
        results += [(env.step(converted), plain.step(action)) for _ in range(NUM_TASKS)]
    for (observation, *_, info), (expected, *_, numbers) in results:
        assert type(observation).__module__.split(".")[0] != "numpy"
        assert np.array_equal(np.asarray(observation), expected)
        assert info.keys() == numbers.keys()
        for key, value in numbers.items():
            assert np.allclose(np.asarray(info[key]), value, rtol=1e-6)


@pytest.mark.parametrize("observe_queues", [False, True])
def test_jax_takes_the_memory_as_it_is(observe_queues: bool) -> None:
    jax = pytest.importorskip("jax", reason="JAX is not installed")
    env = make_native(observe_queues=observe_queues)
    observation, info = env.reset(seed=0)
    for _ in range(NUM_TASKS + 1):
        for array in (observation, info["action_mask"]):
            taken = jax.numpy.from_dlpack(array)
            assert np.array_equal(np.asarray(taken), array)
        observation, *_, info = env.step(np.array([1, 4]))


# ------------------------------------------------------------------ RLlib, TorchRL, Minari


def run(program: str, folder: Path) -> str:
    """Run a program of its own, since these libraries change settings of the whole process."""
    path = folder / "program.py"
    path.write_text(program)
    done = subprocess.run(
        [sys.executable, str(path)],
        cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": "1", "MINARI_DATASETS_PATH": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def needs(module: str, why: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(importlib.util.find_spec(module) is None, reason=why)


RLLIB = """
import gymnasium as gym
from ray.rllib.algorithms.ppo import PPOConfig
from ray.rllib.env.single_agent_env_runner import SingleAgentEnvRunner

config = PPOConfig().environment("cpu_gpu_env:HybridCluster-v0", env_config={"num_tasks": 20})
config.env_runners(
    num_env_runners=0,
    num_envs_per_env_runner=2,
    gym_env_vectorize_mode=gym.VectorizeMode.VECTOR_ENTRY_POINT,
)
runner = SingleAgentEnvRunner(config=config)
for episode in runner.sample(num_episodes=6, random_actions=True):
    print(len(episode), sum(episode.get_rewards()), episode.get_infos(-1)["objective"])
"""


@needs("ray", "ray[rllib] wants another gymnasium: test it in an environment of its own")
def test_rllib_gets_whole_episodes_of_the_native_environment(tmp_path: Path) -> None:
    lines = [line.split() for line in run(RLLIB, tmp_path).splitlines()[-6:]]
    assert [int(length) for length, *_ in lines] == [20] * 6
    for _, returned, objective in lines:
        assert float(returned) == pytest.approx(-20 * float(objective), rel=1e-5)


TORCHRL = """
import multiprocessing

multiprocessing.set_start_method("fork")  # TorchRL spawns otherwise, which takes long

import gymnasium as gym
import numpy as np
from torchrl.envs import GymEnv

if __name__ == "__main__":
    env = GymEnv("cpu_gpu_env:HybridCluster-v0", num_envs=2, num_tasks=8)
    env.set_seed(0)
    played = env.rollout(24, break_when_any_done=False)
    env.close()
    ends = played["next", "done"].squeeze(-1).nonzero()
    print(ends.tolist())
    same = {"autoreset_mode": gym.vector.AutoresetMode.SAME_STEP}
    plain = gym.make_vec("HybridCluster-v0", num_envs=2, num_tasks=8, **same)
    plain.reset(seed=0)
    plain.reset()  # as set_seed and rollout do
    expected = [plain.step(a)[1] for a in played["action"].argmax(-1).T.numpy()]
    print(np.allclose(played["next", "reward"].squeeze(-1).T, expected))
"""


@needs("torchrl", "TorchRL is not installed")
def test_torchrl_takes_two_environments(tmp_path: Path) -> None:
    ends, agree = run(TORCHRL, tmp_path).splitlines()[-2:]
    assert ends == str([[env, step] for env in range(2) for step in (7, 15, 23)])
    assert agree == "True"


MINARI = """
import gymnasium as gym
import minari

env = minari.DataCollector(gym.make("cpu_gpu_env:HybridCluster-v0", num_tasks=8), record_infos=True)
for seed in range(3):
    env.reset(seed=seed)
    over = False
    while not over:
        *_, over, _, _ = env.step(env.action_space.sample())
dataset = env.create_dataset("hybrid/random-v0", code_permalink="-", author="-", author_email="-")
for episode in dataset.iterate_episodes():
    infos = episode.infos
    print(len(episode), episode.rewards.sum(), infos["objective"][-1], *infos["task"].shape)
"""


@needs("minari", "Minari is not installed")
def test_minari_records_infos(tmp_path: Path) -> None:
    lines = [line.split() for line in run(MINARI, tmp_path).splitlines()[-3:]]
    for length, returned, objective, *shape in lines:
        assert (length, *shape) == ("8", "9", "4")
        assert float(returned) == pytest.approx(-8 * float(objective))


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


@needs("rl_zoo3", "rl_zoo3 is no dependency: too heavy")
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
