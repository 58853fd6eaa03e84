"""Agents, forests, checkpoints, event files and solved episodes by strangers."""

import io
import json
import os
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from harness import as_json, clean, damaged, fuzz, in_bounds, spoiled
from hypothesis import strategies as st
from small_training import small_plan
from stream_batches import NAMES, some_batches

from cpu_gpu_env import HybridClusterEnv, HybridClusterVectorEnv
from cpu_gpu_env.agents.agent import AgentSettings
from cpu_gpu_env.agents.algorithms import make_algorithm
from cpu_gpu_env.agents.checkpoint import read_progress, restore_checkpoint
from cpu_gpu_env.agents.learning_curves import EVENT_FILES, read_run
from cpu_gpu_env.agents.saving import MAX_WEIGHTS_BYTES, load_agent
from cpu_gpu_env.agents.training import CHECKPOINT, make_training_env, train
from cpu_gpu_env.baselines.imitation.forest import MAX_ARRAY_BYTES, MAX_TREES, Forest, load_forest
from cpu_gpu_env.baselines.imitation.hybrid_ml import FEATURES
from cpu_gpu_env.baselines.oracle.cache import solve_episodes
from cpu_gpu_env.baselines.oracle.search import Effort
from cpu_gpu_env.runtime.stream_measures import StreamMeasures


