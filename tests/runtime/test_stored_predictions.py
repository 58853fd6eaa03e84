"""What learned schedulers thought, asked again of the models that decided, and what is stored."""

import math
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa
import torch
from gymnasium import spaces
from stored_runs import open_store

from cpu_gpu_env.agents.agent import AgentSettings
from cpu_gpu_env.agents.algorithms import build_policy
from cpu_gpu_env.agents.features import feature_space
from cpu_gpu_env.agents.saving import agent_to_bytes, load_agent, save_agent
from cpu_gpu_env.baselines import make_scheduler
from cpu_gpu_env.baselines.evaluation.comparison import SchedulerSpec
from cpu_gpu_env.baselines.imitation.forest import load_forest
from cpu_gpu_env.errors import HybridClusterError
from cpu_gpu_env.problem.problem import make_problem
from cpu_gpu_env.results.provenance import ProblemRecord
from cpu_gpu_env.results.store import tables
from cpu_gpu_env.results.store.reading import StoreReader, open_reader
from cpu_gpu_env.results.store.writer import StoreWriter
from cpu_gpu_env.runtime import online as online_lanes
from cpu_gpu_env.runtime.engine import Finished
from cpu_gpu_env.runtime.lanes import Arrived, Lane, play_batch
from cpu_gpu_env.runtime.online import OnlineLane
from cpu_gpu_env.runtime.records import Experience, LearnedModel
from cpu_gpu_env.runtime.settings import StreamSettings
from cpu_gpu_env.runtime.stored_predictions import StoredPrediction, predict_decision
from cpu_gpu_env.runtime.storing import decision_rows, episode_rows, model_row
from cpu_gpu_env.runtime.stream import EpisodeStream
from cpu_gpu_env.runtime.trained_files import ONLINE_NAMES, learns
from cpu_gpu_env.scripts import comparing

FROZEN = ("random-forest", "dqn", "dqn-queues")
ONLINE = tuple(f"{name}-online" for name in FROZEN)
NUM_TASKS, EPISODES, SWAPPED = 15, 4, 2
"""Tasks of an episode, episodes, and the first one that version 1 plays."""


class Handing:
    """In place of a learner: hands over version 1 after the first batch."""

    def __init__(self, start: LearnedModel) -> None:
        self._batches, self._model = 0, LearnedModel(1, changed(start.content), exploration=1.0)

    def offer(self, experience: Experience) -> None:
        self._batches += 1

    def take(self) -> LearnedModel | None:
        return self._model if self._batches == 1 else None

    def state(self, wait_s: float = 0.0) -> bytes | None:
        return None

    def close(self) -> None:
        pass


class HandedLane(OnlineLane):
    def _start_learner(self, state: bytes | None, tell: Any) -> Handing:
        return Handing(self._start)


def changed(content: bytes, by: float = 0.02) -> bytes:
    """A model that values actions otherwise than a pretrained one."""
    if b"root.npy" in content:
        return load_forest(content).steepened(0.3, 3.0).to_bytes()
    agent = load_agent(content)
    with torch.no_grad():
        for weights in agent.policy.parameters():
            weights.add_(by * torch.randn(weights.shape, generator=torch.manual_seed(3)))
    return agent_to_bytes(agent.policy, agent.settings)


def play(url: str, settings: StreamSettings) -> int:
    """Stream two batches of two episodes into a store; returns the number of the run."""
    (phase,) = settings.phases()
    paths = [Path(path) for path in settings.agents]
    fixed = [name for name in settings.schedulers if name not in ONLINE]
    specs = comparing.find_named(fixed, paths, settings.seed, phase.problem, ONLINE)
    lanes: list[Lane] = [Lane(spec) for spec in specs]
    lanes += [HandedLane(name, 7) for name in settings.schedulers if name in ONLINE]
    writer = StoreWriter(url)
    run = writer.new_run(
        kind="stream",
        command="python scripts/stream.py",
        schedulers=[lane.name for lane in lanes],
        provenance={"problem": ProblemRecord.of(phase.problem).to_json(), "versions": {}},
        settings=settings.to_json(),
    )
    stream = EpisodeStream((phase,), settings.seed, EPISODES)
    for first in range(0, EPISODES, SWAPPED):
        batch = stream.batch(first, SWAPPED)
        assert batch is not None
        arrived = Arrived.of(batch)
        played = {lane.name: play_batch(lane, arrived) for lane in lanes}
        finished = Finished(arrived, played, np.zeros(len(batch) + 1))
        rows = [*episode_rows(run, finished), *decision_rows(run, finished)]
        for lane in lanes:
            news = lane.take_news() if isinstance(lane, OnlineLane) else []
            rows += [model_row(run, lane.name, model, episode) for model, episode in news]
        writer.put(rows, run)
    writer.close(run)
    return run


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StoreReader]:
    url = str(tmp_path_factory.mktemp("predictions") / "results.sqlite")
    settings = StreamSettings({"num_tasks": NUM_TASKS}, (*FROZEN, "greedy", *ONLINE), seed=11)
    assert play(url, settings) == 1
    with open_reader(url) as reader:
        yield reader


