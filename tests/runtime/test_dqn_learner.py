"""The DQN that learns online: what it learns from, what it hands over, what it goes on from."""

import io
import json
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from gymnasium import spaces
from hypothesis import given, settings
from hypothesis import strategies as st

from cpu_gpu_env import HybridClusterError, HybridClusterVectorEnv
from cpu_gpu_env.agents.algorithms import build_policy
from cpu_gpu_env.agents.features import COST_UNIT, feature_space
from cpu_gpu_env.agents.global_state import own_global_state
from cpu_gpu_env.agents.saving import agent_to_bytes, load_agent
from cpu_gpu_env.baselines.evaluation.play import EpisodePlay, play_episodes
from cpu_gpu_env.baselines.schedulers.fixed import RandomScheduler
from cpu_gpu_env.model.tasks import Tasks
from cpu_gpu_env.runtime import dqn_learner
from cpu_gpu_env.runtime.dqn_learner import DQNLearner, OnlineSettings, make_online, starting_model
from cpu_gpu_env.runtime.exploring_agent import ExploringAgent
from cpu_gpu_env.runtime.records import EpisodeBatch, Experience, LearnedModel, Phase
from cpu_gpu_env.runtime.replayed import EpisodePlayer

TASKS = 12
KWARGS = {"num_tasks": TASKS, "observe_queues": True}
PHASE = Phase({"num_tasks": TASKS})
QUICK = OnlineSettings(
    buffer_size=200, warm_up=48, batch_size=16, gradient_steps=1, evidence=8, window=16
)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Nets this small are slower on several."""
    with own_global_state(1):
        yield


def batch_of(seeds: range, tasks: list[Tasks] | None = None, phase: Phase = PHASE) -> EpisodeBatch:
    return EpisodeBatch(seeds[0], phase, tuple(seeds), tasks)


def given_tasks(seeds: range) -> list[Tasks]:
    env = HybridClusterVectorEnv(len(seeds), **PHASE.env_kwargs)
    env.reset(seed=list(seeds))
    return env.episode_tasks()


def lived(batch: EpisodeBatch, model: LearnedModel, seed: int = 0) -> Experience:
    """What a lane makes of a batch."""
    env = HybridClusterVectorEnv(len(batch), **batch.phase.env_kwargs, observe_queues=True)
    play = EpisodePlay(lambda env: make_online(env, model, seed), env, batch.seeds)
    actions = play.finish().actions
    return Experience(batch, actions, actions)


@pytest.fixture(scope="module")
def experiences() -> list[Experience]:
    model = starting_model(exploration=0.2)
    return [lived(batch_of(range(first, first + 8)), model) for first in range(0, 40, 8)]


def test_replayed_rewards_are_the_objective_but_for_what_no_action_decides() -> None:
    seeds, rng = range(5), np.random.default_rng(0)
    batch = batch_of(seeds, given_tasks(seeds))
    player = EpisodePlayer(PHASE, load_agent("dqn-queues").settings)
    first, second = (
        player.transitions(batch, rng.integers(6, size=(len(seeds), TASKS))) for _ in range(2)
    )
    paid = COST_UNIT * (first.rewards - second.rewards).sum(axis=0)
    assert paid == pytest.approx(-TASKS * (first.objective - second.objective), rel=1e-6)
    assert np.abs(paid).min() > 1e-3


@pytest.mark.parametrize("are_given", [False, True])
def test_replayed_episodes_are_those_that_were_played(are_given: bool) -> None:
    seeds = range(4)
    tasks = given_tasks(seeds) if are_given else None
    env = HybridClusterVectorEnv(len(seeds), **KWARGS)
    agent = load_agent("dqn-queues")
    played = EpisodePlay(agent.act_in, env, seeds, tasks=tasks).finish()
    other = EpisodePlay(lambda env: RandomScheduler(env, 1), env, seeds, tasks=tasks).finish()
    player = EpisodePlayer(PHASE, agent.settings)
    batch = batch_of(seeds, tasks)
    assert (player.transitions(batch, other.actions).objective == other.objective).all()
    assert (player.transitions(batch, played.actions).objective == played.objective).all()
    again = player.objectives(batch, (agent.policy, agent.policy))
    assert (again == played.objective).all()


def test_replayed_features_are_what_the_agent_saw() -> None:
    batch, agent = batch_of(range(3)), load_agent("dqn-queues")
    chosen = lived(batch, starting_model(exploration=0.0)).actions
    found = EpisodePlayer(PHASE, agent.settings).transitions(batch, chosen)
    again = [agent.policy.predict(row, deterministic=True)[0] for row in found.features[:-1]]
    assert (chosen == np.array(again).T).all()


def test_a_restored_learner_learns_on_to_the_last_bit(experiences: list[Experience]) -> None:
    whole, model = DQNLearner(settings=QUICK), None
    for experience in experiences[:3]:
        model = whole.learn(experience) or model
    restored = DQNLearner(settings=QUICK)
    restored.restore(whole.state())
    assert parts_of(restored.state()) == parts_of(whole.state())
    for experience in experiences[3:]:
        one, other = whole.learn(experience), restored.learn(experience)
        assert (one is None) == (other is None)
        if one and other:
            assert parts_of(one.content) == parts_of(other.content)
    assert parts_of(restored.state()) == parts_of(whole.state())
    assert whole.learned == 5 * 8 * TASKS


def test_the_size_of_batches_changes_neither_what_is_learned_nor_what_is_handed_over(
    experiences: list[Experience], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dqn_learner, "CHUNK", 16)

    def joined(pair: list[Experience]) -> Experience:
        seeds = tuple(seed for each in pair for seed in each.batch.seeds)
        actions = np.concatenate([each.actions for each in pair])
        return Experience(EpisodeBatch(0, PHASE, seeds), actions, actions)

    twice = joined([joined(experiences[:2]), joined(experiences[2:4])])
    one, other = DQNLearner(settings=QUICK), DQNLearner(settings=QUICK)
    one.learn(twice)
    for half in (joined(experiences[:2]), joined(experiences[2:4])):
        other.learn(half)
    assert parts_of(one.state()) == parts_of(other.state())


def test_the_lane_draws_as_often_as_it_says_and_the_same_beside_any_episodes() -> None:
    seeds = tuple(range(100))
    model = starting_model()

    def actions(of: tuple[int, ...], exploration: float, seed: int = 3) -> np.ndarray:
        env = HybridClusterVectorEnv(len(of), **KWARGS)
        own = replace(model, exploration=exploration)
        return EpisodePlay(lambda env: make_online(env, own, seed), env, of).finish().actions

    exploring = actions(seeds, 0.25)
    assert (exploring[7:9] == actions(seeds[7:9], 0.25)).all()
    assert (exploring != actions(seeds, 0.25, seed=4)).any()
    assert (exploring != actions(seeds, 0.0)).any()


def test_what_is_explored_differs_from_the_agents_action_at_the_stated_rate() -> None:
    env = HybridClusterVectorEnv(2000, num_tasks=2, observe_queues=True)
    observation, _ = env.reset(seed=0)
    state = env.scheduling_state().observed(observation)
    agent = load_agent("dqn-queues")
    exploring = ExploringAgent(env, agent, 0.3, seed=0, max_loss=np.inf)
    memory = exploring.recall(None, None, 2000)
    greedy, _ = agent.act_in(env).choose(state, None)
    differing = (exploring.choose(state, memory)[0] != greedy).mean()
    assert differing == pytest.approx(0.3, abs=5 * np.sqrt(0.3 / 2000))


def test_what_is_explored_is_nearly_as_good() -> None:
    env = HybridClusterVectorEnv(2000, num_tasks=2, observe_queues=True)
    observation, _ = env.reset(seed=0)
    state, every = env.scheduling_state().observed(observation), np.arange(2000)
    agent: Any = load_agent("dqn-queues")
    exploring = ExploringAgent(env, agent, 1.0, seed=0, max_loss=0.01)
    taken, _ = exploring.choose(state, exploring.recall(None, None, 2000))
    features = torch.as_tensor(exploring.features(observation))
    values = agent.policy.q_net(features).detach().numpy()
    loss = values.max(axis=1) - values[every, taken]
    second = np.diff(np.sort(values, axis=1)[:, -2:], axis=1)[:, 0]
    assert (loss <= 0.01).all()
    assert ((loss > 0) == (second <= 0.01)).all()
    assert 0.05 < (loss > 0).mean() < 0.95


def test_only_what_fits_is_explored() -> None:
    env = HybridClusterVectorEnv(3, num_tasks=2, observe_queues=True)
    observation, _ = env.reset(seed=0)
    state = env.scheduling_state().observed(observation)
    mask = np.array([[1, 0, 0, 0, 0, 0], [0, 0, 1, 0, 1, 0], [0, 0, 0, 0, 0, 1]], dtype=np.int8)
    exploring = ExploringAgent(env, load_agent("dqn-queues"), 1.0, seed=0, max_loss=np.inf)
    memory = exploring.recall(None, None, 3)
    greedy, _ = load_agent("dqn-queues").act_in(env).choose(state, None)
    taken, _ = exploring.choose(replace(state, action_mask=mask), memory)
    for row, fitting in enumerate(({0}, {2, 4}, {5})):
        assert taken[row] in (fitting - {greedy[row]} or {greedy[row]})


def parts_of(content: bytes) -> dict[str, Any]:
    """What is in a zip file and the zip files in it: they tell the time, which is no matter."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    return {name: parts_of(part) if name.endswith(".zip") else part for name, part in parts.items()}


