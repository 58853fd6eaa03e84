"""What a request says an engine is to play, as arguments of stream.py: names alone, no files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cpu_gpu_env.agents.pretrained import PRETRAINED
from cpu_gpu_env.baselines.schedulers import SCHEDULERS
from cpu_gpu_env.dashboard.schemas.control import StartRequest
from cpu_gpu_env.errors import unknown_name
from cpu_gpu_env.model.profile import compose_cluster, shipped_profiles
from cpu_gpu_env.model.workload import SYNTHETIC_WORKLOADS
from cpu_gpu_env.results.records import ORACLE

LEARNING = tuple(f"{name}-online" for name in PRETRAINED)
"""Schedulers that learn while they stream."""
NAMES = (*SCHEDULERS, *PRETRAINED, ORACLE, *LEARNING)
"""Schedulers that need no file."""
_INSTEAD = {"episodes": ("tasks",)}
"""Option -> others that cannot stand beside it."""


def arguments_of(base: Sequence[str], request: StartRequest) -> list[str]:
    """Put arguments of stream.py together.

    Args:
        base: Arguments that hold unless the request says otherwise: ``--name=value`` or ``--name``
            each.
        request: What is asked for.

    Raises:
        HybridClusterError: If it names a cluster, workload or scheduler that does not come with the
            package.
    """
    _check(request)
    asked = request.model_dump(exclude_none=True)
    if not asked:
        return list(base)
    gone = {"resume", *asked, *(other for name in asked for other in _INSTEAD.get(name, ()))}
    kept = [word for word in base if _option(word) not in gone]
    return kept + [word for name, value in asked.items() for word in _word(name, value)]


def _check(request: StartRequest) -> None:
    if request.cluster is not None and request.cluster not in shipped_profiles():
        compose_cluster(request.cluster)
    if request.workload is not None and request.workload not in SYNTHETIC_WORKLOADS:
        raise unknown_name("workload", request.workload, SYNTHETIC_WORKLOADS)
    for name in request.schedulers or ():
        if name not in NAMES:
            raise unknown_name("scheduler", name, NAMES)


def _option(word: str) -> str:
    """Name of the option in a word, as fields of requests are named."""
    return word.partition("=")[0].removeprefix("--").replace("-", "_")


def _word(name: str, value: Any) -> list[str]:
    option = f"--{name.replace('_', '-')}"
    if isinstance(value, bool):
        return [option] if value else []
    text = ",".join(value) if isinstance(value, list) else str(value)
    return [f"{option}={text}"]