@pytest.mark.parametrize("name", [*FROZEN, *ONLINE])
def test_what_a_model_values_most_is_what_was_stored(stored: StoreReader, name: str) -> None:
    num_explored = 0
    for sequence in range(0, NUM_TASKS * EPISODES, 2):
        row = stored.task(1, sequence)[name]
        found = predict_decision(stored, 1, name, sequence)
        swapped = name in ONLINE and row["episode"] >= SWAPPED
        assert found.model_version == row["model_version"] == int(swapped)
        assert len(found.values) == 6
        assert found.explored == (found.choice != row["action"])
        if name.startswith("random-forest"):
            assert found.kind == "probability"
            assert sum(found.values) == pytest.approx(1.0)
            # The median of the trees is where half of them are on either side.
            below = sum(found.values[: row["action"]])
            assert below <= 0.5 + 1e-9
            assert below + found.values[row["action"]] >= 0.5 - 1e-9
            assert not found.explored
        else:
            assert found.kind == "q_value"
            assert found.values[found.choice] >= max(found.values) - 1e-6
            assert not (found.explored and name in FROZEN)
        num_explored += found.explored
    assert (num_explored > 0) == (name in ONLINE and name.startswith("dqn"))


def test_versions_are_other_models(stored: StoreReader) -> None:
    for frozen, online in zip(FROZEN, ONLINE, strict=True):
        for sequence, same in ((0, True), (NUM_TASKS * SWAPPED, False)):
            one, other = (predict_decision(stored, 1, name, sequence) for name in (frozen, online))
            assert (one.values == other.values) == same
            assert one.features == other.features  # the first task of an episode


@pytest.mark.parametrize("name", ["random-forest", "dqn-queues-online"])
def test_what_a_model_saw_is_what_is_stored_of_the_task(stored: StoreReader, name: str) -> None:
    workload = make_problem().workload
    for sequence in range(NUM_TASKS, 2 * NUM_TASKS, 3):
        row = stored.task(1, sequence)[name]
        seen = predict_decision(stored, 1, name, sequence).features
        scaled = {}
        for feature, value, of in (
            ("size", row["size_flop"], workload.size_range),
            ("intensity", row["intensity_flop_per_byte"], workload.intensity_range),
            ("memory", row["memory_bytes"], workload.memory_range),
        ):
            scaled[feature] = math.log(value / of.low) / math.log(of.high / of.low)
            assert seen[f"scaled_{feature}"] == pytest.approx(scaled[feature], abs=1e-6)
        if name == "random-forest":
            difference = scaled["size"] - scaled["memory"]
            assert seen["scaled_size_less_memory"] == pytest.approx(difference, abs=1e-6)
            assert len(seen) == 5
        else:
            # Without noise what it saw of the queues is what came of them.
            assert seen["cpu_1_wait_s"] == pytest.approx(row["cpu_wait_s"], abs=1e-4)
            assert seen["gpu_1_wait_s"] == pytest.approx(row["gpu_wait_s"], abs=1e-4)
            left = 1.0 - row["task"] / NUM_TASKS
            assert seen["share_of_episode_left"] == pytest.approx(left)


def test_several_threads_may_ask(stored: StoreReader) -> None:
    asked = [(name, task) for name in (*FROZEN, *ONLINE) for task in (3, NUM_TASKS * 3 + 2)] * 3

    def ask(what: tuple[str, int]) -> StoredPrediction:
        return predict_decision(stored, 1, *what)

    with ThreadPoolExecutor(6) as pool:
        at_once = list(pool.map(ask, asked))
    assert at_once == [ask(what) for what in asked]


@pytest.mark.parametrize(
    ("name", "task", "told"),
    [
        ("greedy", 3, "'greedy' does not learn"),
        ("nobody", 3, "nobody"),
        ("dqn", 999, "task is 999; allowed"),
    ],
)
def test_what_cannot_be_told_is_said(stored: StoreReader, name: str, task: int, told: str) -> None:
    with pytest.raises(HybridClusterError, match=told):
        predict_decision(stored, 1, name, task)


