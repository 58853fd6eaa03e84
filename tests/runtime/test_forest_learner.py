"""Hybrid ML that goes on learning: scores are worked out again by playing, and states go on."""

import io
import zipfile
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from tiny_episodes import SMALL_POOLS

from cpu_gpu_env import HybridClusterError, HybridClusterVectorEnv, Tasks
from cpu_gpu_env.agents.pretrained import pretrained_path
from cpu_gpu_env.baselines.evaluation.play import play_episodes
from cpu_gpu_env.baselines.imitation.forest import Forest, load_forest
from cpu_gpu_env.baselines.imitation.hybrid_ml import Examples, HybridML, derive, fit_forest
from cpu_gpu_env.baselines.schedulers.heuristics import EarliestFinishTime
from cpu_gpu_env.runtime.background import BackgroundLearner
from cpu_gpu_env.runtime.forest_learner import (
    ForestLearner,
    ForestSettings,
    make_online,
    starting_model,
)
from cpu_gpu_env.runtime.records import EpisodeBatch, Experience, LearnedModel, Phase

NUM_TASKS = 20
PHASE = Phase({"num_tasks": NUM_TASKS})
QUICK = ForestSettings(window=400, warm_up=200, refit_every=100, num_trees=5, judged_on=20)
ALL_GPU, ALL_CPU = 5, 0

Rule = Callable[[Any], Any]


def experience(first: int, count: int = 5, rule: Rule = lambda seen: 5 * (seen[:, 0] > 0.5)) -> Any:
    """Episodes whose oracle follows a rule of what the environment shows."""
    seeds = tuple(range(first, first + count))
    env = HybridClusterVectorEnv(count, **PHASE.env_kwargs)
    observation, _ = env.reset(seed=list(seeds))
    labels = []
    for _ in range(NUM_TASKS):
        labels.append(np.broadcast_to(rule(observation), (count,)))
        observation, *_ = env.step(np.zeros(count, dtype=np.int64))
    actions = np.stack(labels, axis=1).astype(np.int64)
    return Experience(EpisodeBatch(first, PHASE, seeds), np.zeros_like(actions), actions)


def elsewhere(before: Experience) -> Experience:
    """The same episodes on another cluster."""
    phase = Phase({**PHASE.env_kwargs, "cluster": "h100-node"})
    return replace(before, batch=replace(before.batch, phase=phase))


def test_what_was_learned_on_another_cluster_is_forgotten() -> None:
    learner = ForestLearner(START, settings=QUICK)
    assert learned(learner, *(experience(5 * i) for i in range(3)))
    assert not learned(learner, elsewhere(experience(15)))
    fresh = ForestLearner(START, settings=QUICK)
    fresh.learn(elsewhere(experience(15)))
    after, alone = (learned(one, elsewhere(experience(20))) for one in (learner, fresh))
    assert [model.score for model in after] == [model.score for model in alone]
    assert [model.cluster for model in after] == [
        elsewhere(experience(0)).batch.phase.problem.cluster
    ]


def constantly(action: int) -> Rule:
    return lambda seen: action


def learned(learner: ForestLearner, *experiences: Experience) -> list[LearnedModel]:
    found = [learner.learn(one) for one in experiences]
    return [model for model in found if model is not None]


def forest_of(model: LearnedModel) -> Forest:
    return load_forest(model.content)


def shipped() -> Forest:
    return load_forest(pretrained_path("random-forest"))


def small_start() -> LearnedModel:
    """A small forest that knows little: large tasks belong to the GPUs."""
    observation = np.random.default_rng(0).random((200, 3)).astype(np.float32)
    examples = Examples(observation, (observation[:, 0] > 0.5).astype(float))
    return LearnedModel(0, fit_forest(examples, 0, 5, jobs=1).to_bytes())


START = small_start()


def test_a_lane_begins_with_the_pretrained_forest() -> None:
    model = starting_model()
    assert model.version == 0
    env = HybridClusterVectorEnv(8, num_tasks=30)
    online, frozen = make_online(env, model), HybridML(env, forest=shipped())
    observation, _ = env.reset(seed=3)
    for _ in range(30):
        actions, _ = online.predict(observation)
        np.testing.assert_array_equal(actions, frozen.predict(observation)[0])
        observation, *_ = env.step(actions)


