"""A DQN that goes on learning from the rewards of its own actions while a stream runs.

The lane that it decides for hands over finished episodes: seeds or tasks, and the actions that were
taken, exploration included. They are played again with the features and rewards that agents are
trained with (`cpu_gpu_env.agents.training_env`), which gives the transitions for a replay buffer of
recent experience (Lin, Machine Learning 8, 1992; Mnih et al., Nature 518, 2015).

What is learned does not go to the lane at once. Before new episodes are learned from, both the net
that the lane has and the one that learns play them without exploration, from the same start: their
tasks are known once they are finished. Only if the learner did better on what it had not seen (the
prequential test of Dawid, J. R. Stat. Soc. A 147, 1984) by more than chance easily makes it, the
lane gets it; if it did worse, it goes back to what the lane has. So a stream in which there is
nothing to learn costs the exploration, and no more.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from stable_baselines3.common.logger import Logger
from stable_baselines3.common.policies import BasePolicy
from stable_baselines3.common.utils import polyak_update

from cpu_gpu_env.agents.action_dqn import ActionDQN
from cpu_gpu_env.agents.agent import AgentSettings
from cpu_gpu_env.agents.algorithms import DQNSettings, acting_weights, build_policy, make_algorithm
from cpu_gpu_env.agents.checkpoint import checkpoint_to_bytes, read_progress, restore_checkpoint
from cpu_gpu_env.agents.global_state import own_global_state
from cpu_gpu_env.agents.pretrained import pretrained_path
from cpu_gpu_env.agents.saving import agent_to_bytes, load_agent
from cpu_gpu_env.agents.training_env import LearningVecEnv
from cpu_gpu_env.checks import MAX_FLOAT, check_count, check_field, check_number
from cpu_gpu_env.envs.vector_env import HybridClusterVectorEnv
from cpu_gpu_env.errors import HybridClusterError
from cpu_gpu_env.io.bounded_files import open_zip, read_member
from cpu_gpu_env.model.tasks import FloatArray
from cpu_gpu_env.results.held_out import TRAINED_ON, add_used_episodes, read_used_episodes
from cpu_gpu_env.runtime.exploring_agent import ExploringAgent
from cpu_gpu_env.runtime.records import EpisodeBatch, Experience, LearnedModel
from cpu_gpu_env.runtime.replayed import EpisodePlayer, Transitions
from cpu_gpu_env.runtime.trial import Trial

START = "dqn-queues"
"""Pretrained agent that online learning starts from unless told."""
EXPLORATION = 0.1
"""Probability of the next best action where it is nearly as good: see `ExploringAgent`."""
CHUNK = 32
"""Episodes that are scored together, then learned from."""
MAX_STATE_BYTES = 2**28
_CHECKPOINT, _MODEL = "checkpoint.zip", "model.zip"


@dataclass(frozen=True)
class OnlineSettings:
    """Settings of online learning; rate, `tau` and gradient steps were found by measurement.

    A long step is safe, since nothing is handed over that has not proved better, and it is what
    makes learning pay in time: of the 0.009 of J that dqn-queues has to gain where tasks arrive at
    a load of 0.5, 200 trainings on 64 episodes gained 0.006; with a quarter of the step and a fifth
    of `tau`, 0.003. Where there is nothing to gain neither lost anything (within 0.001).
    """

    learning_rate: float = 2e-3
    """Adam's step."""
    buffer_size: int = 20_000
    """Transitions kept for replay: the newest."""
    warm_up: int = 3_200
    """Transitions before the first gradient step."""
    gradient_steps: int = 8
    """Gradient steps for each `batch_size` transitions."""
    batch_size: int = 128
    """Transitions of a gradient step."""
    gamma: float = 0.9
    """Discount, see `DQNSettings`."""
    tau: float = 0.1
    """Part of the way that the target network goes after as many steps."""
    window: int = 192
    """Episodes at most that the learner is compared on."""
    evidence: int = 64
    """Episodes at least before it is decided."""
    needed: float = 1.5
    """Standard errors by which the learner must be better for the lane to get it."""
    too_bad: float = 3.0
    """Standard errors by which it is worse as it gives up what it has learned."""


def starting_model(name: str = START, exploration: float = EXPLORATION) -> LearnedModel:
    """What a lane begins with: a pretrained agent, as version 0.

    Raises:
        HybridClusterError: If there is none of that name.
    """
    return LearnedModel(0, pretrained_path(name).read_bytes(), exploration=exploration)


