"""Learning agents: the VecEnv, and a short honest training."""

from pathlib import Path

import numpy as np
import pytest
from gymnasium.vector import AutoresetMode
from judge import Judge
from small_training import small_plan
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.monitor import Monitor

from cpu_gpu_env import HybridClusterEnv, HybridClusterError, HybridClusterVectorEnv
from cpu_gpu_env.agents.agent import AgentSettings
from cpu_gpu_env.agents.algorithms import make_algorithm
from cpu_gpu_env.agents.saving import load_agent, save_agent
from cpu_gpu_env.agents.sb3_vec_env import HybridClusterVecEnv
from cpu_gpu_env.agents.training import TrainingPlan, make_training_env, train
from cpu_gpu_env.baselines import make_scheduler
from cpu_gpu_env.baselines.evaluation.play import evaluation_seeds, play_episodes
from cpu_gpu_env.problem.problem import DEFAULT_GPU_FRACTIONS

SETTINGS = AgentSettings("dqn", (8,), 6, False, DEFAULT_GPU_FRACTIONS)


def test_the_vec_env_reports_episodes_as_sb3_wants() -> None:
    venv = HybridClusterVectorEnv(3, num_tasks=4)
    assert venv.metadata["autoreset_mode"] is AutoresetMode.NEXT_STEP
    env = HybridClusterVecEnv(venv)
    assert venv.metadata["autoreset_mode"] is venv.autoreset_mode is AutoresetMode.SAME_STEP
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


@pytest.mark.slow
def test_a_short_training_beats_greedy_and_earliest_finish(tmp_path: Path) -> None:
    plan = TrainingPlan(
        tmp_path, steps=40_000, evaluations=4, validation_episodes=20, observe_queues=True
    )
    agent = load_agent(train(plan).best)
    seeds = evaluation_seeds(30)
    learned = play_episodes(agent.act_in, seeds, observe_queues=True).objective.mean()
    for name in ("greedy", "earliest-finish"):
        rival = play_episodes(lambda env, n=name: make_scheduler(n, env), seeds)
        assert learned < rival.objective.mean()
    assert not list(tmp_path.rglob(".*"))  # no half-written file


@pytest.mark.parametrize("algo", ["ppo", "a2c", "qrdqn", "maskable-ppo"])
def test_other_algorithms_train_and_load(algo: str, tmp_path: Path) -> None:
    problems = ({"num_tasks": 5},)
    plan = small_plan(tmp_path, algo=algo, steps=200, num_envs=2, evaluations=1, problems=problems)
    agent = load_agent(train(plan).last)
    assert agent.settings.observe_queues
    env, twin = (HybridClusterEnv(num_tasks=5, observe_queues=True) for _ in range(2))
    observation, _ = env.reset(seed=0)
    twin.reset(seed=0)
    action, _ = agent.act_in(env).predict(observation)
    assert action.shape == ()
    mean, _ = evaluate_policy(agent.act_in(env), Monitor(env), n_eval_episodes=2)
    returns = []
    for _ in range(2):
        observation, actions = twin.reset()[0], []
        for _ in range(5):
            actions.append(int(agent.act_in(twin).predict(observation)[0]))
            observation, *_ = twin.step(actions[-1])
        returns.append(-5 * Judge.of(twin).play(actions).objective)
    assert mean == pytest.approx(np.mean(returns), rel=1e-6)


def test_a_saved_agent_acts_the_same(tmp_path: Path) -> None:
    plan = TrainingPlan(tmp_path, num_envs=4, problems=({"num_tasks": 5},))
    env = make_training_env(plan)
    model = make_algorithm("dqn", env, (8,), seed=3)
    save_agent(model.policy, SETTINGS, tmp_path / "agent.zip")
    features = env.reset()
    expected, _ = model.predict(features, deterministic=True)
    raw = HybridClusterVectorEnv(4, num_tasks=5)
    observation, _ = raw.reset(seed=[((3 + 1) << 32) + i for i in range(4)])
    agent = load_agent(tmp_path / "agent.zip").act_in(raw)
    assert np.array_equal(agent.predict(observation)[0], expected)


def test_an_unknown_algorithm_is_told() -> None:
    env = HybridClusterVecEnv(HybridClusterVectorEnv(2, num_tasks=5))
    with pytest.raises(HybridClusterError, match="Did you mean 'dqn'"):
        make_algorithm("dqm", env)
