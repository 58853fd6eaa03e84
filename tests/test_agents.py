"""Learning agents: the VecEnv, the files, and a short honest training."""

import json
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from stable_baselines3.common.evaluation import evaluate_policy

from cpu_gpu_env import HybridClusterError, HybridClusterVectorEnv
from cpu_gpu_env.agents.algorithms import make_algorithm
from cpu_gpu_env.agents.files import load_agent, save_agent
from cpu_gpu_env.agents.sb3_vec_env import HybridClusterVecEnv
from cpu_gpu_env.agents.training import TrainingPlan, train
from cpu_gpu_env.baselines import make_scheduler
from cpu_gpu_env.baselines.evaluation import evaluation_seeds, play_episodes

SETTINGS = {
    "algo": "dqn",
    "net_arch": [8],
    "observe_queues": False,
    "gpu_fractions": [0.0, 0.2, 0.4, 0.6, 0.8, 1.0],
}


@pytest.fixture
def agent_file(tmp_path: Path) -> Path:
    env = HybridClusterVecEnv(HybridClusterVectorEnv(2, num_tasks=5))
    save_agent(make_algorithm("dqn", env, (8,), seed=0).policy, SETTINGS, tmp_path / "a.zip")
    return tmp_path / "a.zip"


def test_the_vec_env_reports_episodes_as_sb3_wants() -> None:
    venv = HybridClusterVectorEnv(3, num_tasks=4)
    env = HybridClusterVecEnv(venv)
    env.seed(5)
    observation = env.reset()
    assert np.array_equal(observation, HybridClusterVectorEnv(3, num_tasks=4).reset(seed=5)[0])
    total = np.zeros(3)
    for step in range(4):
        observation, rewards, dones, infos = env.step(np.array([0, 3, 5]))
        total += rewards
        assert dones.all() == (step == 3)
    for i, info in enumerate(infos):
        assert info["episode"]["r"] == pytest.approx(total[i])
        assert info["episode"]["l"] == 4
        assert info["TimeLimit.truncated"] is False
        assert not info["terminal_observation"].any()
        assert total[i] == pytest.approx(-4 * info["objective"])
    assert observation.any()
    assert len(env.env_method("action_masks")) == 3


def test_truncation_keeps_the_terminal_observation() -> None:
    env = HybridClusterVecEnv(HybridClusterVectorEnv(2, num_tasks=9, max_episode_steps=2))
    env.reset()
    env.step(np.zeros(2, dtype=np.int64))
    _, _, dones, infos = env.step(np.zeros(2, dtype=np.int64))
    assert dones.all()
    assert infos[0]["TimeLimit.truncated"] is True
    assert infos[0]["terminal_observation"].any()


def test_a_short_training_beats_greedy_and_earliest_finish(tmp_path: Path) -> None:
    result = train(TrainingPlan(tmp_path, steps=12_000, evaluations=4, validation_episodes=10))
    policy, settings = load_agent(result.best)
    assert settings.made_by["cluster"] == "a100-node"
    seeds = evaluation_seeds(30)
    learned = play_episodes(lambda env: policy, seeds).objective.mean()
    for name in ("greedy", "earliest-finish"):
        rival = play_episodes(lambda env, n=name: make_scheduler(n, env), seeds)
        assert learned < rival.objective.mean()
    assert len(list((tmp_path / "checkpoints").glob("*.zip"))) == 4
    assert not list(tmp_path.rglob(".*"))  # no half-written file


@pytest.mark.parametrize("algo", ["ppo", "a2c"])
def test_other_algorithms_train_and_load(algo: str, tmp_path: Path) -> None:
    plan = TrainingPlan(
        tmp_path,
        algo=algo,
        steps=64,
        evaluations=1,
        validation_episodes=2,
        net_arch=(8,),
        env_kwargs={"num_tasks": 5, "observe_queues": True},
    )
    policy, settings = load_agent(train(plan).last)
    assert settings.observe_queues
    assert policy.predict(np.zeros((2, 9), dtype=np.float32))[0].shape == (2,)


def test_a_saved_agent_acts_the_same(tmp_path: Path) -> None:
    env = HybridClusterVecEnv(HybridClusterVectorEnv(4, num_tasks=5))
    model = make_algorithm("dqn", env, (8,), seed=3)
    save_agent(model.policy, SETTINGS, tmp_path / "agent.zip")
    policy, _ = load_agent(tmp_path / "agent.zip")
    observation = np.random.default_rng(0).random((100, 3), dtype=np.float32)
    expected, _ = model.predict(observation, deterministic=True)
    assert np.array_equal(policy.predict(observation, deterministic=True)[0], expected)
    assert len(evaluate_policy(policy, env, n_eval_episodes=2, warn=False)) == 2


class Bomb:
    def __reduce__(self) -> tuple:
        return (Path.touch, (Path("/tmp/hybridcluster-bomb"),))


def test_a_malicious_agent_runs_no_code(agent_file: Path) -> None:
    bomb = Path("/tmp/hybridcluster-bomb")
    bomb.unlink(missing_ok=True)
    header = json.loads(zipfile.ZipFile(agent_file).read("settings.json"))
    for weights in (pickle.dumps(Bomb()), b"", torch_bytes(agent_file, {"x": Bomb()})):
        with zipfile.ZipFile(agent_file, "w") as archive:
            archive.writestr("settings.json", json.dumps(header))
            archive.writestr("weights.pt", weights)
        with pytest.raises(HybridClusterError, match="not a usable agent"):
            load_agent(agent_file)
    assert not bomb.exists()


def torch_bytes(beside: Path, content: object) -> bytes:
    torch.save(content, beside.with_suffix(".pt"))
    return beside.with_suffix(".pt").read_bytes()


def test_damaged_agents_are_told(agent_file: Path, tmp_path: Path) -> None:
    whole = agent_file.read_bytes()
    agent_file.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(HybridClusterError, match="not an agent file"):
        load_agent(agent_file)
    with pytest.raises(HybridClusterError, match="cannot read the agent"):
        load_agent(tmp_path / "missing.zip")


def test_an_unknown_algorithm_is_told() -> None:
    env = HybridClusterVecEnv(HybridClusterVectorEnv(2, num_tasks=5))
    with pytest.raises(HybridClusterError, match="Did you mean 'dqn'"):
        make_algorithm("dqm", env)
