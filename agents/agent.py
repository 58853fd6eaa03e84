"""A trained net as a scheduler, with its checked settings: what the net is, and what it fits."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from itertools import pairwise
from typing import Any

import numpy as np
from stable_baselines3.common.policies import BasePolicy

from cpu_gpu_env.agents.defaults import ALGORITHM_NAMES
from cpu_gpu_env.agents.features import AgentFeatures, action_size, num_features
from cpu_gpu_env.baselines.schedulers.base import Actions, Memory, Scheduler
from cpu_gpu_env.checks import check_count, check_field, check_flag, is_number, is_whole
from cpu_gpu_env.errors import HybridClusterError, not_allowed, unknown_name
from cpu_gpu_env.problem.problem import MAX_ACTIONS, Problem
from cpu_gpu_env.results.held_out import UsedEpisodes, read_used_episodes
from cpu_gpu_env.sim.state import SchedulingState

MAX_LAYERS = 32
MAX_UNITS = 65_536
"""Units of a layer at most."""


@dataclass(frozen=True)
class AgentSettings:
    """What the net of an agent is, and what it was made for."""

    algo: str
    """Name of the algorithm."""
    net_arch: tuple[int, ...]
    """Units of each hidden layer."""
    num_actions: int
    """Actions that it chooses from."""
    observe_queues: bool
    """Whether its observations have the queues."""
    gpu_fractions: tuple[float, ...]
    """GPU fraction of each action."""
    context: bool = False
    """Whether its features include those of the problem."""
    made_by: Mapping[str, Any] = field(default_factory=dict)
    """Everything in the file, for the reader: the problem, the training. Not checked."""

    def __post_init__(self) -> None:
        if not isinstance(self.algo, str) or self.algo not in ALGORITHM_NAMES:
            error = unknown_name("algorithm", self.algo, ALGORITHM_NAMES)
            raise HybridClusterError(f"field 'algo': {error}")
        arch, fractions = self.net_arch, self.gpu_fractions
        units = isinstance(arch, tuple) and all(is_whole(units, 1, MAX_UNITS) for units in arch)
        if not units or len(arch) > MAX_LAYERS:
            allowed = f"a list of at most {MAX_LAYERS} whole numbers from 1 to {MAX_UNITS}"
            raise not_allowed("field 'net_arch'", arch, allowed)
        check_count("field 'num_actions'", self.num_actions, MAX_ACTIONS)
        for name in ("observe_queues", "context"):
            check_flag(f"field {name!r}", getattr(self, name))
        ascending = (
            isinstance(fractions, tuple)
            and all(is_number(fraction) and 0 <= fraction <= 1 for fraction in fractions)
            and all(low < high for low, high in pairwise(fractions))
        )
        if not ascending or len(fractions) != self.num_actions:
            allowed = f"{self.num_actions} ascending numbers in [0, 1], one for each action"
            raise not_allowed("field 'gpu_fractions'", fractions, allowed)

    @property
    def num_features(self) -> int:
        """Features that the net takes."""
        return num_features(self.num_actions, self.observe_queues, self.context)

    @property
    def layers(self) -> tuple[int, ...]:
        """Units of the net's layers, from what it takes to what it gives."""
        if self.algo == "dqn":  # one net for all actions
            size = action_size(self.num_actions, self.observe_queues, self.context)
            return (size, *self.net_arch, 1)
        return (self.num_features, *self.net_arch, self.num_actions)

    @staticmethod
    def parse(content: Any) -> AgentSettings:
        """Check the settings as they stand in a file.

        Raises:
            HybridClusterError: If a field is missing, of the wrong type, or out of range.
        """
        given: dict[str, Any] = {
            name: check_field("settings", content, name, object) for name in _USED
        }
        lists = {name: tuple(value) for name, value in given.items() if isinstance(value, list)}
        return AgentSettings(**{**given, **lists}, made_by=content)

    def to_json(self) -> dict[str, Any]:
        """Everything as it stands in a file."""
        return {**self.made_by, **{name: getattr(self, name) for name in _USED}}

    @property
    def trained_on(self) -> tuple[UsedEpisodes, ...] | None:
        """Episodes that it learned from or was chosen by; None if the file does not tell.

        Raises:
            HybridClusterError: If what the file tells of them is damaged.
        """
        return read_used_episodes(self.made_by)

    def check_fits(self, problem: Problem) -> None:
        """Check that an agent can act in a problem.

        Raises:
            HybridClusterError: If its actions are others.
        """
        if self.gpu_fractions != problem.gpu_fractions:
            allowed = f"{problem.gpu_fractions} here (set --gpu-fractions)"
            raise not_allowed("field 'gpu_fractions'", self.gpu_fractions, allowed)


_USED = tuple(used.name for used in fields(AgentSettings) if used.name != "made_by")


class Agent(Scheduler):
    """Acts by a trained policy, with the call that all schedulers share.

    Args:
        env: The environment that it will act in; see `Scheduler`.
        policy: A policy of Stable-Baselines3 on `AgentFeatures`.
        settings: What it was trained for.

    Raises:
        HybridClusterError: If it does not fit the environment.
    """

    def __init__(self, env: Any, policy: BasePolicy, settings: AgentSettings) -> None:
        super().__init__(env)
        settings.check_fits(self.problem)
        self.policy = policy
        self.features = AgentFeatures(self.problem, settings.observe_queues, settings.context)
        # Of the policies, only those that were trained with masks take them.
        self._masked = "action_masks" in inspect.signature(policy.predict).parameters
        self.needs_state = self._masked

    def choose(self, state: SchedulingState, memory: Memory) -> tuple[Actions, Memory]:
        """Take the action that the net values most."""
        options = {"action_masks": state.action_mask == 1} if self._masked else {}
        features = self.features(state.observation)
        actions, _ = self.policy.predict(features, deterministic=True, **options)
        return np.asarray(actions, dtype=np.int64), memory