def test_a_rule_is_learned_from_what_the_environment_shows() -> None:
    models = learned(ForestLearner(START, settings=QUICK), *(experience(5 * i) for i in range(4)))
    assert [model.version for model in models] == [1, 2, 3]
    new = experience(1_000, 10)
    env = HybridClusterVectorEnv(10, num_tasks=NUM_TASKS)
    observation, _ = env.reset(seed=list(range(1_000, 1_010)))
    scheduler, agree = make_online(env, models[-1]), 0
    for actions in new.oracle_actions.T:
        chosen, _ = scheduler.predict(observation)
        agree += int(((chosen >= 3) == (actions == ALL_GPU)).sum())
        observation, *_ = env.step(actions)
    assert agree > 0.85 * new.oracle_actions.size


def test_what_lies_before_the_window_is_forgotten() -> None:
    before = [experience(5 * i, rule=constantly(ALL_CPU)) for i in range(4)]
    after = [experience(100 + 5 * i, rule=constantly(ALL_GPU)) for i in range(4)]
    # Never sending anything to a GPU is so bad that it is not allowed to go on.
    lenient = replace(QUICK, too_bad=1e9)
    models = learned(ForestLearner(START, settings=lenient), *before, *after)
    rows = np.random.default_rng(0).random((50, 5))
    assert (forest_of(models[2]).predict(rows) == 0.0).all()
    assert (forest_of(models[-1]).predict(rows) == 1.0).all()
    assert len(models) == 7


def test_the_score_is_that_of_the_forest_before_on_episodes_it_has_not_seen() -> None:
    learner = ForestLearner(START, settings=QUICK)
    (first,) = learned(learner, *(experience(5 * i) for i in range(2)))
    new = experience(10)
    (second,) = learned(learner, new)
    lanes = {"start": forest_of(START), "first": forest_of(first)}
    played = {
        name: play_episodes(
            lambda env, f=forest: HybridML(env, forest=f), range(first_seed, 15), num_tasks=20
        )
        for first_seed, (name, forest) in zip((0, 10), lanes.items(), strict=True)
    }
    start, newest = played["start"].objective, played["first"].objective
    # Until there was a first, the newest was what the lane began with.
    expected = np.concatenate([start[:10], newest]).mean()
    assert second.score["objective"] == pytest.approx(expected, rel=1e-12)
    assert second.score["objective_without_learning"] == pytest.approx(start.mean(), rel=1e-12)
    env = HybridClusterVectorEnv(5, num_tasks=20)
    observation, _ = env.reset(seed=list(range(10, 15)))
    errors, fractions = [], []
    for actions in new.oracle_actions.T:
        fractions.append(0.2 * actions)
        errors.append(fractions[-1] - lanes["first"].predict(derive(observation)))
        observation, *_ = env.step(actions)
    error, fraction = np.concatenate(errors), np.concatenate(fractions)
    assert second.score["mean_absolute_error"] == pytest.approx(np.abs(error).mean())
    r_squared = 1 - (error**2).sum() / ((fraction - fraction.mean()) ** 2).sum()
    assert second.score["r_squared"] == pytest.approx(r_squared)


def test_there_is_a_fit_once_enough_tasks_have_come() -> None:
    learner = ForestLearner(START, settings=replace(QUICK, warm_up=300, refit_every=160))
    found = [learner.learn(experience(5 * i)) is not None for i in range(6)]
    assert found == [False, False, True, False, True, False]


def test_doubt_is_decided() -> None:
    rng = np.random.default_rng(0)
    half = experience(0, 20, lambda seen: 5 * (rng.random(len(seen)) < 0.5))
    (model,) = learned(ForestLearner(START, settings=QUICK), half)
    leaves = forest_of(model)
    assert leaves.settings["centre"] == QUICK.centre
    # A line through (0.35, 0.5) with slope 2, cut off at 0 and 1.
    values = np.array([0.0, 0.1, 0.35, 0.5, 0.7, 1.0])
    by_hand = [0.0, 0.0, 0.5, 0.8, 1.0, 1.0]
    leaf = replace(leaves, value=values)
    assert leaf.steepened(0.35, 2.0).value == pytest.approx(by_hand)


