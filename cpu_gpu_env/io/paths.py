"""What may be a path."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from cpu_gpu_env.errors import not_allowed


def as_path(value: Any, name: str = "path") -> Path:
    """Turn an argument into a path; `name` is for messages.

    Raises:
        HybridClusterError: If it is no str, bytes or os.PathLike, or no file can have that name.
    """
    try:
        text = os.fsdecode(value)
        possible = text != "" and b"\0" not in os.fsencode(text)
    except TypeError:
        raise not_allowed(name, value, "a str or os.PathLike") from None
    except UnicodeError:
        possible = False
    if not possible:
        encoding = sys.getfilesystemencoding()
        allowed = f"what a file can be called: not empty, no null character, in {encoding}"
        raise not_allowed(name, value, allowed)
    return Path(text)
