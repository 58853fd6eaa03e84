"""The settings of an agent on disk, checked: what its net is, and which problems it fits."""

from __future__ import annotations

import reprlib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from itertools import pairwise
from typing import Any

from cpu_gpu_env.agents.defaults import ALGORITHM_NAMES
from cpu_gpu_env.agents.features import action_size, num_features
from cpu_gpu_env.errors import HybridClusterError, unknown_name
from cpu_gpu_env.problem.problem import MAX_ACTIONS, Problem

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
            error = unknown_name("algorithm", reprlib.repr(self.algo), ALGORITHM_NAMES)
            raise HybridClusterError(f"field 'algo': {error}")
        _check(
            "net_arch",
            self.net_arch,
            _is_sequence(self.net_arch, MAX_LAYERS)
            and all(_is_whole(units, 1, MAX_UNITS) for units in self.net_arch),
            f"a list of at most {MAX_LAYERS} whole numbers from 1 to {MAX_UNITS}",
        )
        _check(
            "num_actions",
            self.num_actions,
            _is_whole(self.num_actions, 1, MAX_ACTIONS),
            f"a whole number from 1 to {MAX_ACTIONS}",
        )
        _check(
            "observe_queues",
            self.observe_queues,
            isinstance(self.observe_queues, bool),
            "true or false",
        )
        _check("context", self.context, isinstance(self.context, bool), "true or false")
        _check(
            "gpu_fractions",
            self.gpu_fractions,
            _is_sequence(self.gpu_fractions, MAX_ACTIONS)
            and all(_is_fraction(value) for value in self.gpu_fractions)
            and all(low < high for low, high in pairwise(self.gpu_fractions))
            and len(self.gpu_fractions) == self.num_actions,
            f"a list of {self.num_actions} ascending numbers in [0, 1], one for each action",
        )

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
        if not isinstance(content, dict):
            raise HybridClusterError(f"settings are {reprlib.repr(content)}; allowed: an object")
        names = [used.name for used in fields(AgentSettings) if used.name != "made_by"]
        for name in names:
            if name not in content:
                raise HybridClusterError(f"field {name!r} is missing")
        given = {name: content[name] for name in names}
        lists = {name: tuple(value) for name, value in given.items() if isinstance(value, list)}
        return AgentSettings(**{**given, **lists}, made_by=content)

    def to_json(self) -> dict[str, Any]:
        """Everything as it stands in a file."""
        used = {one.name: getattr(self, one.name) for one in fields(self) if one.name != "made_by"}
        return {**self.made_by, **used}

    def check_fits(self, problem: Problem) -> None:
        """Check that an agent can act in a problem.

        Raises:
            HybridClusterError: If its actions are others.
        """
        _check(
            "gpu_fractions",
            list(self.gpu_fractions),
            self.gpu_fractions == problem.gpu_fractions,
            f"{list(problem.gpu_fractions)} here (set --gpu-fractions)",
        )


def _check(name: str, value: Any, valid: bool, allowed: str) -> None:
    if not valid:
        shown = list(value) if isinstance(value, tuple) else value
        raise HybridClusterError(f"field {name!r} is {reprlib.repr(shown)}; allowed: {allowed}")


def _is_sequence(value: Any, length: int) -> bool:
    return isinstance(value, tuple) and len(value) <= length


def _is_whole(value: Any, low: int, high: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


def _is_fraction(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value <= 1
