"""What commands write: whether it can be, before the work, and where it is, at the end."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from cpu_gpu_env.errors import HybridClusterError, printable

ROOM_BYTES = 2**16
"""What must fit on the disk of an output before any work is done for it."""


def check_output(path: Path, must_be: str = "folder", suffixes: Sequence[str] = ()) -> None:
    """Find out before the work that an output, ``"folder"`` or ``"file"``, cannot be written.

    Raises:
        HybridClusterError: If it cannot, or if its name ends in none of the suffixes, if any.
    """
    # A file renamed into place would replace a link (such as /dev/stdout), not what it leads to.
    is_file = path.is_file() and not path.is_symlink()
    if os.path.lexists(path) and not (path.is_dir() if must_be == "folder" else is_file):
        raise HybridClusterError(f"output {str(path)!r} exists and is no {must_be}")
    folder = (path if must_be == "folder" else path.parent).absolute()
    nearest = next(p for p in (folder, *folder.parents) if os.path.lexists(p))
    try:
        # Rights and file systems have too many rules to ask about; a file that is not empty tells.
        with tempfile.TemporaryFile(dir=nearest) as file:
            file.write(bytes(ROOM_BYTES))
    except OSError as error:
        raise HybridClusterError(
            f"cannot write output {str(path)!r}: no file can be made in {str(nearest)!r}: "
            f"{error.strerror}"
        ) from None
    if suffixes and path.suffix.lower() not in suffixes:
        raise HybridClusterError(
            f"output {str(path)!r} ends in {path.suffix!r}; allowed: {', '.join(suffixes)}"
        )


def tell_written(*paths: Path) -> None:
    """Say which files there are now."""
    for path in paths:
        print(f"written: {printable(path)}")


def check_tensorboard(folder: Path) -> None:
    """Find out before the work that event files cannot be written to a folder.

    Raises:
        HybridClusterError: If so.
    """
    check_output(folder)
    try:
        str(folder).encode()
    except UnicodeEncodeError:
        raise HybridClusterError(
            f"output {str(folder)!r} is no text in UTF-8, as TensorBoard wants it; allowed: "
            "another name, or a locale that has these letters (LC_ALL=C.UTF-8)"
        ) from None


def tell_tensorboard(what: str, folder: Path) -> None:
    """Say how to look at event files."""
    print(f"{what}: tensorboard --logdir {printable(folder)}")


def tell_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """Show a warning in a line: where it was raised in the code is of no use here."""
    print(f"warning: {printable(message)}", file=sys.stderr)