def unzipped(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def zipped(members: dict[str, bytes]) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, member in members.items():
            archive.writestr(name, member)
    return content.getvalue()


@dataclass(frozen=True)
class Training:
    """A training that has ended, in its folder."""

    folder: Path
    agent: dict[str, bytes]
    checkpoint: dict[str, bytes]
    model: Any
    """An algorithm that the checkpoint fits."""


@pytest.fixture(scope="session")
def training(tmp_path_factory: pytest.TempPathFactory) -> Training:
    plan = small_plan(tmp_path_factory.mktemp("training"))
    train(plan)
    env = make_training_env(plan)
    model = make_algorithm(plan.algo, env, plan.net_arch, plan.seed, plan.settings)
    members = unzipped(plan.best), unzipped(plan.output / CHECKPOINT)
    return Training(plan.output, *members, model)


def spoil(data: st.DataObject, members: dict[str, bytes]) -> bytes:
    """Spoil a member of a zip file, or all of the file."""
    name = data.draw(st.sampled_from([*members, ""]))
    if not name:
        return data.draw(damaged(zipped(members)))
    content = members[name]
    if name.endswith(".json") and data.draw(st.integers(0, 3)):
        content = as_json(data.draw(spoiled(json.loads(content))))
    else:
        content = data.draw(damaged(content))
    return zipped({**members, name: content})


@fuzz(150, data=st.data())
def test_an_agent_acts_or_is_refused(training: Training, data: st.DataObject) -> None:
    Path("agent.zip").write_bytes(spoil(data, training.agent))
    with clean():
        saved = load_agent("agent.zip")
        env = HybridClusterEnv(num_tasks=3, observe_queues=saved.settings.observe_queues)
        agent = saved.act_in(env)
        observation, _ = env.reset(seed=0)
        action, _ = agent.predict(observation)
        assert env.action_space.contains(int(action))


@pytest.mark.parametrize(
    ("algo", "layers"),
    [
        ("ppo", (5_600, 5_600)),
        pytest.param("dqn", (5_600, 5_600), marks=pytest.mark.slow),
        pytest.param("ppo", (65_536,), marks=pytest.mark.slow),
        pytest.param("a2c", (8,) * 32, marks=pytest.mark.slow),
    ],
)
def test_few_bytes_that_claim_to_be_a_large_net_are_refused(
    algo: str, layers: tuple[int, ...], tmp_path: Path
) -> None:
    settings = AgentSettings(algo, layers, 6, True, (0.0, 0.2, 0.4, 0.6, 0.8, 1.0))
    content = as_json({"format_version": 4, **settings.to_json()})
    members = {"settings.json": content, "weights.safetensors": bytes(MAX_WEIGHTS_BYTES)}
    (tmp_path / "agent.zip").write_bytes(zipped(members))
    with in_bounds(), clean() as refused:
        load_agent(tmp_path / "agent.zip")
    assert "holds no tensors" in refused[0]


@pytest.mark.parametrize("part", [16, pytest.param(1, marks=pytest.mark.slow)])
def test_few_bytes_that_claim_to_be_a_large_forest_are_refused(part: int, tmp_path: Path) -> None:
    nodes = MAX_ARRAY_BYTES // 8 // part - 16
    index = np.arange(nodes, dtype=np.int32)
    header = {"format_version": 1, "settings": {"num_features": len(FEATURES)}}
    arrays = {"feature": 0 * index, "left": index, "right": index, "root": index[:MAX_TREES]}
    np.savez_compressed(
        tmp_path / "forest.npz",
        header=np.array(json.dumps(header)),
        threshold=np.zeros(nodes),
        value=np.zeros(nodes),
        **arrays,
    )
    with in_bounds(), clean() as refused:
        load_forest(tmp_path / "forest.npz")
    assert "are no trees" in refused[0]


def small_forest() -> dict[str, bytes]:
    """Two trees of three nodes each."""
    leaf = [0, 1, 2, 3, 4, 5]
    forest = Forest(
        np.array([0, 3], dtype=np.int32),
        np.array([1, 0, 0, 2, 0, 0], dtype=np.int32),
        np.array([0.5, 0, 0, 0.2, 0, 0]),
        np.array([1, *leaf[1:3], 4, *leaf[4:]], dtype=np.int32),
        np.array([2, *leaf[1:3], 5, *leaf[4:]], dtype=np.int32),
        np.array([0, 0.2, 1.0, 0, 0.4, 0.6]),
        depth=1,
        settings={"num_features": len(FEATURES)},
    )
    forest.save("small.npz")
    return unzipped(Path("small.npz"))


@fuzz(200, data=st.data())
def test_a_forest_predicts_or_is_refused(data: st.DataObject) -> None:
    members = small_forest()
    if data.draw(st.booleans()):
        # Nodes that lead elsewhere, in an array that is one.
        name = data.draw(st.sampled_from(["root", "feature", "left", "right", "threshold"]))
        array = np.load(io.BytesIO(members[f"{name}.npy"]), allow_pickle=False)
        value = data.draw(st.integers(-2, 7) | st.sampled_from([2**31 - 1, -(2**31)]))
        array[data.draw(st.integers(0, len(array) - 1))] = value
        written = io.BytesIO()
        np.save(written, array, allow_pickle=False)
        members[f"{name}.npy"] = written.getvalue()
        content = zipped(members)
    else:
        content = spoil(data, members)
    Path("forest.npz").write_bytes(content)
    with clean():
        forest = load_forest("forest.npz", len(FEATURES))
        found = forest.predict(np.linspace(0, 1, 3 * len(FEATURES)).reshape(3, -1))
        assert np.isfinite(found).all()


@fuzz(120, data=st.data())
def test_a_checkpoint_is_restored_or_refused(training: Training, data: st.DataObject) -> None:
    path = Path("checkpoint.zip")
    path.write_bytes(spoil(data, training.checkpoint))
    with clean():
        read_progress(path)
        restore_checkpoint(training.model, path)
        for weights in training.model.policy.parameters():
            assert weights.isfinite().all()


@fuzz(60, data=st.data())
def test_learning_curves_are_read_or_refused(training: Training, data: st.DataObject) -> None:
    (events,) = training.folder.glob(EVENT_FILES)
    content = events.read_bytes()
    members = training.agent
    if data.draw(st.booleans()):
        content = data.draw(damaged(content))
    else:
        settings = data.draw(spoiled(json.loads(members["settings.json"])))
        members = {**members, "settings.json": as_json(settings)}
    Path("run").mkdir()
    Path("run", events.name).write_bytes(content)
    Path("run", "best.zip").write_bytes(zipped(members))
    with clean():
        run = read_run(Path("run"))
        assert len(run.steps) == len(run.seconds) == len(run.objective) > 0
        assert run.name
        assert isinstance(run.recipe, dict)


QUICK = Effort(beam_width=20, leads=(1.0,), rounds=1, chains=16, sweeps=((None, 2),))


@pytest.fixture(scope="session")
def episodes() -> Any:
    env = HybridClusterVectorEnv(2, num_tasks=4, gpu_fractions=(0.0, 0.5, 1.0))
    env.reset(seed=0)
    found = env.instances()
    plans = np.stack(np.meshgrid(*[range(3)] * 4), axis=-1).reshape(-1, 4)
    return found, [float(episode.simulate(plans).min()) for episode in found]


@fuzz(40, data=st.data())
def test_a_solved_episode_is_believed_only_if_it_holds(episodes: Any, data: st.DataObject) -> None:
    """Whatever a file of the cache says, the bound is below what the best schedule reaches."""
    found, optima = episodes
    folder = Path("cache")
    first = solve_episodes(found, folder, QUICK, jobs=1)
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    assert files
    for path in files:
        content = path.read_bytes()
        try:
            document = json.loads(content)
        except ValueError:
            document = None
        if data.draw(st.integers(0, 9)) == 0:
            path.unlink()
            os.mkfifo(path)
        elif document is not None and data.draw(st.booleans()):
            path.write_bytes(as_json(data.draw(spoiled(document))))
        else:
            path.write_bytes(data.draw(damaged(content)))
    again = solve_episodes(found, folder, QUICK, jobs=1)
    for schedule, before, optimum, episode in zip(again, first, optima, found, strict=True):
        assert schedule.bound <= optimum * (1 + 1e-9)
        assert schedule.objective >= optimum * (1 - 1e-9)
        played = float(episode.simulate(schedule.actions[None])[0])
        assert abs(schedule.objective - played) <= 1e-9 * played
        assert schedule.objective <= before.objective * (1 + 1e-9)


@pytest.fixture(scope="session")
def measures() -> Any:
    """Measures of a stream as the store holds them."""
    played = StreamMeasures(NAMES, 10, 0.3)
    for finished in some_batches()[:2]:
        played.add(finished)
    content = json.loads(json.dumps(played.to_json()))
    for lane in content["lanes"].values():
        for sketch in lane["sketches"].values():  # a long list would draw all the spoiling
            del sketch["counts"][2:]
    return content


@fuzz(100, data=st.data())
def test_measures_go_on_or_are_refused(measures: Any, data: st.DataObject) -> None:
    resumed = StreamMeasures(NAMES, 10, 0.3)
    with clean():
        resumed.restore("the store", data.draw(spoiled(measures)))
        resumed.add(some_batches()[2])
        json.dumps(resumed.states(), allow_nan=False)
        json.dumps(resumed.to_json(), allow_nan=False)