def progress_of(state: bytes) -> dict[str, Any]:
    """What a learner's state says beside weights and replay buffer."""
    checkpoint = zipfile.ZipFile(io.BytesIO(state)).read("checkpoint.zip")
    told = json.loads(zipfile.ZipFile(io.BytesIO(checkpoint)).read("state.json"))
    progress: dict[str, Any] = told["progress"]
    return progress


def spoilt_model() -> LearnedModel:
    """The shipped agent with another last layer."""
    agent = load_agent("dqn-queues")
    net: Any = agent.policy
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        net.q_net.q_net[-1].weight.normal_(0.0, 2.0, generator=generator)
    net.q_net_target.load_state_dict(net.q_net.state_dict())
    return LearnedModel(0, agent_to_bytes(net, agent.settings), exploration=0.02)


def rewritten(state: bytes, change: dict[str, object], member: str = "checkpoint.zip") -> bytes:
    """A learner's state in which JSON of the checkpoint says something else."""
    with zipfile.ZipFile(io.BytesIO(state)) as outer:
        parts = {name: outer.read(name) for name in outer.namelist()}
    with zipfile.ZipFile(io.BytesIO(parts[member])) as inner:
        files = {name: inner.read(name) for name in inner.namelist()}
    told = json.loads(files["state.json"])
    told["progress"].update(change)
    files["state.json"] = json.dumps(told).encode()
    parts[member] = zipped(files)
    return zipped(parts)


