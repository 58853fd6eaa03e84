"""Fixed schedulers, by name, all with the `predict` call of Stable-Baselines3."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cpu_gpu_env.baselines.schedulers.base import Scheduler
from cpu_gpu_env.baselines.schedulers.fixed import CpuOnly, GpuOnly, RandomScheduler, RoundRobin
from cpu_gpu_env.baselines.schedulers.heuristics import (
    EarliestFinishTime,
    Greedy,
    Myopic,
    QueuePrice,
    StaticPrice,
)
from cpu_gpu_env.errors import unknown_name

SCHEDULERS: dict[str, Callable[..., Scheduler]] = {
    "cpu-only": CpuOnly,
    "gpu-only": GpuOnly,
    "random": RandomScheduler,
    "round-robin": RoundRobin,
    "greedy": Greedy,
    "earliest-finish": EarliestFinishTime,
    "myopic": Myopic,
    "static-price": StaticPrice,
    "queue-price": QueuePrice,
}
"""Name -> class; each is built from an environment (or several) and a seed."""


def make_scheduler(name: str, env: Any, seed: int | None = None) -> Scheduler:
    """Build the fixed scheduler of that name.

    Args:
        name: A key of `SCHEDULERS`.
        env: The environment that it will act in; see `Scheduler`.
        seed: Of its own generator.

    Raises:
        HybridClusterError: If there is none of that name.
    """
    if name not in SCHEDULERS:
        raise unknown_name("scheduler", name, SCHEDULERS)
    return SCHEDULERS[name](env, seed=seed)


__all__ = [
    "SCHEDULERS",
    "CpuOnly",
    "EarliestFinishTime",
    "GpuOnly",
    "Greedy",
    "Myopic",
    "QueuePrice",
    "RandomScheduler",
    "RoundRobin",
    "Scheduler",
    "StaticPrice",
    "make_scheduler",
]
