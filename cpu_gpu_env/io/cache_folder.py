"""Where on a user's disk things are kept that can be computed again."""

from __future__ import annotations

from pathlib import Path


def default_cache() -> Path:
    """Folder for oracle schedules: in the user's caches, ``XDG_CACHE_HOME`` or else ``~/.cache``.

    Where there is no home, or not the extra that solves, it is beside what the commands write.
    """
    caches = Path()
    try:
        from platformdirs import user_cache_path

        caches = user_cache_path("cpu_gpu_env", appauthor=False)
    except (ModuleNotFoundError, RuntimeError):  # in a container, a user may have no home
        pass
    return (caches if caches.is_absolute() else Path("runs/cache")) / "oracle"