def zipped(files: dict[str, bytes]) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return content.getvalue()


@pytest.fixture(scope="module")
def kept(experiences: list[Experience]) -> bytes:
    learner = DQNLearner(settings=QUICK)
    for experience in experiences[:2]:
        learner.learn(experience)
    return learner.state()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"settings": {}}, "its settings are not those of this learner"),
        ({"version": -1}, "field 'version'"),
        ({"exploration": 2.0}, "field 'exploration'"),
        ({"exploration": "a"}, "field 'exploration'"),
        ({"learned": 1.5}, "field 'learned'"),
        ({"score": {"objective": "much"}}, "field 'score'"),
        ({"trial": {}}, "field 'lane' is missing"),
        ({"trial": {"lane": [1.0], "current": [], "candidate": []}}, "of the same length"),
        ({"trial": {"lane": ["x"], "current": [1], "candidate": [1]}}, "a value of 'lane'"),
        ({"trained_on": 3}, "field 'trained_on'"),
        ({"trained_on": [{"purpose": "love"}]}, "love"),
    ],
)
def test_a_state_that_says_what_cannot_be_is_refused(
    kept: bytes, change: dict[str, object], told: str
) -> None:
    learner = DQNLearner(settings=QUICK)
    before = parts_of(learner.state())
    with pytest.raises(HybridClusterError, match=told) as refusal:
        learner.restore(rewritten(kept, change))
    assert "\n" not in str(refusal.value)
    assert parts_of(learner.state()) == before


