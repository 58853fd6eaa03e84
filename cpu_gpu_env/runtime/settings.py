"""What defines a stream: kept with a run, and the same when it is resumed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from cpu_gpu_env.baselines.oracle.search import FULL_EFFORT, QUICK_EFFORT, Effort
from cpu_gpu_env.checks import check_field, check_flag
from cpu_gpu_env.errors import HybridClusterError, not_allowed, shown, unknown_name
from cpu_gpu_env.results.provenance import ProblemRecord
from cpu_gpu_env.results.store.problems import PROBLEM_ARGUMENTS, env_kwargs_of
from cpu_gpu_env.runtime.drift import drift_phases
from cpu_gpu_env.runtime.records import Phase
from cpu_gpu_env.runtime.stream import STREAM_SEED

CERTIFIED, ANY_DEVICE, NO_BOUND = "certified", "any-device", "none"
"""Choices of bounds: those of the environment's schedules, those of schedulers that choose devices,
too, or none at all."""


@dataclass(frozen=True)
class StreamSettings:
    """What decides what is played, but for how many episodes and how fast; JSON values."""

    env_kwargs: Mapping[str, Any]
    """Arguments of the environment."""
    schedulers: tuple[str, ...]
    """Names, in the order of the lanes."""
    agents: tuple[str, ...] = ()
    """Files of agents and forests that take part."""
    seed: int = STREAM_SEED
    """Of the first episode."""
    drift: str | None = None
    """Kind of drift; None: the problem stays the same."""
    drift_episodes: int = 200
    """Episodes of each phase of a drift; the last one goes on without end."""
    bound: str = CERTIFIED
    """Which bounds."""
    quick_oracle: bool = False
    """Whether the oracle searches for a tenth of the time."""
    window: int = 100
    """Episodes of the sliding window."""
    electricity_price: float | None = None
    """Of a kWh; None: none."""

    @property
    def effort(self) -> Effort | None:
        """How hard the oracle searches; None: it does not take part."""
        if self.bound == NO_BOUND:
            return None
        return QUICK_EFFORT if self.quick_oracle else FULL_EFFORT

    def phases(self) -> tuple[Phase, ...]:
        """The phases of the stream, the last one without end.

        Raises:
            HybridClusterError: If an argument is not valid.
        """
        if self.drift is None:
            return (Phase(self.env_kwargs),)
        *first, last = drift_phases(self.drift, self.env_kwargs, self.drift_episodes)
        return (*first, Phase(last.env_kwargs, None, last.name))

    def to_json(self) -> dict[str, Any]:
        """JSON values, with the problems of the phases."""
        content = asdict(self)
        content["env_kwargs"] = _plain(self.env_kwargs)
        content["phases"] = [
            {
                "name": phase.name,
                "episodes": phase.episodes,
                "problem": ProblemRecord.of(phase.problem).to_json(),
            }
            for phase in self.phases()
        ]
        return content

    @staticmethod
    def from_json(content: Mapping[str, Any]) -> StreamSettings:
        """Read what `to_json` wrote.

        Raises:
            HybridClusterError: If a field is missing or is no such value.
        """
        names = [field.name for field in fields(StreamSettings)]
        given: dict[str, Any] = {
            name: check_field("settings", content, name, object) for name in names
        }
        for name in ("schedulers", "agents"):
            given[name] = tuple(map(str, check_field("settings", content, name, list)))
        if not given["schedulers"]:
            raise HybridClusterError("field 'schedulers' is empty; allowed: at least one name")
        check_flag("field 'quick_oracle'", given["quick_oracle"])
        if given["bound"] not in (bounds := (CERTIFIED, ANY_DEVICE, NO_BOUND)):
            raise not_allowed("field 'bound'", given["bound"], ", ".join(bounds))
        kwargs = dict(check_field("settings", content, "env_kwargs", dict))
        for name in kwargs:
            if name not in PROBLEM_ARGUMENTS:
                raise unknown_name("argument of the environment", name, sorted(PROBLEM_ARGUMENTS))
        fractions = kwargs.get("gpu_fractions")
        if isinstance(fractions, list):
            kwargs["gpu_fractions"] = tuple(fractions)
        return StreamSettings(**{**given, "env_kwargs": kwargs})

    def check_resumed(self, content: Mapping[str, Any], asked: Mapping[str, Any], run: int) -> None:
        """Check that a resumed run is what it was: what was asked for now, and the problems.

        Args:
            content: What `to_json` wrote when the run began.
            asked: What the command line says now, by name of a field or an argument of the
                environment.
            run: Its number.

        Raises:
            HybridClusterError: If something differs.
        """
        for name, value in asked.items():
            was = self.env_kwargs[name] if name in self.env_kwargs else getattr(self, name)
            if value != was:
                said = [
                    ",".join(map(str, v)) if isinstance(v, tuple) else str(v) for v in (was, value)
                ]
                raise HybridClusterError(
                    f"run {run} was made with {name} {said[0]}, now it is {said[1]}; allowed: the "
                    "same, or leave it out"
                )
        now = json.loads(json.dumps(self.to_json()["phases"]))
        then = check_field("settings", content, "phases", list)
        if [_name_and_length(phase) for phase in then] != [_name_and_length(p) for p in now]:
            raise HybridClusterError(f"run {run}: its phases are not those of its settings")
        for before, phase in zip(then, now, strict=True):
            problem = check_field("phase", before, "problem", dict)
            for name, of_now in phase["problem"].items():
                if problem.get(name) != of_now:
                    raise not_allowed(
                        f"run {run}: {name} of its problem",
                        of_now,
                        f"{shown(problem.get(name))}, as when the run began",
                    )


def _name_and_length(phase: Any) -> tuple[Any, Any]:
    return (phase.get("name"), phase.get("episodes")) if isinstance(phase, dict) else (None, None)


def phase_env_kwargs(row: Mapping[str, Any], phase: str) -> Mapping[str, Any]:
    """Arguments of the environment in a phase of a stored run of any kind.

    Args:
        row: Of the table of runs.
        phase: Name of the phase; empty where there is but one.

    Raises:
        HybridClusterError: If the row does not tell.
    """
    if row["settings"].get("drift") is None:
        return env_kwargs_of(row, phase)
    phases = {found.name: found for found in StreamSettings.from_json(row["settings"]).phases()}
    if phase not in phases:
        raise unknown_name(f"phase of run {row['run']}", phase, phases)
    return phases[phase].env_kwargs


def _plain(env_kwargs: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in env_kwargs.items()
    }
