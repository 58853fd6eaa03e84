"""Runs in a store, written row by row from what `compare` and `place_tasks` find.

Nothing of the runtime takes part but its tables, so that what reads them is held against more than
what writes them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cache, partial
from typing import Any

import sqlalchemy as sa

from cpu_gpu_env.baselines import make_scheduler
from cpu_gpu_env.baselines.evaluation.comparison import SchedulerSpec, compare
from cpu_gpu_env.baselines.oracle.cache import solve_episodes
from cpu_gpu_env.baselines.oracle.search import QUICK_EFFORT
from cpu_gpu_env.envs.vector_env import HybridClusterVectorEnv
from cpu_gpu_env.model.tasks import COLUMNS, Tasks
from cpu_gpu_env.results.records import Comparison
from cpu_gpu_env.results.store import tables
from cpu_gpu_env.results.store.database import Store, writing_engine
from cpu_gpu_env.results.store.schema import migrate
from cpu_gpu_env.sim.instance import Instance
from cpu_gpu_env.sim.placed import PlacedTasks, place_tasks

SCHEDULERS = ("myopic", "earliest-finish", "random")


def open_store(url: str) -> sa.Engine:
    """Make a store, if there is none, and an engine that writes to it."""
    store = Store.of(url)
    engine = writing_engine(store)
    with engine.begin() as connection:
        migrate(connection, store)
    return engine


def insert(engine: sa.Engine, table: sa.Table, rows: Sequence[Mapping[str, Any]]) -> None:
    with engine.begin() as connection:
        connection.execute(sa.insert(table), list(rows))


def add_run(engine: sa.Engine, **columns: Any) -> int:
    """Insert a row of runs; returns its number."""
    row = {
        "kind": "stream",
        "status": "finished",
        "started_at": 1.7e9,
        "ended_at": 1.7e9 + 60.0,
        "command": "python scripts/stream.py",
        "schedulers": list(SCHEDULERS),
        "provenance": {},
        "settings": {},
        "notes": [],
        "next_episode": 0,
        "tasks": 0,
        "clock_s": 0.0,
        **columns,
    }
    with engine.begin() as connection:
        return int(connection.execute(sa.insert(tables.runs).values(row)).inserted_primary_key[0])


Played = tuple[Comparison, list[Instance], list[Tasks]]


def play(kwargs: Mapping[str, Any], seeds: Sequence[int]) -> Played:
    """Compare `SCHEDULERS` and the oracle on the episodes of seeds."""
    return _play(json.dumps(kwargs), tuple(seeds))


@cache
def _play(kwargs_json: str, seeds: tuple[int, ...]) -> Played:
    kwargs = json.loads(kwargs_json)
    env = HybridClusterVectorEnv(len(seeds), **kwargs)
    env.reset(seed=list(seeds))
    instances, tasks = env.instances(), env.episode_tasks()
    solved = solve_episodes(instances, None, QUICK_EFFORT, 1)
    specs = [SchedulerSpec(name, partial(make_scheduler, name, seed=1)) for name in SCHEDULERS]
    return compare(specs, seeds, kwargs, "made", oracle=solved), instances, tasks


def store_run(
    engine: sa.Engine, phases: Mapping[str, tuple[Mapping[str, Any], Sequence[int]]], **run: Any
) -> tuple[int, dict[str, Comparison]]:
    """Store a stream whose phases, by name, have arguments of the environment and seeds.

    Returns:
        Number of the run, and what `compare` finds in each phase.
    """
    played = {name: play(kwargs, seeds) for name, (kwargs, seeds) in phases.items()}
    first = next(iter(played.values()))[0]
    names = [*SCHEDULERS, "oracle"]
    settings = {
        "env_kwargs": dict(next(iter(phases.values()))[0]),
        "seed": next(iter(phases.values()))[1][0],
        "phases": [
            {"name": name, "episodes": len(seeds), "env_kwargs": dict(kwargs)}
            for name, (kwargs, seeds) in phases.items()
        ],
    }
    provenance = {k: v for k, v in first.provenance.to_json().items() if k != "seeds"}
    columns = {"schedulers": names, "provenance": provenance, "settings": settings, **run}
    number, episode, sequence = add_run(engine, **columns), 0, 0
    for name, (comparison, instances, tasks) in played.items():
        insert(engine, tables.episodes, episode_rows(number, name, episode, comparison))
        rows = decision_rows(number, episode, sequence, comparison, instances, tasks)
        insert(engine, tables.decisions, rows)
        episode += len(instances)
        sequence += sum(map(len, tasks))
    with engine.begin() as connection:
        connection.execute(
            sa.update(tables.runs)
            .where(tables.runs.c.run == number)
            .values(next_episode=episode, tasks=sequence)
        )
    return number, {name: comparison for name, (comparison, _, _) in played.items()}


def episode_rows(run: int, phase: str, first: int, comparison: Comparison) -> list[dict[str, Any]]:
    assert comparison.bounds is not None
    return [
        {
            "run": run,
            "scheduler": result.name,
            "episode": first + index,
            "phase": phase,
            "seed": str(seed),
            "tasks": comparison.provenance.problem.num_tasks,
            "finished_at": 1.7e9 + index,
            "model_version": 0,
            "exploration": 0.0,
            "bound": float(comparison.bounds[index]),
            "utilisation": [0.25, 0.5],
            **{m.key: float(values[index]) for m, values in result.episodes.values.items()},
        }
        for result in comparison.results
        for index, seed in enumerate(result.episodes.seeds)
    ]


def decision_rows(
    run: int,
    first_episode: int,
    first_sequence: int,
    comparison: Comparison,
    instances: Sequence[Instance],
    tasks: Sequence[Tasks],
) -> list[dict[str, Any]]:
    rows = []
    fractions = instances[0].costs.gpu_fractions
    for result in comparison.results:
        placed = place_tasks(instances, result.episodes.actions)
        for index in range(len(instances)):
            for task in range(len(tasks[index])):
                action = int(result.episodes.actions[index, task])
                row = _placed(placed, index, task)
                rows.append(
                    {
                        "run": run,
                        "scheduler": result.name,
                        "sequence": first_sequence + index * len(tasks[index]) + task,
                        "episode": first_episode + index,
                        "task": task,
                        **{c: float(getattr(tasks[index], c)[task]) for c in COLUMNS},
                        "action": action,
                        "gpu_fraction": fractions[action],
                        "fallback": fractions[action] > 0 and row["gpu_device"] is None,
                        "model_version": 0,
                        **row,
                    }
                )
    return rows


def _placed(placed: PlacedTasks, index: int, task: int) -> dict[str, Any]:
    where = index, task
    found: dict[str, Any] = {"energy_j": float(placed.energy_j[where])}
    for name, pool in (("cpu", placed.cpus), ("gpu", placed.gpus)):
        used = pool.device[where] >= 0
        found[f"{name}_wait_s"] = float(pool.wait_s[where])
        found[f"{name}_device"] = int(pool.device[where]) if used else None
        found[f"{name}_start_s"] = float(pool.start_s[where]) if used else None
        found[f"{name}_finish_s"] = float(pool.finish_s[where]) if used else None
    return found
