"""Files of trained schedulers that take part by path: which one is meant, and what it is called."""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path

from cpu_gpu_env.errors import HybridClusterError, is_printable

FOREST_SUFFIX = ".npz"
"""Of the file of a forest; others are agents'."""


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
