"""What may be a path."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from cpu_gpu_env.errors import not_allowed


def as_path(value: Any, name: str = "path") -> Path:
    """Turn an argument into a path; `name` is for messages.

    A ``~`` at the beginning is expanded as by `expand_home`. What comes back may be given again.

    Raises:
        HybridClusterError: If it is no str, bytes or os.PathLike, no file can have that name, or
            there is no home.
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
    path = Path(expand_home(text, name))
    # Path("./~") is Path("~"), which would be taken for the home the next time.
    return path.absolute() if str(path).startswith("~") else path


def expand_home(text: str, name: str = "path") -> str:
    """Put the home of a user in place of ``~`` or ``~user`` at the beginning, as shells do.

    A file that is called so is ``./~``, and stays what it is where there is no such user.

    Raises:
        HybridClusterError: If this user has no home; `name` is for the message.
    """
    expanded = os.path.expanduser(text)
    if expanded == text and text.split("/")[0] == "~":
        raise not_allowed(name, text, "a path without ~: this user has no home (HOME sets one)")
    return expanded
