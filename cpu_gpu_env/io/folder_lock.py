"""Folders that one process at a time writes into."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from cpu_gpu_env.errors import HybridClusterError
from cpu_gpu_env.io.atomic_files import temporary_names
from cpu_gpu_env.io.file_lock import HeldError, hold, let_go

LOCK = ".lock"
"""Name of the file in the folder; it is there only as long as somebody writes."""

_held: dict[Path, int] = {}
"""Folders that this process writes into -> the thread that does."""


@contextmanager
def lock_folder(folder: Path, files: Collection[str] = ()) -> Iterator[None]:
    """Keep other processes, and other threads, from writing into a folder.

    The folder is made if there is none, and removed if it is empty in the end. The thread that
    holds it may take it again. On a file system that has no locks it is not kept.

    Args:
        folder: The folder.
        files: Names in it that will be written. What killed writers left of them half-written is
            removed, since none is at work.

    Raises:
        HybridClusterError: If another process or thread writes into the folder.
    """
    known, me = folder.resolve(), threading.get_ident()
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    if _held.get(known) == me:
        _remove_leftovers(folder, files)
        yield
        return
    if _held.setdefault(known, me) != me:
        raise _taken(folder, f"process {os.getpid()}")
    descriptor = None
    try:
        descriptor = _lock(folder)
        _remove_leftovers(folder, files)
        yield
    finally:
        if descriptor is not None:
            let_go(folder / LOCK, descriptor)
        with suppress(OSError):  # no longer empty
            for path in missing:
                path.rmdir()
        del _held[known]


def _lock(folder: Path) -> int:
    """Hold the folder's file; return what holds it while it is open."""
    while True:
        folder.mkdir(parents=True, exist_ok=True)
        try:
            return hold(folder / LOCK)
        except FileNotFoundError:  # whoever had made the folder has just removed it
            continue
        except HeldError as error:
            raise _taken(folder, str(error)) from None


def _taken(folder: Path, who: str) -> HybridClusterError:
    return HybridClusterError(
        f"{folder}: {who} is writing into this folder; allowed: wait until it has ended, or "
        "another folder"
    )


def _remove_leftovers(folder: Path, files: Collection[str]) -> None:
    for name in files:
        pattern = re.compile(temporary_names(name))
        for path in [path for path in folder.iterdir() if pattern.fullmatch(path.name)]:
            path.unlink(missing_ok=True)
