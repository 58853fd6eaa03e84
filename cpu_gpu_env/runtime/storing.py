"""Finished batches as rows of the results store."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from cpu_gpu_env.results.metrics import DECISION_METRICS
from cpu_gpu_env.results.store import tables
from cpu_gpu_env.results.store.rows import Rows
from cpu_gpu_env.runtime.engine import Finished
from cpu_gpu_env.runtime.lanes import Arrived
from cpu_gpu_env.runtime.records import LaneEpisodes, LearnedModel
from cpu_gpu_env.sim.placed import PoolShares


def episode_rows(run: int, finished: Finished) -> list[Rows]:
    """Rows of the table of episodes, for each scheduler."""
    batch, bounds = finished.arrived.batch, finished.arrived.bounds
    common: dict[str, Any] = {
        "run": run,
        "episode": np.arange(batch.first, batch.first + len(batch)),
        "phase": batch.phase.name,
        "seed": [str(seed) for seed in batch.seeds],
        "tasks": batch.phase.problem.num_tasks,
        "finished_at": time.time(),
        "bound": bounds,
    }
    return [
        Rows(tables.episodes, {**common, **_of_lane(name, lane)}, len(batch))
        for name, lane in finished.lanes.items()
    ]


def _of_lane(name: str, lane: LaneEpisodes) -> dict[str, Any]:
    found: dict[str, Any] = {
        "scheduler": name,
        "model_version": lane.model_version,
        "exploration": lane.exploration,
        "utilisation": lane.utilisation.tolist(),
    }
    found |= {metric.key: values for metric, values in lane.values.items()}
    for percent, metric in DECISION_METRICS.items():
        timed = len(lane.decision_s) > 0
        found[metric.key] = float(np.percentile(lane.decision_s, percent)) if timed else None
    return found


def decision_rows(run: int, finished: Finished) -> list[Rows]:
    """Rows of the table of decisions, for each scheduler, in order of the tasks."""
    common = _of_tasks(run, finished.arrived)
    fractions = np.array(finished.arrived.batch.phase.problem.gpu_fractions)
    found = []
    for name, lane in finished.lanes.items():
        actions, placed = lane.actions.ravel(), lane.placed
        chosen = fractions[actions]
        columns = {
            **common,
            "scheduler": name,
            "cpu_wait_s": placed.cpus.wait_s.ravel(),
            "gpu_wait_s": placed.gpus.wait_s.ravel(),
            "action": actions,
            "gpu_fraction": chosen,
            "fallback": (chosen > 0.0) & (placed.gpus.device.ravel() < 0),
            **_of_pool("cpu", placed.cpus),
            **_of_pool("gpu", placed.gpus),
            "energy_j": placed.energy_j.ravel(),
            "model_version": lane.model_version,
        }
        found.append(Rows(tables.decisions, columns, len(actions)))
    return found


def _of_tasks(run: int, arrived: Arrived) -> dict[str, Any]:
    """The columns that are the same for all schedulers."""
    batch, tasks = arrived.batch, arrived.tasks
    count, num_tasks = len(batch), batch.phase.problem.num_tasks
    first = batch.first * num_tasks
    numbers = np.arange(first, first + count * num_tasks)
    return {
        "run": run,
        "sequence": numbers,
        "episode": numbers // num_tasks,
        "task": numbers % num_tasks,
        "arrival_s": np.concatenate([instance.release_s for instance in arrived.instances]),
        "size_flop": np.concatenate([own.size_flop for own in tasks]),
        "intensity_flop_per_byte": np.concatenate([own.intensity_flop_per_byte for own in tasks]),
        "memory_bytes": np.concatenate([own.memory_bytes for own in tasks]),
        "pool_row": None if arrived.rows is None else np.concatenate(arrived.rows),
    }


def _of_pool(kind: str, shares: PoolShares) -> dict[str, Any]:
    device = shares.device.ravel()
    return {
        f"{kind}_device": np.ma.masked_array(device, device < 0),
        f"{kind}_start_s": shares.start_s.ravel(),
        f"{kind}_finish_s": shares.finish_s.ravel(),
    }


def model_row(run: int, scheduler: str, model: LearnedModel, episode: int) -> Rows:
    """The row of a model that a scheduler has from an episode on."""
    columns = {
        "run": run,
        "scheduler": scheduler,
        "version": model.version,
        "episode": episode,
        "made_at": time.time(),
        "score": [dict(model.score)],
        "content": [model.content],
        "exploration": model.exploration,
    }
    return Rows(tables.models, columns, 1)


def learner_row(run: int, scheduler: str, state: bytes, next_episode: int) -> Rows:
    """The row of what a learner goes on from."""
    columns = {"run": run, "scheduler": scheduler, "episode": next_episode, "state": [state]}
    return Rows(tables.learners, columns, 1)