def test_the_state_of_another_agent_is_refused(kept: bytes) -> None:
    learner = DQNLearner(starting_model("dqn"), settings=QUICK)
    with pytest.raises(HybridClusterError, match="of another form"):
        learner.restore(kept)


@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_a_damaged_state_is_refused_in_a_line_or_changes_no_net(
    kept: bytes, learner: DQNLearner, data: st.DataObject
) -> None:
    damaged = bytearray(kept)
    if data.draw(st.booleans()):
        damaged = damaged[: data.draw(st.integers(0, len(kept) - 1))]
    else:
        place = data.draw(st.integers(0, len(kept) - 1))
        damaged[place] ^= data.draw(st.integers(1, 255))
    told = ""
    try:
        learner.restore(bytes(damaged))
    except HybridClusterError as error:
        told = str(error)
    assert "\n" not in told


@pytest.fixture(scope="module")
def learner() -> DQNLearner:
    return DQNLearner(settings=QUICK)


def test_an_agent_that_is_no_dqn_is_refused() -> None:
    dqn = load_agent("dqn-queues")
    ppo = replace(dqn.settings, algo="ppo")
    policy = build_policy("ppo", feature_space(ppo.num_features), spaces.Discrete(6), (8,))
    content = agent_to_bytes(policy, replace(ppo, net_arch=(8,)))
    with pytest.raises(HybridClusterError, match="'algo' is 'ppo'"):
        DQNLearner(LearnedModel(0, content))


def test_what_has_become_worse_is_not_handed_over_but_given_up(
    experiences: list[Experience],
) -> None:
    ruinous = DQNLearner(settings=replace(QUICK, learning_rate=1.0, tau=1.0, too_bad=2.0))
    lengths = []
    for experience in experiences:
        assert ruinous.learn(experience) is None
        lengths.append(len(progress_of(ruinous.state())["trial"]["lane"]))
    assert lengths[0] == 0  # nothing learned yet
    assert 0 in lengths[2:]


def test_a_spoilt_agent_recovers_and_says_how_it_was_scored_and_what_it_learned_from() -> None:
    model = spoilt_model()
    quick = replace(QUICK, learning_rate=1e-3, gradient_steps=4, buffer_size=2000, batch_size=64)
    learner = DQNLearner(model, settings=replace(quick, tau=0.1, evidence=32, window=64))
    first, handed = 0, []
    while not handed and first < 640:
        batch = batch_of(range(first, first + 32))
        new = learner.learn(lived(batch, model))
        first += 32
        handed += [new] if new else []
    assert [new.version for new in handed] == [1]
    held_out = range(1_000_000, 1_002_000)
    spoilt, learned = (
        play_episodes(
            load_agent(each.content).act_in, held_out, observe_queues=True, **PHASE.env_kwargs
        )
        for each in (model, handed[-1])
    )
    difference = learned.objective - spoilt.objective
    assert difference.mean() < -2 * difference.std(ddof=1) / np.sqrt(len(held_out))
    for new in handed:
        assert new.score["objective_candidate"] < new.score["objective_current"]
        assert new.exploration == model.exploration
    (used,) = (
        used
        for used in load_agent(handed[-1].content).settings.trained_on or ()
        if used.purpose == "evaluation"
    )
    assert (used.first_seed, used.last_seed) == (0, first - 33)
