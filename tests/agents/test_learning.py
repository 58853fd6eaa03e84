"""What agents learn from: features, reward, replay, mixtures, and going on after a kill."""

import io
import json
import os
import pickle
import signal
import subprocess
import sys
import time
import zipfile
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from gymnasium import spaces
from safetensors.torch import save as save_tensors
from small_training import SMALL, small_plan
from stable_baselines3 import DQN
from stable_baselines3.common.base_class import BaseAlgorithm

from cpu_gpu_env import HybridClusterError, HybridClusterVectorEnv, Tasks, Workload
from cpu_gpu_env.agents.action_dqn import ActionDQN, ActionDQNPolicy
from cpu_gpu_env.agents.algorithms import ALGORITHMS, acting_weights, build_policy, make_algorithm
from cpu_gpu_env.agents.checkpoint import restore_checkpoint, save_checkpoint
from cpu_gpu_env.agents.features import (
    COST_UNIT,
    AgentFeatures,
    action_size,
    feature_space,
    num_features,
)
from cpu_gpu_env.agents.saving import load_agent, save_agent
from cpu_gpu_env.agents.training import make_training_env, train, validation_seeds
from cpu_gpu_env.agents.training_env import ImaginedTasks, LearningVecEnv
from cpu_gpu_env.baselines.evaluation.play import EpisodeResults, play_episodes
from cpu_gpu_env.baselines.schedulers.heuristics import QueuePrice, StaticPrice
from cpu_gpu_env.baselines.schedulers.look_ahead import FluidLookAhead
from cpu_gpu_env.model.costs import execution_time_s
from cpu_gpu_env.model.workload import feature_ranges
from cpu_gpu_env.problem.problem import make_problem