def test_learning_that_does_harm_is_given_up_and_taken_up_again() -> None:
    learner = ForestLearner(START, settings=replace(QUICK, judged_on=10))
    bad = [experience(5 * i, rule=constantly(ALL_CPU)) for i in range(5)]
    models = learned(learner, *bad)
    contents = [model.content for model in models]
    assert contents[-1] == START.content
    assert contents[0] != contents[-1]
    # It is not handed over again and again.
    assert contents.count(contents[-1]) == 1
    env = HybridClusterVectorEnv(5, num_tasks=20)
    good = []
    for first in range(100, 160, 5):
        observation, _ = env.reset(seed=list(range(first, first + 5)))
        frozen, actions = make_online(env, START), []
        for _ in range(20):
            actions.append(frozen.predict(observation)[0])
            observation, *_ = env.step(actions[-1])
        batch = EpisodeBatch(first, PHASE, tuple(range(first, first + 5)))
        good.append(Experience(batch, np.stack(actions, axis=1), np.stack(actions, axis=1)))
    again = learned(learner, *good)
    assert again
    assert again[-1].content != START.content


def test_given_tasks_are_learned_from_as_drawn_ones_are() -> None:
    drawn = experience(0, 10)
    env = HybridClusterVectorEnv(10, num_tasks=20)
    env.reset(seed=list(range(10)))
    tasks = env.episode_tasks()
    assert isinstance(tasks[0], Tasks)
    given = replace(drawn, batch=replace(drawn.batch, tasks=tasks))
    models = [learned(ForestLearner(START, settings=QUICK), one)[0] for one in (drawn, given)]
    assert models[0].content == models[1].content
    assert models[0].score == pytest.approx(models[1].score, rel=1e-9)


def test_without_an_oracle_there_is_nothing_to_learn() -> None:
    unknown = experience(0)
    unknown = replace(unknown, oracle_actions=np.full_like(unknown.oracle_actions, -1))
    with pytest.raises(HybridClusterError, match="the oracle's actions are from -1 to -1; allowed"):
        ForestLearner(START).learn(unknown)


@pytest.mark.parametrize("cut", [0, 1, 3, 5])
def test_a_state_goes_on_as_if_nothing_had_been(cut: int) -> None:
    stream = [experience(3 * i, 3) for i in range(8)]
    whole = ForestLearner(START, settings=QUICK)
    expected = [whole.learn(one) for one in stream]
    before, after = ForestLearner(START, settings=QUICK), ForestLearner(START, settings=QUICK)
    for one in stream[:cut]:
        before.learn(one)
    after.restore(before.state())
    found = [after.learn(one) for one in stream[cut:]]
    for one, other in zip(expected[cut:], found, strict=True):
        assert (one is None) == (other is None)
        if one is not None and other is not None:
            assert (one.version, one.content) == (other.version, other.content)
            assert one.score == other.score
    assert any(expected[cut:])


@pytest.fixture(scope="module")
def members() -> dict[str, bytes]:
    learner = ForestLearner(START, settings=QUICK)
    learned(learner, experience(0, 12), experience(12, 2))
    with zipfile.ZipFile(io.BytesIO(learner.state())) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def zipped(members: dict[str, bytes]) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, member in members.items():
            archive.writestr(name, member)
    return content.getvalue()


def npy(array: Any, pickled: bool = False) -> bytes:
    content = io.BytesIO()
    np.save(content, array, allow_pickle=pickled)
    return content.getvalue()


