"""Where on a user's disk things are kept that can be computed again."""

from __future__ import annotations

import os
from pathlib import Path


def default_cache() -> Path:
    """Folder for oracle schedules: in the user's caches, ``XDG_CACHE_HOME`` or else ``~/.cache``.

    Where there is no home, or none that can be written, or not the extra that solves, it is beside
    what the commands write.
    """
    caches = Path()
    try:
        from platformdirs import user_cache_path

        caches = user_cache_path("cpu_gpu_env", appauthor=False)
    except (ModuleNotFoundError, RuntimeError):  # in a container, a user may have no home
        pass
    return (caches if _may_be_written(caches) else Path("runs/cache")) / "oracle"


def _may_be_written(folder: Path) -> bool:
    """Whether a folder, if it is given in full, can be made or written to."""
    if not folder.is_absolute():
        return False
    nearest = next((place for place in (folder, *folder.parents) if os.path.lexists(place)), folder)
    return os.access(nearest, os.W_OK | os.X_OK)
