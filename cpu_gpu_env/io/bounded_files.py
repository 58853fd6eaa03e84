"""Reading a stranger's file: regular files alone, and no more of them than is allowed."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any, BinaryIO

from cpu_gpu_env.errors import HybridClusterError


def open_bounded(path: str | os.PathLike[str], max_bytes: int, what: str) -> BinaryIO:
    """Open a file to read it.

    Args:
        path: The file.
        max_bytes: Its size at most [B].
        what: What it should be, for messages, such as ``"agent"``.

    Raises:
        HybridClusterError: If it cannot be read, is no regular file, or is larger.
    """
    try:
        mode = os.stat(path).st_mode
        # A pipe would block on opening, and a device may never end.
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
            raise OSError("it is no regular file")
        file = Path(path).open("rb")  # noqa: SIM115
    except OSError as error:
        reason = error.strerror or error
        raise HybridClusterError(f"{path}: cannot read the {what}: {reason}") from None
    except ValueError as error:  # a name that no file can have
        raise HybridClusterError(f"{str(path)!r}: cannot read the {what}: {error}") from None
    if os.fstat(file.fileno()).st_size > max_bytes:
        file.close()
        raise HybridClusterError(f"{path}: it has more than {max_bytes} bytes, the most allowed")
    return file


def read_json(path: str | os.PathLike[str], max_bytes: int, what: str, hint: str = "") -> Any:
    """Read a JSON file in UTF-8, with a byte-order mark or without.

    Args:
        path: The file.
        max_bytes: Its size at most [B].
        what: What it should be, for messages, such as ``"profile"``.
        hint: Added to the message of a file that cannot be read, such as ``"; run this first"``.

    Raises:
        HybridClusterError: If it cannot be read, is no regular file, is larger, or is not JSON.
    """
    try:
        file = open_bounded(path, max_bytes, what)
    except HybridClusterError as error:
        raise HybridClusterError(f"{error}{hint}") from None
    with file:
        return parse_json(file.read(max_bytes), f"{path}: not a JSON file")


def parse_json(content: bytes, complaint: str) -> Any:
    """Parse JSON in UTF-8, with a byte-order mark or without.

    Args:
        content: The text.
        complaint: What messages begin with, such as ``"settings.json is no JSON"``.

    Raises:
        HybridClusterError: If it is not JSON, or a key stands twice in one object.
    """
    try:
        return json.loads(content.decode("utf-8-sig"), object_pairs_hook=_without_doubles)
    except (ValueError, RecursionError) as error:
        raise HybridClusterError(f"{complaint}: {error}") from None


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) < len(pairs):
        keys = [key for key, _ in pairs]
        double = next(key for key in keys if keys.count(key) > 1)
        raise HybridClusterError(f"key {double!r:.80} stands twice in one object")
    return content
