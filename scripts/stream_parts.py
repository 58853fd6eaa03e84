"""What a stream is made of, from the command line or from what a store holds of a run."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from cpu_gpu_env.errors import HybridClusterError
from cpu_gpu_env.problem.problem import Problem, make_problem
from cpu_gpu_env.results.records import ORACLE
from cpu_gpu_env.runtime.lanes import Lane, OracleLane
from cpu_gpu_env.runtime.online import ONLINE, Kept, OnlineLane
from cpu_gpu_env.runtime.settings import NO_BOUND, StreamSettings
from cpu_gpu_env.runtime.stream_measures import StreamMeasures
from cpu_gpu_env.scripts import command, comparing
from cpu_gpu_env.scripts.stream import scheduler_names


def make_lanes(
    settings: StreamSettings, kept: Mapping[str, Kept], tell: Callable[[str], None]
) -> list[Lane]:
    """Build the lanes of a stream, in the order of the schedulers' names.

    Args:
        settings: Who takes part.
        kept: What lanes that learn go on from, by name.
        tell: Called with a line when something goes wrong with learning.

    Raises:
        HybridClusterError: If there is no scheduler of a name, one needs an oracle that is left
            out, or an agent is not usable.
    """
    price, others = settings.electricity_price, (*ONLINE, ORACLE)
    fixed = [name for name in settings.schedulers if name not in others]
    agents = [Path(path) for path in settings.agents]
    specs = {}
    for phase in settings.phases():  # each must fit all problems
        found = comparing.find_named(fixed, agents, settings.seed, phase.problem, others)
        specs = {spec.name: spec for spec in found}
    own_seed = comparing.decision_seed(settings.seed)
    lanes: list[Lane] = []
    for name in dict.fromkeys([*settings.schedulers, *specs]):
        needs_oracle = name == ORACLE or (name in ONLINE and ONLINE[name].needs_oracle)
        if needs_oracle and settings.bound == NO_BOUND:
            raise HybridClusterError(
                f"scheduler {name!r} needs the oracle's schedules, which --bound none leaves out; "
                "allowed: other schedulers, or another --bound"
            )
        if name == ORACLE:
            lanes.append(OracleLane(price))
        elif name in ONLINE:
            lanes.append(OnlineLane(name, own_seed, price, kept.get(name), tell))
        else:
            lanes.append(Lane(specs[name], price))
    return lanes


def make_measures(
    settings: StreamSettings, lanes: Sequence[Lane], row: Mapping[str, Any] | None
) -> StreamMeasures:
    """The measures of all lanes; those of a run that has stored some go on from there."""
    found = StreamMeasures(
        [lane.name for lane in lanes],
        settings.window,
        settings.electricity_price,
        learned=[lane.name for lane in lanes if lane.spec.learned],
    )
    if row is not None and row["measures"] is not None:
        found.restore("measures of the run", row["measures"])
    return found


def new_settings(arguments: argparse.Namespace) -> StreamSettings:
    """The settings of a new run."""
    kwargs, names = command.env_kwargs(arguments), scheduler_names(arguments)
    if "schedulers" not in arguments.explicit:
        names = tuple(comparing.fitting_names(names, make_problem(**kwargs)))
    given = _stated(arguments, names)
    return StreamSettings(env_kwargs=kwargs, **given)


def _stated(arguments: argparse.Namespace, names: Sequence[str]) -> dict[str, Any]:
    """Fields of the settings, but for the problem."""
    return {
        "schedulers": tuple(names),
        "agents": tuple(str(path.absolute()) for path in arguments.agent),
        **{
            name: getattr(arguments, name)
            for name in (
                "seed",
                "drift",
                "drift_episodes",
                "bound",
                "quick_oracle",
                "window",
                "electricity_price",
            )
        },
    }


def asked_for(arguments: argparse.Namespace, settings: StreamSettings) -> dict[str, Any]:
    """What the command line says in so many words of a run that has settings, by name in these."""
    names = scheduler_names(arguments, settings.schedulers)
    every = {**_stated(arguments, names), **command.env_kwargs(arguments)}
    said = dict(arguments.explicit)
    if "agent" in said:
        said["agents"] = said["agent"]
    if "online" in said:
        said["schedulers"] = said["online"]
    return {name: value for name, value in every.items() if name in said}


def last_episode(arguments: argparse.Namespace, problem: Problem) -> int | None:
    """How many episodes there are at most; None: without end."""
    if arguments.tasks is not None:
        return -(-int(arguments.tasks) // problem.num_tasks)
    episodes: int | None = arguments.episodes
    return episodes
