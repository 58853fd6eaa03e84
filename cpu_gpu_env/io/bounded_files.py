"""Reading a stranger's file: a regular one, no larger than is allowed, whatever sizes it claims."""

from __future__ import annotations

import io
import json
import os
import stat
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from cpu_gpu_env.errors import HybridClusterError

_PLAIN = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""Compression that unpacks in bounded steps."""
_DAMAGED = (zipfile.BadZipFile, RuntimeError, OSError, EOFError, ValueError, zlib.error)
"""What zipfile raises for files that are damaged, encrypted, or of a form it does not know."""


def open_bounded(path: str | os.PathLike[str], max_bytes: int, what: str) -> BinaryIO:
    """Open a file of at most `max_bytes`, which messages call `what`, such as ``"agent"``.

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

    Raises:
        HybridClusterError: If it cannot be read (the message calls it `what` and ends in `hint`),
            is no regular file, has more than `max_bytes`, or is not JSON.
    """
    try:
        file = open_bounded(path, max_bytes, what)
    except HybridClusterError as error:
        raise HybridClusterError(f"{error}{hint}") from None
    with file:
        return parse_json(file.read(max_bytes), f"{path}: not a JSON file")


def parse_json(content: bytes, complaint: str) -> Any:
    """Parse JSON in UTF-8, with a byte-order mark or without; messages begin with `complaint`.

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


@contextmanager
def open_zip(
    path: str | os.PathLike[str], max_bytes: int, what: str, complaint: str
) -> Iterator[zipfile.ZipFile]:
    """Open a zip file of at most `max_bytes`, which messages call `what`, such as ``"agent"``.

    Errors of its contents, raised under `with`, are told after its path and the `complaint`.

    Raises:
        HybridClusterError: If it cannot be read, is no regular file, is larger, or no zip file.
    """
    with open_bounded(path, max_bytes, what) as file:
        content = file.read(max_bytes)
    try:
        archive = zipfile.ZipFile(io.BytesIO(content))
    except _DAMAGED as error:
        article = "an" if what[0] in "aeiou" else "a"
        raise HybridClusterError(f"{path}: not {article} {what} file: {_reason(error)}") from None
    with archive:
        try:
            yield archive
        except HybridClusterError as error:
            raise HybridClusterError(f"{path}: {complaint}: {error}") from None


def read_member(archive: zipfile.ZipFile, name: str, max_bytes: int) -> bytes:
    """Read a member that unpacks to at most `max_bytes`.

    Raises:
        HybridClusterError: If it is missing, damaged, encrypted or larger.
    """
    try:
        info = archive.getinfo(name)
    except KeyError:
        raise HybridClusterError(f"{name} is missing") from None
    if info.compress_type not in _PLAIN:
        raise HybridClusterError(f"{name} is compressed otherwise than by deflate")
    if info.file_size > max_bytes:
        raise HybridClusterError(f"{name} has {info.file_size} bytes; allowed: at most {max_bytes}")
    try:
        with archive.open(info) as member:
            return member.read()
    except _DAMAGED as error:
        raise HybridClusterError(f"{name} is damaged: {_reason(error)}") from None


def read_array(archive: zipfile.ZipFile, name: str, max_bytes: int) -> npt.NDArray[Any]:
    """Read the member ``NAME.npy`` of at most `max_bytes`: an array, but not of Python's objects.

    Raises:
        HybridClusterError: As `read_member`, and if it is no array.
    """
    content = io.BytesIO(read_member(archive, f"{name}.npy", max_bytes))
    try:
        array: npt.NDArray[Any] = np.lib.format.read_array(content, allow_pickle=False)
    except Exception as error:  # a stranger's bytes make the parser raise whatever it likes
        raise HybridClusterError(f"field {name!r} is no array: {_reason(error)}") from None
    return array


def _reason(error: Exception) -> str:
    """The first line of an error, or its name if it says nothing."""
    return str(error).partition("\n")[0] or type(error).__name__
