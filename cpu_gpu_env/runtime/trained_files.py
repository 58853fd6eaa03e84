"""Trained schedulers of a run: which they are, their files, and what those by path are called."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from cpu_gpu_env.agents.pretrained import PRETRAINED
from cpu_gpu_env.errors import HybridClusterError, is_printable
from cpu_gpu_env.results.records import ORACLE

FOREST_SUFFIX = ".npz"
"""Of the file of a forest; others are agents'."""
ONLINE_SUFFIX = "-online"
"""Ends the names of lanes that learn; before it stands the name of the frozen twin."""
ONLINE_NAMES = frozenset(f"{name}{ONLINE_SUFFIX}" for name in PRETRAINED)
"""Of these lanes."""


def learns(row: Mapping[str, Any], scheduler: str) -> bool:
    """Whether a scheduler of a run has learned what it does, before the run or during it.

    Args:
        row: Of the table of runs.
        scheduler: Name of the scheduler.
    """
    return scheduler in PRETRAINED or scheduler in ONLINE_NAMES or scheduler in files_by_name(row)


def files_by_name(row: Mapping[str, Any]) -> dict[str, Path]:
    """Paths of the schedulers of a run that took part by path, by name.

    Args:
        row: Of the table of runs.
    """
    settings, found = row["settings"], dict[str, Path]()
    names, paths = settings.get("schedulers"), settings.get("agents")
    if isinstance(names, list) and isinstance(paths, list):
        taken = {ORACLE, *ONLINE_NAMES, *map(str, names)}
        for path in map(Path, map(str, paths)):
            found[name_of_trained(path, taken | found.keys())] = path
    return found


def find_trained(path: Path) -> Path:
    """Find the file that is meant by a path: it, or the best in the folder of a training.

    Raises:
        HybridClusterError: If the folder holds an agent and a forest.
    """
    from cpu_gpu_env.agents.saving import BEST_AGENT  # which takes a second to import
    from cpu_gpu_env.baselines.imitation.hybrid_ml import BEST_FOREST

    best_forest, best_agent = path / BEST_FOREST, path / BEST_AGENT
    if best_forest.exists() and best_agent.exists():
        raise HybridClusterError(
            f"{path} holds an agent and a forest; name one: {BEST_AGENT} or {BEST_FOREST} in it"
        )
    if best_forest.exists():
        return best_forest
    return best_agent if path.is_dir() else path


def name_of_trained(path: Path, taken: Collection[str]) -> str:
    """What a scheduler is called that takes part by path, beside others.

    Args:
        path: Of its file, or of the folder of its training.
        taken: Names that others have.

    Raises:
        HybridClusterError: If its file has no name that can go into tables.
    """
    path = Path(os.path.abspath(path))  # "." and "best.zip" have no folder's name
    name = path.parent.name if path.stem == "best" else path.stem
    # "...zip" would name the folder above, ".zip" in some versions of Python none at all.
    if not is_printable(name) or not name.strip(". "):
        raise HybridClusterError(
            f"agent {str(path)!r}: its name goes into tables and names a folder; allowed: "
            "printable characters, not dots alone"
        )
    while name in taken:
        name += "'"
    return name
