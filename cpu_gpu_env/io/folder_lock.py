"""Folders that one process at a time writes into.

The lock is the kernel's, on a file in the folder that is held open. It ends with the process,
however that ends: the file that a killed one leaves behind locks nothing. The pid in it is for
people; that another process may have it by now does no harm.
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from cpu_gpu_env.errors import HybridClusterError
from cpu_gpu_env.io.atomic_files import temporary_names

LOCK = ".lock"
"""Name of the file in the folder; it is there only as long as somebody writes."""
_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)
"""What file systems without locks answer, some of those that clusters share."""

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
        raise _taken(folder, str(os.getpid()))
    descriptor = None
    try:
        descriptor = _lock(folder)
        _remove_leftovers(folder, files)
        yield
    finally:
        if descriptor is not None:
            # Still locked: nobody else has it, and who opened it meanwhile sees that it is gone.
            (folder / LOCK).unlink(missing_ok=True)
            os.close(descriptor)
        with suppress(OSError):  # no longer empty
            for path in missing:
                path.rmdir()
        del _held[known]


def _lock(folder: Path) -> int:
    """Lock the folder's file and write this process into it; what keeps it locked while open."""
    path = folder / LOCK
    while True:
        folder.mkdir(parents=True, exist_ok=True)
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666)
        except FileNotFoundError:  # whoever had made the folder has just removed it
            continue
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in _NO_LOCKS:
                return descriptor
            pid = os.read(descriptor, 20).decode(errors="replace").strip()
            os.close(descriptor)
            raise _taken(folder, pid) from None
        with suppress(FileNotFoundError):
            if os.path.samestat(os.stat(path), os.fstat(descriptor)):
                os.ftruncate(descriptor, 0)
                os.write(descriptor, f"{os.getpid()}\n".encode())
                return descriptor
        os.close(descriptor)  # its owner has just removed it: the next one counts


def _taken(folder: Path, pid: str) -> HybridClusterError:
    who = f"process {pid}" if pid.isdecimal() else "another process"
    return HybridClusterError(
        f"{folder}: {who} is writing into this folder; allowed: wait until it has ended, or "
        "another folder"
    )


def _remove_leftovers(folder: Path, files: Collection[str]) -> None:
    for name in files:
        pattern = re.compile(temporary_names(name))
        for path in [path for path in folder.iterdir() if pattern.fullmatch(path.name)]:
            path.unlink(missing_ok=True)
