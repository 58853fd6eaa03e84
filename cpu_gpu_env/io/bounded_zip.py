"""Reading a stranger's zip file (agents, forests) without trusting the sizes it claims."""

from __future__ import annotations

import io
import os
import stat
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path

from cpu_gpu_env.errors import HybridClusterError

DIRECTORY_BYTES = 2**20
"""What a file may hold besides the members that are read."""
_PLAIN = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""Compression that unpacks in bounded steps."""
_DAMAGED = (zipfile.BadZipFile, KeyError, RuntimeError, EOFError, ValueError, zlib.error)
"""What zipfile raises for files that are damaged, encrypted, or of a form it does not know; and our
own refusals, which are ValueErrors."""


def read_members(
    path: str | os.PathLike[str], limits: Mapping[str, int], what: str
) -> dict[str, bytes]:
    """Read members of a zip file.

    Args:
        path: The file.
        limits: Name of each member -> how many bytes it may unpack to.
        what: What the file should be, for messages, such as ``"agent"``.

    Raises:
        HybridClusterError: If the file cannot be read, is no zip file or a damaged one, or a member
            is missing, encrypted or too large.
    """
    article = "an" if what[0] in "aeiou" else "a"
    try:
        content = _read_file(Path(path), sum(limits.values()) + DIRECTORY_BYTES)
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return {name: _read_member(archive, name, limit) for name, limit in limits.items()}
    except OSError as error:
        reason = error.strerror or error
        raise HybridClusterError(f"{path}: cannot read the {what}: {reason}") from None
    except _DAMAGED as error:
        reason = error.args[0] if error.args else type(error).__name__
        raise HybridClusterError(f"{path}: not {article} {what} file: {reason}") from None


def _read_file(path: Path, limit: int) -> bytes:
    # A pipe would block on opening, and a device may never end.
    if not stat.S_ISREG(path.stat().st_mode) and not path.is_dir():
        raise HybridClusterError("it is no regular file")
    with path.open("rb") as file:
        content = file.read(limit + 1)
    if len(content) > limit:
        raise HybridClusterError(f"it has more than {limit} bytes, the most allowed")
    return content


def _read_member(archive: zipfile.ZipFile, name: str, limit: int) -> bytes:
    info = archive.getinfo(name)
    if info.compress_type not in _PLAIN:
        raise HybridClusterError(f"{name} is compressed otherwise than by deflate")
    if info.file_size > limit:
        raise HybridClusterError(f"{name} has {info.file_size} bytes; allowed: at most {limit}")
    with archive.open(info) as member:
        return member.read()
