"""The DQN that learns online: what it learns from, what it hands over, what it goes on from."""

from dataclasses import replace

import numpy as np
import pytest

from cpu_gpu_env import HybridClusterVectorEnv
from cpu_gpu_env.agents.features import COST_UNIT
from cpu_gpu_env.agents.saving import load_agent
from cpu_gpu_env.baselines.evaluation.play import EpisodePlay
from cpu_gpu_env.baselines.schedulers.fixed import RandomScheduler
from cpu_gpu_env.model.tasks import Tasks
from cpu_gpu_env.runtime import dqn_learner
from cpu_gpu_env.runtime.dqn_learner import DQNLearner, OnlineSettings, make_online, starting_model
from cpu_gpu_env.runtime.exploring_agent import ExploringAgent
from cpu_gpu_env.runtime.records import EpisodeBatch, Experience, LearnedModel, Phase
from cpu_gpu_env.runtime.replayed import EpisodePlayer

TASKS = 12
PHASE = Phase({"num_tasks": TASKS})
QUICK = OnlineSettings(
    buffer_size=200, warm_up=48, batch_size=16, gradient_steps=1, evidence=8, window=16
)


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


@pytest.mark.parametrize("given", [False, True])
def test_replayed_episodes_are_those_that_were_played(given: bool) -> None:
    seeds = range(4)
    tasks = given_tasks(seeds) if given else None
    env = HybridClusterVectorEnv(len(seeds), **PHASE.env_kwargs, observe_queues=True)
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
    assert restored.state() == whole.state()
    for experience in experiences[3:]:
        one, other = whole.learn(experience), restored.learn(experience)
        assert (one and (one.version, one.content)) == (other and (other.version, other.content))
    assert restored.state() == whole.state()
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
    assert one.state() == other.state()


def test_the_lane_draws_as_often_as_it_says_and_the_same_beside_any_episodes() -> None:
    seeds = tuple(range(40))
    kwargs = {"num_tasks": 60, "observe_queues": True}
    model = starting_model(exploration=0.25)

    def actions(of: tuple[int, ...], exploration: float, seed: int = 3) -> np.ndarray:
        env = HybridClusterVectorEnv(len(of), **kwargs)
        own = replace(model, exploration=exploration)
        return EpisodePlay(lambda env: make_online(env, own, seed), env, of).finish().actions

    exploring = actions(seeds, 0.25)
    assert (exploring[7:9] == actions(seeds[7:9], 0.25)).all()
    assert (exploring != actions(seeds, 0.25, seed=4)).any()
    drawn = actions(seeds, 1.0)
    count = np.bincount(drawn.ravel(), minlength=6)
    assert np.abs(count - drawn.size / 6).max() < 5 * np.sqrt(drawn.size * 5 / 36)
    # The first task finds the same queues whatever is explored.
    first = np.array([actions((s,), 0.25)[0, 0] for s in range(40)])
    assert (first == exploring[:, 0]).all()


def test_what_is_explored_differs_from_the_agents_action_at_the_stated_rate() -> None:
    env = HybridClusterVectorEnv(2000, num_tasks=2, observe_queues=True)
    observation, _ = env.reset(seed=0)
    state = env.scheduling_state().observed(observation)
    agent = load_agent("dqn-queues")
    exploring = ExploringAgent(env, agent, 0.3, seed=0)
    memory = exploring.recall(None, None, 2000)
    greedy, _ = agent.act_in(env).choose(state, None)
    differing = (exploring.choose(state, memory)[0] != greedy).mean()
    expected = 0.3 * 5 / 6  # one draw in six is the agent's own
    assert differing == pytest.approx(expected, abs=5 * np.sqrt(expected / 2000))


def test_only_what_fits_is_explored() -> None:
    env = HybridClusterVectorEnv(3, num_tasks=2, observe_queues=True)
    observation, _ = env.reset(seed=0)
    state = env.scheduling_state().observed(observation)
    mask = np.array([[1, 0, 0, 0, 0, 0], [0, 0, 1, 0, 1, 0], [0, 0, 0, 0, 0, 1]], dtype=np.int8)
    exploring = ExploringAgent(env, load_agent("dqn-queues"), 1.0, seed=0)
    memory = exploring.recall(None, None, 3)
    taken = np.array(
        [exploring.choose(replace(state, action_mask=mask), memory)[0] for _ in range(60)]
    )
    assert [set(column) for column in taken.T.tolist()] == [{0}, {2, 4}, {5}]