def make_online(env: Any, model: LearnedModel, seed: int | None = None) -> ExploringAgent:
    """Build the scheduler of a lane from a model.

    Args:
        env: The environment that it will act in, or its problem.
        model: What to act by.
        seed: Of the exploration.

    Raises:
        HybridClusterError: If the model is damaged, or does not fit the environment.
    """
    return ExploringAgent(env, load_agent(model.content), model.exploration, seed)


class DQNLearner:
    """Learns from finished episodes; a `Learner`.

    Args:
        model: What the lane begins with.
        seed: Of what is random in learning.
        settings: How to learn.

    Raises:
        HybridClusterError: If the model is damaged, or is not of a DQN.
    """

    def __init__(
        self,
        model: LearnedModel | None = None,
        seed: int = 0,
        settings: OnlineSettings | None = None,
    ) -> None:
        self._handed = starting_model() if model is None else model
        self._seed = seed
        self.settings = settings or OnlineSettings()
        self._learned = 0
        """Transitions learned from."""
        self._trial = Trial(self.settings.window)
        self._player: EpisodePlayer | None = None
        self._take_over()
        with own_global_state(1):
            self._dqn = self._make_dqn()
        self._dqn.policy.load_state_dict(self._current.state_dict())

    def _take_over(self) -> None:
        """Read the net that the lane has."""
        agent = load_agent(self._handed.content)
        if agent.settings.algo != "dqn":
            raise HybridClusterError(
                f"field 'algo' is {agent.settings.algo!r}; allowed here: 'dqn', which learns online"
            )
        self._current: BasePolicy = agent.policy
        self._agent_settings: AgentSettings = agent.settings
        self._used = agent.settings.trained_on  # None: it does not tell

    def _make_dqn(self) -> ActionDQN:
        own, agent = self.settings, self._agent_settings
        fractions = agent.gpu_fractions
        venv = HybridClusterVectorEnv(
            1, gpu_fractions=fractions, observe_queues=agent.observe_queues
        )
        env = LearningVecEnv(venv, agent.context)  # SB3 wants one; it is never stepped
        settings = DQNSettings(
            learning_rate=own.learning_rate,
            gamma=own.gamma,
            buffer_size=own.buffer_size,
            batch_size=own.batch_size,
            tau=own.tau,
        )
        dqn = make_algorithm("dqn", env, agent.net_arch, self._seed, settings)
        assert isinstance(dqn, ActionDQN)
        dqn.set_logger(Logger(None, []))
        return dqn

    @property
    def learned(self) -> int:
        """Transitions learned from so far."""
        return self._learned

    def learn(self, experience: Experience) -> LearnedModel | None:
        """Score lane and learner on the episodes, then learn from them.

        Returns:
            The learner as it was scored, if it has done better than what the lane has.

        Raises:
            HybridClusterError: If the agent does not fit the problem.
        """
        new = None
        with own_global_state(1):
            for chunk in _chunks(experience):
                new = self._learn(chunk) or new
        return new

    def _learn(self, experience: Experience) -> LearnedModel | None:
        player, batch = self._player_of(experience), experience.batch
        learner = self._acting()
        objectives = player.objectives(batch, (self._current, learner))
        transitions = player.transitions(batch, experience.actions)
        new = self._judge(learner, transitions.objective, *objectives)
        if self._used is not None:
            self._used = add_used_episodes(self._used, player.used(batch))
        self._remember(transitions)
        self._train(transitions.rewards.size)
        return new

    def _player_of(self, experience: Experience) -> EpisodePlayer:
        phase = experience.batch.phase
        known = self._player
        if known is None or known.phase.env_kwargs != phase.env_kwargs:
            if known is not None:  # what was better before need not be so now
                self._trial = Trial(self.settings.window)
            self._player = known = EpisodePlayer(phase, self._agent_settings)
        return known

    def _acting(self) -> BasePolicy:
        """The net that learns, as it would act."""
        dqn, agent = self._dqn, self._agent_settings
        policy = build_policy("dqn", dqn.observation_space, dqn.action_space, agent.net_arch)
        policy.load_state_dict(acting_weights(dqn))
        policy.set_training_mode(False)
        return policy

    def _judge(self, learner: BasePolicy, *objectives: FloatArray) -> LearnedModel | None:
        """Hand the learner over if it is better, and take it back if it is worse."""
        own, trial = self.settings, self._trial
        if self._dqn._n_updates == 0:  # has learned nothing yet
            return None
        trial.add(*objectives)
        if len(trial) < own.evidence:
            return None
        above = trial.standard_errors()
        if above > own.too_bad:
            self._start_again()
        elif above < -own.needed:
            return self._hand_over(learner)
        return None

    def _start_again(self) -> None:
        """Forget what was learned since the lane got its net, but not the experience."""
        self._dqn.policy.load_state_dict(self._current.state_dict())
        self._dqn.policy.optimizer.state.clear()
        self._trial = Trial(self.settings.window)

    def _hand_over(self, learner: BasePolicy) -> LearnedModel:
        made_by = {**self._agent_settings.made_by, "learned_online": self._learned}
        if self._used is not None:
            made_by[TRAINED_ON] = [record.to_json() for record in self._used]
        before, self._current = self._handed, learner
        self._handed = LearnedModel(
            before.version + 1,
            agent_to_bytes(learner, replace(self._agent_settings, made_by=made_by)),
            self._trial.score(),
            before.exploration,
        )
        self._trial = Trial(self.settings.window)
        return self._handed

    def _remember(self, transitions: Transitions) -> None:
        """Put transitions into the replay buffer, those of a task together."""
        buffer = self._dqn.replay_buffer
        assert buffer is not None
        num_tasks, episodes = transitions.actions.shape
        for task in range(num_tasks):
            done = np.array([task == num_tasks - 1])
            for episode in range(episodes):
                before, after = transitions.features[task : task + 2, episode]
                action = transitions.actions[task, episode : episode + 1]
                reward = transitions.rewards[task, episode : episode + 1]
                buffer.add(before, after, action, reward, done, [{}])

    def _train(self, new: int) -> None:
        """Take the gradient steps that so many new transitions are worth."""
        own, dqn = self.settings, self._dqn
        before, self._learned = self._learned, self._learned + new
        np.random.seed([self._seed, self._learned % 2**32])  # noqa: NPY002 (SB3 samples by it)
        if self._learned <= own.warm_up:
            return
        for _ in range(self._learned // own.batch_size - before // own.batch_size):
            dqn.train(own.gradient_steps, own.batch_size)
            polyak_update(dqn.q_net.parameters(), dqn.q_net_target.parameters(), own.tau)

    def state(self) -> bytes:
        """Everything that learning goes on from: a zip file of zip files of arrays and JSON."""
        progress = {
            "settings": asdict(self.settings),
            "version": self._handed.version,
            "exploration": self._handed.exploration,
            "score": dict(self._handed.score),
            "learned": self._learned,
            "trial": self._trial.to_json(),
            TRAINED_ON: None if self._used is None else [used.to_json() for used in self._used],
        }
        content = io.BytesIO()
        with zipfile.ZipFile(content, "w") as archive:
            archive.writestr(_CHECKPOINT, checkpoint_to_bytes(self._dqn, progress))
            archive.writestr(_MODEL, self._handed.content)
        return content.getvalue()

    def restore(self, state: bytes) -> None:
        """Go on from a state.

        Raises:
            HybridClusterError: If it is damaged, or of another learner.
        """
        with open_zip(state, MAX_STATE_BYTES, "learner", "not a DQN that learns") as archive:
            checkpoint = read_member(archive, _CHECKPOINT, MAX_STATE_BYTES)
            content = read_member(archive, _MODEL, MAX_STATE_BYTES)
            kept = read_progress(checkpoint)
            if kept.get("settings") != asdict(self.settings):
                raise HybridClusterError("its settings are not those of this learner")
            version = check_count("field 'version'", kept.get("version"), low=0)
            exploration = check_number("field 'exploration'", kept.get("exploration"), 0.0, 1.0)
            score = {
                name: check_number(f"field 'score': {name!r:.80}", value, -MAX_FLOAT)
                for name, value in check_field("learner", kept, "score", dict).items()
            }
            model = LearnedModel(version, content, score, exploration)
            other = DQNLearner(model, self._seed, self.settings)
            if _form_of(other._agent_settings) != _form_of(self._agent_settings):
                raise HybridClusterError("its agent is of another form than this learner's")
            restore_checkpoint(other._dqn, checkpoint)
            other._learned = check_count("field 'learned'", kept.get("learned"), low=0)
            other._trial.restore(check_field("learner", kept, "trial", dict))
            if other._used is not None:
                other._used = read_used_episodes(kept)
        self.__dict__.update(other.__dict__)  # only now: a damaged state changes nothing


def _form_of(agent: AgentSettings) -> AgentSettings:
    """What an agent is, whoever made it."""
    return replace(agent, made_by={})


def _chunks(experience: Experience) -> Iterator[Experience]:
    """Split into at most `CHUNK` episodes each, in order."""
    batch = experience.batch
    for first in range(0, len(batch), CHUNK):
        part = slice(first, first + CHUNK)
        tasks = None if batch.tasks is None else batch.tasks[part]
        episodes = EpisodeBatch(batch.first + first, batch.phase, batch.seeds[part], tasks)
        yield Experience(episodes, experience.actions[part], experience.oracle_actions[part])