def test_the_parts_of_a_state_make_a_state(members: dict[str, bytes]) -> None:
    learner = ForestLearner(START, settings=QUICK)
    learner.restore(zipped(members))
    with zipfile.ZipFile(io.BytesIO(learner.state())) as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == members


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("header.json", b"{", "no JSON"),
        ("header.json", b"[]", "a JSON object"),
        ("header.json", b'{"format_version": 2}', "'format_version' is 2; allowed: 1"),
        ("header.json", b'{"format_version": 1, "learner": "dqn"}', "allowed: 'forest'"),
        ("header.json", b'{"format_version": 1, "learner": "forest"}', "'version' is None"),
        ("newest.npz", b"", "not a forest file"),
        ("start.npz", b"PK", "not a forest file"),
        ("observation.npy", npy(np.zeros((3, 3), "f4")), "length of 'observation' is 3"),
        ("observation.npy", npy(np.zeros((280, 4), "f4")), "array 'observation'"),
        ("gpu_fraction.npy", npy(np.full(280, 2.0)), "beyond"),
        ("gpu_fraction.npy", npy(np.full(280, np.nan)), "beyond"),
        ("gpu_fraction.npy", npy(np.float64(0.5)), "array 'gpu_fraction'"),
        ("predicted.npy", npy(np.zeros(281)), "length of 'predicted' is 281"),
        ("predicted.npy", npy(np.zeros(280, "f4")), "array 'predicted'"),
        ("objectives.npy", npy(np.zeros((5, 3))), "array 'objectives'"),
        ("objectives.npy", npy(np.array([{}] * 3), pickled=True), "no array"),
    ],
)
def test_damaged_states_are_refused_and_change_nothing(
    members: dict[str, bytes], name: str, content: bytes, said: str
) -> None:
    learner = ForestLearner(START, settings=QUICK)
    before = learner.state()
    with pytest.raises(HybridClusterError, match=said):
        learner.restore(zipped({**members, name: content}))
    assert learner.state() == before


@pytest.mark.parametrize("missing", ["header.json", "start.npz", "observation.npy"])
def test_states_that_lack_something_are_refused(members: dict[str, bytes], missing: str) -> None:
    rest = {name: content for name, content in members.items() if name != missing}
    with pytest.raises(HybridClusterError, match=f"not the state of a forest: {missing}"):
        ForestLearner(START).restore(zipped(rest))
    with pytest.raises(HybridClusterError, match="that was kept: not a state file"):
        ForestLearner(START).restore(b"nothing like it")


def quick_learner() -> ForestLearner:
    return ForestLearner(START, settings=QUICK)


def test_it_learns_in_a_process_of_its_own_what_it_learns_here() -> None:
    stream = [experience(5 * i) for i in range(4)]
    here = learned(quick_learner(), *stream)
    with BackgroundLearner(quick_learner) as background:
        for one in stream:
            background.offer(one)
        state = background.state(60.0)
        model = None
        while model is None or model.version < here[-1].version:
            state = background.state(60.0)
            model = background.take() or model
    assert (model.version, model.content) == (here[-1].version, here[-1].content)
    other = quick_learner()
    assert state is not None
    other.restore(state)
    assert other.state() == model.state


def test_where_times_are_shown_it_starts_from_a_rule_and_learns() -> None:
    phase = Phase({"workload": SMALL_POOLS["measured"], "num_tasks": NUM_TASKS})
    learner = ForestLearner(START, settings=QUICK)
    found = []
    for first in range(0, 20, 5):
        seeds = tuple(range(first, first + 5))
        labels = np.full((5, NUM_TASKS), ALL_GPU)
        batch = EpisodeBatch(first, phase, seeds)
        found += learned(learner, Experience(batch, labels, labels))
    assert found
    assert forest_of(found[0]).settings["features"] == ["cpu_time", "gpu_time", "memory"]
    env = HybridClusterVectorEnv(2, **phase.env_kwargs)
    observation, _ = env.reset(seed=0)
    begun, rule = make_online(env, START), EarliestFinishTime(env)
    assert begun.predict(observation)[0].tolist() == rule.predict(observation)[0].tolist()
    assert make_online(env, found[0]).predict(observation)[0].tolist() == [ALL_GPU] * 2
    again = ForestLearner(START, settings=QUICK)
    again.restore(learner.state())
    assert again.state() == learner.state()