def test_what_is_not_kept_or_was_changed_is_said(tmp_path: Path) -> None:
    url = str(tmp_path / "results.sqlite")
    names = ("random-forest-online", "dqn-online", "dqn-queues-online")
    play(url, StreamSettings({"num_tasks": NUM_TASKS}, names, seed=11))
    models, decisions = tables.models, tables.decisions
    forest, dqn, queues = (models.c.scheduler == name for name in names)
    other = load_agent(changed(pretrained("dqn").read_bytes(), 0.5))
    with open_store(url).begin() as connection:
        connection.execute(sa.update(models).where(forest).values(content=None))
        content = agent_to_bytes(other.policy, other.settings)
        connection.execute(sa.update(models).where(dqn).values(content=content))
        connection.execute(sa.update(models).where(queues).values(content=b"no agent"))
        gone = (decisions.c.scheduler == "dqn-online") & (decisions.c.sequence < 2)
        connection.execute(sa.delete(decisions).where(gone))
    first = NUM_TASKS * SWAPPED
    with open_reader(url) as reader:
        with pytest.raises(HybridClusterError, match="version 1 of random-forest-online is no"):
            predict_decision(reader, 1, "random-forest-online", first)
        with pytest.raises(HybridClusterError, match="agent"):
            predict_decision(reader, 1, "dqn-queues-online", first)
        with pytest.raises(HybridClusterError, match="in episode 0 are not kept whole"):
            predict_decision(reader, 1, "dqn-online", 5)
        tasks = range(first, first + NUM_TASKS)
        refused = [told for told in (said(reader, task) for task in tasks) if told]
        assert refused
        assert all("the model of dqn-online is not what it was" in told for told in refused)


def said(reader: StoreReader, task: int) -> str:
    try:
        predict_decision(reader, 1, "dqn-online", task)
    except HybridClusterError as error:
        return str(error)
    return ""


def pretrained(name: str) -> Path:
    return comparing.pretrained_path(name)


@pytest.mark.parametrize("algo", ["dqn", "ppo", "maskable-ppo", "qrdqn"])
def test_agents_that_took_part_by_path_tell_too(tmp_path: Path, algo: str) -> None:
    settings = AgentSettings(algo, (8,), 6, False, (0.0, 0.2, 0.4, 0.6, 0.8, 1.0))
    net = feature_space(settings.num_features), spaces.Discrete(6)
    policy = build_policy(algo, *net, settings.net_arch)
    for folder in ("one", "dqn"):
        (tmp_path / folder).mkdir()
    save_agent(policy, settings, tmp_path / "dqn" / "best.zip")
    forest = load_forest(pretrained("random-forest")).steepened(0.4, 2.0)
    forest.save(tmp_path / "one" / "mine.npz")
    url = str(tmp_path / "results.sqlite")
    paths = (str(tmp_path / "dqn"), str(tmp_path / "one" / "mine.npz"))
    play(url, StreamSettings({"num_tasks": NUM_TASKS}, ("dqn",), paths))
    with open_reader(url) as reader:
        row = reader.run_row(1)
        assert row["schedulers"] == ["dqn", "dqn'", "mine"]
        assert [learns(row, name) for name in ("dqn'", "mine", "greedy")] == [True, True, False]
        for task in range(4):
            by_agent = predict_decision(reader, 1, "dqn'", task)
            assert by_agent.kind == ("q_value" if "dqn" in algo else "probability")
            assert by_agent.choice == reader.task(1, task)["dqn'"]["action"]
            assert by_agent.choice == int(np.argmax(by_agent.values))
            if by_agent.kind == "probability":
                assert sum(by_agent.values) == pytest.approx(1.0)
            by_forest = predict_decision(reader, 1, "mine", task)
            assert by_forest.choice == reader.task(1, task)["mine"]["action"]
        (tmp_path / "one" / "mine.npz").unlink()
        with pytest.raises(HybridClusterError, match=r"mine\.npz"):
            predict_decision(reader, 1, "mine", 0)


def test_schedulers_without_a_model_are_known(stored: StoreReader) -> None:
    row = stored.run_row(1)
    assert [name for name in row["schedulers"] if not learns(row, name)] == ["greedy"]
    spec = SchedulerSpec("greedy", partial(make_scheduler, "greedy"))
    assert not spec.learned


def test_whoever_learns_on_the_way_is_known_without_loading_what_learns() -> None:
    assert online_lanes.ONLINE.keys() == ONLINE_NAMES
