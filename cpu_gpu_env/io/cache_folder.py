"""Where on a user's disk things are kept that can be computed again."""

from __future__ import annotations

import os
from pathlib import Path


def default_cache() -> Path:
    """Folder for oracle schedules: in ``XDG_CACHE_HOME``, or else in ``~/.cache``."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "cpu_gpu_env" / "oracle"
