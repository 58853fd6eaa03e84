"""A file that one process at a time holds.

The lock is the kernel's, on a file that is held open. It ends with the process, however that ends:
the file that a killed one leaves behind locks nothing. The pid in it is for people; that another
process may have it by now does no harm.
"""

from __future__ import annotations

import errno
import fcntl
import os
from contextlib import suppress
from pathlib import Path

_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)
"""What file systems without locks answer, some of those that clusters share."""


class HeldError(Exception):
    """Somebody else holds the file; the text says who."""


def hold(path: Path) -> int:
    """Make the file unless it is there, hold it, and write this process into it.

    On a file system that has no locks it is not held.

    Returns:
        What holds it as long as it is open; `let_go` ends it.

    Raises:
        HeldError: If another process, or this one, holds it.
        OSError: If it cannot be made; FileNotFoundError without its folder.
    """
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in _NO_LOCKS:
                return descriptor
            pid = os.read(descriptor, 20).decode(errors="replace").strip()
            os.close(descriptor)
            raise HeldError(f"process {pid}" if pid.isdecimal() else "another process") from None
        with suppress(FileNotFoundError):
            if os.path.samestat(os.stat(path), os.fstat(descriptor)):
                os.ftruncate(descriptor, 0)
                os.write(descriptor, f"{os.getpid()}\n".encode())
                return descriptor
        os.close(descriptor)  # its owner has just removed it: the next one counts


def let_go(path: Path, descriptor: int) -> None:
    """Remove the file and end the hold on it."""
    # Still locked: nobody else has it, and who opened it meanwhile sees that it is gone.
    path.unlink(missing_ok=True)
    os.close(descriptor)


def is_held(path: Path) -> bool:
    """Whether a process holds the file; False where there are no locks or no right to look.

    While it looks, for microseconds, nobody else can take hold of it.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return False
    except OSError as error:
        return error.errno not in _NO_LOCKS
    finally:
        os.close(descriptor)