def npy_bytes(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def as_trace(num_tasks: int, median_memory_bytes: float = 0.5e9) -> Workload:
    """Tasks in the order in which they come, so that nothing is left to imagine."""
    rng = np.random.default_rng(5)
    tasks = Tasks(
        np.sort(rng.random(num_tasks)),
        np.exp(rng.normal(26, 1.4, num_tasks)),
        np.exp(rng.normal(2, 1.5, num_tasks)),
        median_memory_bytes * np.exp(rng.normal(0, 1, num_tasks)),
    )
    return Workload("trace", tasks, *feature_ranges(tasks), in_order=True)


@pytest.mark.parametrize("cluster", ["a100-node", "mixed-node"])
@pytest.mark.parametrize("median_memory_bytes", [0.5e9, 20e9])
@pytest.mark.parametrize("energy_weight", [0.0, 0.5, 1.0])
def test_the_rewards_of_an_episode_sum_to_its_objective(
    cluster: str, median_memory_bytes: float, energy_weight: float
) -> None:
    venv = HybridClusterVectorEnv(
        3,
        cluster,
        as_trace(60, median_memory_bytes),
        num_tasks=20,
        energy_weight=energy_weight,
        load=1.2,
        observe_queues=True,
    )
    assert venv.problem.costs.all_feasible == (median_memory_bytes < 1e9)
    env = LearningVecEnv(venv)
    env.seed(1)
    env.reset()
    look_ahead, static = FluidLookAhead(venv.problem), StaticPrice(venv)
    mean_price = look_ahead.task_prices().mean()
    expected_at_first = look_ahead.costs(venv.scheduling_state()).min(axis=1)
    rng = np.random.default_rng(0)
    total, surprise = np.zeros(3), np.zeros(3)
    for step in range(20):
        if step:
            price = static.scores(venv.scheduling_state()).min(axis=1)
            surprise += price - mean_price
        _, rewards, dones, infos = env.step(rng.integers(0, 6, 3))
        total += rewards * COST_UNIT
    assert dones.all()
    cost = 20 * np.array([info["objective"] for info in infos])
    assert total == pytest.approx(expected_at_first + surprise - cost, rel=1e-9)


@pytest.mark.parametrize("device", ["cuda:99", "meta", "nonsense", ""])
def test_a_device_that_torch_cannot_train_on_is_refused(device: str, tmp_path: Path) -> None:
    with pytest.raises(HybridClusterError, match=f"device '{device}' cannot be used: .* 'cpu'"):
        small_plan(tmp_path, device=device)


def test_a_training_may_go_on_on_another_device(tmp_path: Path) -> None:
    one, other = (small_plan(tmp_path, device=device) for device in ("cpu", "cpu:0"))
    assert one.describe() == other.describe()
    train(other)
    resumed = train(replace(one, steps=800), resume=True)
    assert resumed.last.exists()


def test_imagined_tasks_stand_for_the_workload() -> None:
    problem = make_problem()
    price = FluidLookAhead(problem).task_prices()
    means, interarrivals_s = [], []
    for seed in range(40):
        imagined = ImaginedTasks(problem, price, np.random.default_rng(seed))
        assert imagined.weights.sum() == pytest.approx(1)
        means.append(imagined.weights @ price[imagined.rows])
        interarrivals_s.append(imagined.interarrivals_s.mean())
    assert np.mean(means) == pytest.approx(price.mean(), rel=0.02)
    assert np.std(means) < 0.1 * price.mean()
    assert np.mean(interarrivals_s) == pytest.approx(problem.mean_interarrival_s, rel=0.05)


@pytest.mark.parametrize("cluster", ["a100-node", "epyc-7763:3 + a100-80gb:6"])
def test_features_show_the_queues_as_each_action_leaves_them(cluster: str) -> None:
    venv = HybridClusterVectorEnv(50, cluster=cluster, observe_queues=True)
    features = AgentFeatures(venv.problem, observe_queues=True, context=True)
    observation, _ = venv.reset(seed=3)
    rng = np.random.default_rng(0)
    for _ in range(30):
        observation, *_ = venv.step(np.full(50, 5))
    before = venv.scheduling_state()
    actions = rng.integers(0, 6, 50)
    seen = features(observation)
    assert seen.shape == (50, num_features(6, True, True))
    assert np.isfinite(seen).all()
    whole = observation[:, 3:-1].max(axis=1) < 1  # no queue is longer than can be shown
    assert whole.sum() > 30
    costs = QueuePrice(venv).scores(before)
    loss = (costs - costs.min(axis=1, keepdims=True)) / COST_UNIT
    assert seen[whole, :6] == pytest.approx(loss[whole], rel=1e-3, abs=1e-5)
    size = action_size(6, True, True)
    after = seen[:, 6:].reshape(50, 6, size)[np.arange(50), actions]
    venv.step(actions)
    state = venv.scheduling_state()
    unit_s = venv.problem.objective.reference.makespan_s
    for first, free_s in ((0, state.cpus.free_s), (4, state.gpus.free_s)):
        wait = np.maximum(free_s - before.arrival_s[:, None], 0.0) / unit_s
        ends = np.expm1(after[:, [first, first + 3]])
        assert ends[whole] == pytest.approx(wait[whole][:, [0, -1]], rel=1e-3, abs=1e-3)
    assert 1 / after[:, 13] - 1 == pytest.approx(state.tasks_left, rel=1e-3)


@pytest.mark.parametrize("cluster", ["a100-node", "mixed-node"])
def test_features_without_queues_are_times_by_the_cost_model(cluster: str) -> None:
    venv = HybridClusterVectorEnv(50, cluster=cluster)
    problem = venv.problem
    observation, _ = venv.reset(seed=3)
    seen = AgentFeatures(problem, observe_queues=False)(observation)
    tasks = problem.workload.pool.take(venv._stream.row, np.zeros(50))
    unit_s = problem.objective.reference.makespan_s
    alone_s = np.mean([execution_time_s(cpu, 1.0, tasks) for cpu in problem.cluster.cpus], axis=0)
    on_cpu = seen[:, 6:].reshape(50, 6, -1)[:, 0]
    assert np.exp(2 * on_cpu[:, 0]) == pytest.approx(alone_s / unit_s, rel=1e-3)
    assert (on_cpu[:, 2] <= on_cpu[:, 0] + 1e-5).all()  # the shortest of all
    if cluster == "a100-node":
        costs = StaticPrice(venv).scores(venv.scheduling_state())
        loss = (costs - costs.min(axis=1, keepdims=True)) / COST_UNIT
        assert seen[:, :6] == pytest.approx(loss, rel=1e-3, abs=1e-5)


def test_time_that_costs_nothing_is_no_trouble() -> None:
    cluster = make_problem().cluster
    devices = tuple(replace(device, idle_power_w=0.0) for device in cluster.devices)
    free = replace(cluster, devices=devices)
    venv = HybridClusterVectorEnv(4, cluster=free, energy_weight=1.0, observe_queues=True)
    env = LearningVecEnv(venv, context=True)
    assert np.isfinite(env.reset()).all()
    for _ in range(30):
        actions = QueuePrice(venv).predict(np.zeros((4, 9), dtype=np.float32))[0]
        assert np.array_equal(actions, venv.scheduling_state().energy_j.argmin(axis=1))
        features, rewards, _, _ = env.step(actions)
        assert np.isfinite(features).all()
        assert rewards == pytest.approx(0, abs=1e-9)  # the least energy is all there is to gain


def test_an_untrained_agent_is_about_what_its_look_ahead_says(tmp_path: Path) -> None:
    plan = small_plan(tmp_path, problems=({"num_tasks": 30},))
    env = make_training_env(plan)
    model = make_algorithm("dqn", env, (8,), seed=0, settings=SMALL)
    features = env.reset()
    chosen, _ = model.predict(features, deterministic=True)
    losses = features[:, :6]
    assert (losses[np.arange(len(losses)), chosen] < 0.1).all()


def test_the_value_of_an_action_is_its_loss_and_what_it_leaves() -> None:
    policy = build_policy("dqn", feature_space(3 * 5), spaces.Discrete(3), (8,))
    features = torch.rand(20, 15)
    values = policy.q_net(features)
    swapped = features.reshape(20, 15)[:, [1, 0, 2, 7, 8, 9, 10, 3, 4, 5, 6, 11, 12, 13, 14]]
    assert torch.allclose(policy.q_net(swapped), values[:, [1, 0, 2]])  # one net for all actions
    dearer = features.clone()
    dearer[:, 1] += 0.5
    assert torch.allclose(policy.q_net(dearer), values - torch.tensor([0.0, 0.5, 0.0]), atol=1e-6)


def test_a_training_is_that_of_stable_baselines3(tmp_path: Path) -> None:
    """With one gradient step a training the same samples are drawn, and the same net comes out."""
    settings = replace(SMALL, gradient_steps=1, train_freq=2)
    models = []
    for algorithm in (ActionDQN, DQN):
        model = make_algorithm("dqn", make_training_env(small_plan(tmp_path)), (8,), seed=0)
        model = algorithm(
            ActionDQNPolicy,
            model.env,
            policy_kwargs={"net_arch": [8]},
            seed=0,
            device="cpu",
            **{**asdict(settings), "target_update_interval": 8},
        )
        models.append(model.learn(200))
    ours, plain = (model.policy.state_dict() for model in models)
    for name, tensor in ours.items():
        assert torch.allclose(tensor, plain[name], rtol=1e-3, atol=1e-5), name
    start = make_algorithm("dqn", models[0].env, (8,), seed=0).policy.state_dict()
    assert not all(torch.equal(tensor, ours[name]) for name, tensor in start.items())


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


def test_what_does_not_fit_is_learned_as_running_on_the_cpu() -> None:
    env = LearningVecEnv(HybridClusterVectorEnv(32, cluster="t4-node", num_tasks=20))
    assert not env.venv.problem.costs.all_feasible
    env.seed(0)
    env.reset()
    for _ in range(20):
        masks = np.array(env.env_method("action_masks"))
        last = np.full(32, 5)
        costs = env._scores[np.arange(32), last], env._scores[:, 0]
        assert np.array_equal(costs[0][~masks[:, 5]], costs[1][~masks[:, 5]])
        _, rewards, _, _ = env.step(last)
        assert np.isfinite(rewards).all()


def test_a_resumed_mixture_plays_new_episodes_each_its_own(tmp_path: Path) -> None:
    problems = ({"num_tasks": 5}, {"num_tasks": 7}, {"num_tasks": 9})
    env = make_training_env(small_plan(tmp_path, num_envs=7, problems=problems))
    seeds = list(env.seed(3))
    for num_steps in (7, 14):
        env.seed(3, num_steps)
        seeds += [seed for part in env.parts for seed in part._seeds]
    assert len(set(seeds)) == 3 * 7


def test_a_broken_off_evaluation_is_made_up_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = 0

    def broken_off(*args: object, **kwargs: object) -> EpisodeResults:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise KeyboardInterrupt
        return play_episodes(*args, **kwargs)

    monkeypatch.setattr("cpu_gpu_env.agents.training.play_episodes", broken_off)
    result = train(small_plan(tmp_path))
    assert result.interrupted
    assert result.best is not None
    assert load_agent(result.best).settings.made_by["validation_objective"] == result.best_objective
    assert load_agent(result.last).settings.made_by["trained_steps"] < 400
    assert (tmp_path / "checkpoint.zip").exists()


def test_an_agent_tells_what_it_was_trained_on(tmp_path: Path) -> None:
    plan = small_plan(tmp_path, seed=5, problems=({"num_tasks": 10}, {"num_tasks": 20}))
    best = train(plan).best
    assert best is not None
    used = load_agent(best).settings.trained_on
    assert used is not None
    assert [record.problem.num_tasks for record in used] == [10, 20, 10, 20]
    env = make_training_env(plan)
    played = {
        "training": [*env.seed(5), *env.seed(5, 10**9)],  # at first, and resumed after long
        "validation": validation_seeds(plan.validation_episodes, 2),
    }
    for record in used:
        for seed in played[record.purpose]:
            assert record.first_seed <= seed <= record.last_seed
        assert record.first_seed >= 2**32  # below are the seeds of comparisons


def test_a_last_rollout_is_learned_from(tmp_path: Path) -> None:
    before = make_algorithm("ppo", make_training_env(small_plan(tmp_path)), (8,), seed=0).policy
    agent = load_agent(train(small_plan(tmp_path, algo="ppo", steps=10)).last)
    assert agent.settings.made_by["trained_steps"] == 64 * 4
    assert not torch.equal(agent.policy.action_net.weight, before.action_net.weight)


def test_the_best_agent_is_known_by_its_file(tmp_path: Path) -> None:
    best = train(small_plan(tmp_path)).best
    assert best is not None
    saved = load_agent(best)
    # Killed between the best agent and its checkpoint: the file is ahead.
    ahead = {**saved.settings.made_by, "validation_objective": 0.125}
    save_agent(saved.policy, replace(saved.settings, made_by=ahead), best)
    assert train(small_plan(tmp_path, steps=500), resume=True).best_objective == 0.125
    best.unlink()
    resumed = train(small_plan(tmp_path, steps=600), resume=True)
    assert 0.125 < resumed.best_objective < np.inf
    assert best.exists()


def test_an_agent_that_sees_queues_is_not_shown_tasks_alone() -> None:
    features = AgentFeatures(make_problem(), observe_queues=True)
    with pytest.raises(HybridClusterError, match="3 entries; allowed: 9"):
        features(np.zeros((2, 3)))


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
    assert_same_optimizers(*models)


def assert_same_optimizers(first: BaseAlgorithm, second: BaseAlgorithm) -> None:
    before, after = (m.policy.optimizer.state_dict()["state"] for m in (first, second))
    assert before.keys() == after.keys() != set()
    for index, values in before.items():
        assert values.keys() == after[index].keys() != set()
        for name, value in values.items():
            assert type(value) is type(after[index][name])
            assert np.array_equal(value, after[index][name])


@pytest.mark.parametrize("algo", sorted(ALGORITHMS))
def test_a_training_goes_on_as_if_never_broken_off(algo: str, tmp_path: Path) -> None:
    """What a step makes of the same gradients is the same, whichever the optimiser."""
    plan, path = small_plan(tmp_path, algo=algo), tmp_path / "checkpoint.zip"
    models = [
        make_algorithm(algo, make_training_env(plan), (8,), seed=seed, settings=SMALL)
        for seed in (0, 1)
    ]
    save_checkpoint(models[0], {}, path)  # before the first step, too
    restore_checkpoint(models[1], path)
    assert not models[1].policy.optimizer.state_dict()["state"]
    models[0].learn(600)
    save_checkpoint(models[0], {}, path)
    restore_checkpoint(models[1], path)
    assert_same_optimizers(*models)
    for model in models:
        for group in model.policy.optimizer.param_groups:
            group["lr"] = 0.01
            for parameter in group["params"]:
                parameter.grad = torch.ones_like(parameter)
        model.policy.optimizer.step()
    for name, tensor in models[0].policy.state_dict().items():
        assert torch.equal(tensor, models[1].policy.state_dict()[name]), name


def test_a_checkpoint_of_an_earlier_version_is_told_so(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.zip"
    with zipfile.ZipFile(path, "w") as archive:  # as they were written before
        archive.writestr("state.json", json.dumps({"progress": {}, "counters": {}}))
        archive.writestr("weights.pt", b"anything")
    with pytest.raises(HybridClusterError, match="'format_version' is 1; allowed: 2"):
        train(small_plan(tmp_path), resume=True)


@pytest.mark.parametrize(
    ("member", "content"),
    [
        ("optimizer.safetensors", save_tensors({})[:-1]),
        ("optimizer.safetensors", save_tensors({"0.exp_avg": torch.zeros(1)})),
        ("weights.safetensors", save_tensors({})),
        ("rewards.npy", b""),
        ("rewards.npy", pickle.dumps([1.0])),
        ("rewards.npy", npy_bytes(np.zeros((3, 4), dtype=np.float32))),
        ("rewards.npy", npy_bytes(np.array([[object()]]))),
        ("rewards.npy", npy_bytes(np.full((99, 4), np.nan, dtype=np.float32))),
        ("observations.npy", npy_bytes(np.full((99, 4, 90), np.inf, dtype=np.float32))),
        ("actions.npy", npy_bytes(np.full((99, 4, 1), 6))),
        ("actions.npy", npy_bytes(np.full((99, 4, 1), -1))),
        ("dones.npy", npy_bytes(np.full((99, 4), 0.5, dtype=np.float32))),
        ("state.json", b"[]"),
    ],
)
def test_a_checkpoint_with_a_strange_member_is_told(
    tmp_path: Path, member: str, content: bytes
) -> None:
    train(small_plan(tmp_path))
    path = tmp_path / "checkpoint.zip"
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    for changed in (
        {**members, member: content},
        {k: v for k, v in members.items() if k != member},
    ):
        with zipfile.ZipFile(path, "w") as archive:
            for name, kept in changed.items():
                archive.writestr(name, kept)
        with pytest.raises(HybridClusterError, match=r"not a checkpoint.*" + member[:5]) as told:
            train(small_plan(tmp_path, steps=500), resume=True)
        assert "\n" not in str(told.value)


def test_a_checkpoint_of_another_training_or_none_is_told(tmp_path: Path) -> None:
    with pytest.raises(HybridClusterError, match="nothing to resume"):
        train(small_plan(tmp_path), resume=True)
    train(small_plan(tmp_path))
    with pytest.raises(HybridClusterError, match="differing: seed"):
        train(small_plan(tmp_path, seed=1), resume=True)
    path = tmp_path / "checkpoint.zip"
    whole = path.read_bytes()
    for damaged in (b"nonsense", whole[: len(whole) // 2], whole[:200] + b"x" + whole[201:]):
        path.write_bytes(damaged)
        with pytest.raises(HybridClusterError, match="not a checkpoint"):
            train(small_plan(tmp_path), resume=True)
    with zipfile.ZipFile(io.BytesIO(whole)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    state = json.loads(members["state.json"])
    for change in (
        {"progress": 5},
        {"progress": {"plan": []}},
        {"counters": {"learn": 1}},
        {"replay": {"pos": 1_000_000, "full": False}},
        {"replay": None},
    ):
        members["state.json"] = json.dumps({**state, **change}).encode()
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in members.items():
                archive.writestr(name, content)
        with pytest.raises(HybridClusterError, match=r"not a checkpoint|another training"):
            train(small_plan(tmp_path), resume=True)


def test_a_killed_training_goes_on(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "cpu_gpu_env.scripts.train", "--num-tasks", "10"]
    command += ["--steps", "24000", "--num-envs", "16", "--output", str(tmp_path)]
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
    assert 0 < done < 24_000
    plan_steps = str(done + 200)
    command[command.index("24000")] = plan_steps
    finished = subprocess.run(
        [*command, "--resume"], env=environment, capture_output=True, text=True, check=False
    )
    assert finished.returncode == 0, finished.stderr
    settings = json.loads(zipfile.ZipFile(tmp_path / "last.zip").read("settings.json"))
    assert settings["trained_steps"] >= done + 200
