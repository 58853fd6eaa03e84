"""Reading a stranger's zip file (agents, forests) without trusting the sizes it claims."""

from __future__ import annotations

import io
import os
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt

from cpu_gpu_env.errors import HybridClusterError
from cpu_gpu_env.io.bounded_files import open_bounded

_PLAIN = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""Compression that unpacks in bounded steps."""
_DAMAGED = (zipfile.BadZipFile, RuntimeError, OSError, EOFError, ValueError, zlib.error)
"""What zipfile raises for files that are damaged, encrypted, or of a form it does not know."""


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
