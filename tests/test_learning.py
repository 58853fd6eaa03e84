"""What agents learn from: features, reward, replay, mixtures, and going on after a kill."""

import json
import os
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from cpu_gpu_env import HybridClusterError, HybridClusterVectorEnv, Tasks, Workload
from cpu_gpu_env.agents.algorithms import DQNSettings, acting_weights, make_algorithm
from cpu_gpu_env.agents.checkpoint import restore_checkpoint, save_checkpoint
from cpu_gpu_env.agents.features import LOG_TIME, AgentFeatures, num_features
from cpu_gpu_env.agents.learning_env import ImaginedTasks, LearningVecEnv
from cpu_gpu_env.agents.training import TrainingPlan, make_training_env, train
from cpu_gpu_env.baselines.online import QueuePrice, StaticPrice
from cpu_gpu_env.costs import execution_time_s
from cpu_gpu_env.problem import make_problem
from cpu_gpu_env.workload import feature_ranges

SMALL = DQNSettings(learning_starts=64, batch_size=16, gradient_steps=1, buffer_size=400)


def small_plan(folder: Path, **changes: object) -> TrainingPlan:
    arguments: dict = {
        "steps": 400,
        "num_envs": 4,
        "evaluations": 4,
        "validation_episodes": 2,
        "net_arch": (8,),
        "observe_queues": True,
        "problems": ({"num_tasks": 10},),
        "settings": SMALL,
    }
    return TrainingPlan(folder, **{**arguments, **changes})


def as_trace(num_tasks: int) -> Workload:
    """Tasks in the order in which they come, so that nothing is left to imagine."""
    rng = np.random.default_rng(5)
    tasks = Tasks(
        np.sort(rng.random(num_tasks)),
        np.exp(rng.normal(26, 1.4, num_tasks)),
        np.exp(rng.normal(2, 1.5, num_tasks)),
        np.exp(rng.normal(20, 1, num_tasks)),
    )
    return Workload("trace", tasks, *feature_ranges(tasks), in_order=True)


def test_the_rewards_of_an_episode_sum_to_its_objective() -> None:
    venv = HybridClusterVectorEnv(
        3, workload=as_trace(60), num_tasks=20, load=1.2, observe_queues=True
    )
    env = LearningVecEnv(venv)
    env.seed(1)
    env.reset()
    look_ahead, static = QueuePrice(venv), StaticPrice(venv)
    mean_price = look_ahead.task_prices().mean()
    expected_at_first = look_ahead.scores(venv.scheduling_state()).min(axis=1)
    rng = np.random.default_rng(0)
    total, surprise = np.zeros(3), np.zeros(3)
    for step in range(20):
        if step:
            price = static.scores(venv.scheduling_state()).min(axis=1)
            surprise += price - mean_price
        _, rewards, dones, infos = env.step(rng.integers(0, 6, 3))
        total += rewards
    assert dones.all()
    cost = 20 * np.array([info["objective"] for info in infos])
    assert total == pytest.approx(expected_at_first + surprise - cost, rel=1e-9)


def test_imagined_tasks_stand_for_the_workload() -> None:
    problem = make_problem()
    price = QueuePrice(HybridClusterVectorEnv(1)).task_prices()
    means, gaps_s = [], []
    for seed in range(40):
        imagined = ImaginedTasks(problem, price, np.random.default_rng(seed))
        assert imagined.weights.sum() == pytest.approx(1)
        means.append(imagined.weights @ price[imagined.rows])
        gaps_s.append(imagined.gaps_s.mean())
    assert np.mean(means) == pytest.approx(price.mean(), rel=0.02)
    assert np.std(means) < 0.1 * price.mean()
    assert np.mean(gaps_s) == pytest.approx(problem.mean_gap_s, rel=0.05)


@pytest.mark.parametrize("cluster", ["a100-node", "mixed-node"])
def test_features_are_times_by_the_cost_model(cluster: str) -> None:
    venv = HybridClusterVectorEnv(50, cluster=cluster, observe_queues=True)
    problem = venv.problem
    features = AgentFeatures(problem, observe_queues=True, context=True)
    observation, _ = venv.reset(seed=3)
    for _ in range(30):
        observation, *_ = venv.step(np.full(50, 3))
    seen = features(observation)
    assert seen.shape == (50, num_features(6, True, True))
    assert np.isfinite(seen).all()
    state = venv.scheduling_state()
    tasks = problem.workload.pool.take(venv._stream.row, np.zeros(50))
    unit_s = problem.objective.reference.makespan_s
    alone_s = np.mean([execution_time_s(cpu, 1.0, tasks) for cpu in problem.cluster.cpus], axis=0)
    assert np.exp(2 * seen[:, 1]) == pytest.approx(alone_s / unit_s, rel=1e-3)
    assert (seen[:, LOG_TIME] <= seen[:, 1] + 1e-5).all()
    waits = np.clip((state.cpu_free_s - state.arrival_s[:, None]) / unit_s, 0, 200)
    assert np.expm1(seen[:, 13]) == pytest.approx(waits[:, 0], rel=1e-3, abs=1e-3)


