"""Runs for the server to read, made by hand of round numbers, and how to ask it of them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import httpx
import sqlalchemy as sa
import stored_runs

from cpu_gpu_env.dashboard.app import make_app
from cpu_gpu_env.dashboard.settings import DashboardSettings
from cpu_gpu_env.results.store import tables

NAMES = ("myopic", "random", "oracle")
STREAM = {"num_tasks": 6, "cluster": "a100-node"}


class Asked:
    """The application of a store, asked without a server around it; a context manager."""

    def __init__(self, store: str) -> None:
        self.app = make_app(DashboardSettings(store))

    def __enter__(self) -> Asked:
        return self

    def __exit__(self, *_: object) -> None:
        self.app.state.services.close()

    def ask(self, path: str) -> httpx.Response:
        """What a path answers."""

        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(self.app)
            async with httpx.AsyncClient(
                transport=transport, base_url="http://localhost"
            ) as client:
                return await client.get(path)

        return asyncio.run(ask())

    def get(self, path: str, code: int = 200) -> Any:
        """The JSON that a path answers."""
        answer = self.ask(path)
        assert answer.status_code == code, answer.text
        return answer.json()


def add_run(engine: sa.Engine, names: Sequence[str] = NAMES, **columns: Any) -> int:
    """Insert a run of some schedulers."""
    return stored_runs.add_run(engine, schedulers=list(names), **columns)


def add_episodes(
    engine: sa.Engine,
    run: int,
    scheduler: str,
    objective: Sequence[float | None],
    first: int = 0,
    phase: str = "",
    **columns: Any,
) -> None:
    """Insert episodes: columns are one value for all of them, or one each."""
    rows = []
    for index, value in enumerate(objective):
        row: dict[str, Any] = {
            "run": run,
            "scheduler": scheduler,
            "episode": first + index,
            "phase": phase,
            "seed": "1",
            "tasks": 2,
            "finished_at": 1.7e9 + first + index,
            "model_version": 0,
            "exploration": 0.0,
            "objective": value,
        }
        for name, given in columns.items():
            row[name] = given[index] if isinstance(given, Sequence) else given
        rows.append(row)
    stored_runs.insert(engine, tables.episodes, rows)


def add_decisions(
    engine: sa.Engine, run: int, scheduler: str, decisions: Sequence[Mapping[str, Any]]
) -> None:
    """Insert decisions; what they do not tell is a task of one second on CPU 0."""
    rows = [
        {
            "run": run,
            "scheduler": scheduler,
            "sequence": index,
            "episode": index // 2,
            "task": index % 2,
            "arrival_s": 0.0,
            "size_flop": 1e9,
            "intensity_flop_per_byte": 1.0,
            "memory_bytes": 1e6,
            "cpu_wait_s": 0.0,
            "gpu_wait_s": 0.0,
            "action": 0,
            "gpu_fraction": 0.0,
            "fallback": False,
            "cpu_device": 0,
            "cpu_start_s": 0.0,
            "cpu_finish_s": 1.0,
            "gpu_device": None,
            "gpu_start_s": None,
            "gpu_finish_s": None,
            "energy_j": 1.0,
            "model_version": 0,
            **given,
        }
        for index, given in enumerate(decisions)
    ]
    stored_runs.insert(engine, tables.decisions, rows)