def test_replay_is_in_units_of_the_task(tmp_path: Path) -> None:
    plan = small_plan(tmp_path, num_envs=1)  # with one environment the buffer has no choice
    model = make_algorithm("dqn", make_training_env(plan), (8,), seed=0, settings=SMALL)
    model.learn(200)
    buffer, index = model.replay_buffer, np.arange(20)
    samples = buffer._get_samples(index)
    unit = np.exp(buffer.observations[index, 0, LOG_TIME])
    following = np.exp(buffer.next_observations[index, 0, LOG_TIME])
    rewards = buffer.rewards[index, 0] / unit
    assert samples.rewards[:, 0].numpy() == pytest.approx(rewards, rel=1e-4)
    assert samples.discounts[:, 0].numpy() == pytest.approx(0.5 * following / unit, rel=1e-4)


def test_the_average_of_the_networks_acts(tmp_path: Path) -> None:
    model = make_algorithm(
        "dqn", make_training_env(small_plan(tmp_path)), (8,), seed=0, settings=SMALL
    )
    model.learn(200)
    weights = acting_weights(model)
    for name, target in model.q_net_target.state_dict().items():
        assert torch.equal(weights[f"q_net.{name}"], target)
        assert not torch.equal(target, model.q_net.state_dict()[name])


def test_a_mixture_steps_its_parts(tmp_path: Path) -> None:
    problems = ({"num_tasks": 5, "load": 1.0}, {"num_tasks": 7, "cluster": "laptop-4090"})
    plan = small_plan(tmp_path, num_envs=5, problems=problems)
    env, alone = make_training_env(plan), make_training_env(plan)
    env.seed(3)
    alone.seed(3)
    observations = env.reset()
    parts = [part.reset() for part in alone.parts]
    assert [len(part) for part in parts] == [3, 2]
    assert np.array_equal(observations, np.concatenate(parts))
    assert (observations[:3, -7:] != observations[3:4, -7:]).any()  # told which it is in
    actions = np.array([0, 1, 2, 3, 4])
    together = env.step(actions)
    apart = [alone.parts[0].step(actions[:3]), alone.parts[1].step(actions[3:])]
    for index in range(3):
        assert np.array_equal(together[index], np.concatenate([part[index] for part in apart]))


def test_a_checkpoint_holds_everything(tmp_path: Path) -> None:
    plan = small_plan(tmp_path)
    models = [
        make_algorithm("dqn", make_training_env(plan), (8,), seed=seed, settings=SMALL)
        for seed in (0, 1)
    ]
    models[0].learn(300)
    path = tmp_path / "checkpoint.zip"
    save_checkpoint(models[0], {"x": 1}, path)
    restore_checkpoint(models[1], path)
    for name, tensor in models[0].policy.state_dict().items():
        assert torch.equal(tensor, models[1].policy.state_dict()[name])
    assert models[1].num_timesteps == models[0].num_timesteps
    before, after = (model.replay_buffer for model in models)
    assert (before.pos, before.full) == (after.pos, after.full)
    assert np.array_equal(before.observations, after.observations)
    moments = [model.policy.optimizer.state_dict()["state"][0] for model in models]
    assert torch.equal(moments[0]["exp_avg"], moments[1]["exp_avg"])


def test_a_checkpoint_of_another_training_or_none_is_told(tmp_path: Path) -> None:
    with pytest.raises(HybridClusterError, match="nothing to resume"):
        train(small_plan(tmp_path), resume=True)
    train(small_plan(tmp_path))
    with pytest.raises(HybridClusterError, match="differing: seed"):
        train(small_plan(tmp_path, seed=1), resume=True)
    (tmp_path / "checkpoint.zip").write_bytes(b"nonsense")
    with pytest.raises(HybridClusterError, match="not a checkpoint"):
        train(small_plan(tmp_path), resume=True)


def test_a_killed_training_goes_on(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "cpu_gpu_env.scripts.train", "--num-tasks", "10"]
    command += ["--steps", "60000", "--num-envs", "16", "--output", str(tmp_path)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    running = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
    checkpoint = tmp_path / "checkpoint.zip"
    deadline = time.monotonic() + 120
    while not checkpoint.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    running.send_signal(signal.SIGKILL)
    running.wait()
    with zipfile.ZipFile(checkpoint) as archive:  # whole, whenever the kill came
        assert archive.testzip() is None
        done = json.loads(archive.read("state.json"))["counters"]["num_timesteps"]
    assert 0 < done < 60_000
    plan_steps = str(done + 200)
    command[command.index("60000")] = plan_steps
    finished = subprocess.run(
        [*command, "--resume"], env=environment, capture_output=True, text=True, check=False
    )
    assert finished.returncode == 0, finished.stderr
    settings = json.loads(zipfile.ZipFile(tmp_path / "last.zip").read("settings.json"))
    assert settings["trained_steps"] >= done + 200
