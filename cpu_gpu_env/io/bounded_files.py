"""Reading a stranger's file: a regular one, no larger than is allowed, whatever sizes it claims."""

from __future__ import annotations

import codecs
import gzip
import io
import json
import os
import stat
import sys
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt

from cpu_gpu_env.errors import HybridClusterError
from cpu_gpu_env.io.paths import as_path

MAX_DIRECTORY_BYTES = 2**20
"""Of the list of members of a zip file: Python keeps some ten times as much for it."""
_PLAIN = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""Compression that unpacks in bounded steps."""
_STRETCH_BYTES = 2**20
_GZIP_MAGIC = b"\x1f\x8b"


class _BoundedReader(io.BufferedReader):
    """A file of which no more is read at once than is allowed, however much it claims to hold."""

    max_at_once: int | None = None
    """Bytes; None: any number."""

    def read(self, size: int | None = -1, /) -> bytes:
        """Read up to so many bytes."""
        if self.max_at_once is not None and size is not None and size > self.max_at_once:
            raise zipfile.BadZipFile(f"its list of members has more than {self.max_at_once} bytes")
        return super().read(size)


@contextmanager
def _opened(path: Any, max_bytes: int, what: str) -> Iterator[_BoundedReader]:
    """Open a file, which messages call `what`; errors of reading it are told under `with`, too.

    Raises:
        HybridClusterError: If it cannot be read, is no regular file, is larger than `max_bytes`, or
            there is not the memory for it.
    """
    try:
        path = as_path(path)
    except HybridClusterError as error:
        raise HybridClusterError(f"cannot read the {what}: {error}") from None
    try:
        # A pipe would block on opening, and a device may never end.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with _BoundedReader(io.FileIO(descriptor)) as file:
            status = os.fstat(descriptor)
            if stat.S_ISDIR(status.st_mode):
                raise OSError("Is a directory")
            if not stat.S_ISREG(status.st_mode):
                raise OSError("it is no regular file")
            if status.st_size > max_bytes:
                raise _too_large(path, "it has", max_bytes)
            yield file
    except OSError as error:
        reason = error.strerror or error
        raise HybridClusterError(f"{path}: cannot read the {what}: {reason}") from None
    except MemoryError:
        raise HybridClusterError(f"{path}: not enough memory to read the {what}") from None


@contextmanager
def _in_memory(content: bytes) -> Iterator[_BoundedReader]:
    """Read bytes that are there already as a file."""
    raw: Any = io.BytesIO(content)
    with _BoundedReader(raw) as file:
        yield file


def _too_large(path: Any, verb: str, max_bytes: int) -> HybridClusterError:
    return HybridClusterError(
        f"{path}: {verb} more than {max_bytes} bytes, the most allowed (argument max_bytes)"
    )


def check_readable(path: str | os.PathLike[str], max_bytes: int, what: str) -> None:
    """Check a file that another library will open, as `read_bytes` does before it reads.

    Raises:
        HybridClusterError: If it cannot be read, is no regular file, or is larger.
    """
    with _opened(path, max_bytes, what):
        pass


def read_bytes(
    path: str | os.PathLike[str], max_bytes: int, what: str, gzipped: bool = False
) -> bytes:
    """Read a file of at most `max_bytes`, which messages call `what`, such as ``"agent"``.

    Args:
        path: The file.
        max_bytes: Bytes that it may have at most; a gzip file unpacked, too.
        what: What messages call it.
        gzipped: Whether to unpack it if it is a gzip file.

    Raises:
        HybridClusterError: If it cannot be read, is no regular file, is larger, or is damaged.
    """
    with _opened(path, max_bytes, what) as file:
        content = _read_beyond(file, max_bytes)
        try:
            if gzipped and content.startswith(_GZIP_MAGIC):
                with gzip.GzipFile(fileobj=io.BytesIO(content)) as unpacked:
                    content = _read_beyond(unpacked, max_bytes)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise HybridClusterError(f"{path}: truncated or damaged gzip file: {error}") from None
    if len(content) > max_bytes:
        raise _too_large(path, "it unpacks to", max_bytes)
    return content


def read_head(path: str | os.PathLike[str], num_bytes: int, what: str) -> bytes:
    """Read the beginning of a file of any size, which messages call `what`; unpacked, if gzipped.

    Raises:
        HybridClusterError: If it cannot be read or is no regular file.
    """
    with _opened(path, sys.maxsize, what) as file:
        if file.peek(2)[:2] != _GZIP_MAGIC:
            return file.read(num_bytes)
        try:
            with gzip.GzipFile(fileobj=file) as unpacked:
                return unpacked.read(num_bytes)
        except (EOFError, zlib.error, gzip.BadGzipFile):
            return b""


def _read_beyond(file: io.BufferedIOBase, max_bytes: int) -> bytes:
    """Read all, or some more than `max_bytes`; takes no memory for what is not there."""
    stretches, left = [], max_bytes
    while left >= 0 and (stretch := file.read(_STRETCH_BYTES)):
        stretches.append(stretch)
        left -= len(stretch)
    return b"".join(stretches)


def read_json(path: str | os.PathLike[str], max_bytes: int, what: str, hint: str = "") -> Any:
    """Read a JSON file in UTF-8, with a byte-order mark or without.

    Raises:
        HybridClusterError: If it cannot be read (the message calls it `what` and ends in `hint`),
            is no regular file, has more than `max_bytes`, or is not JSON.
    """
    try:
        content = read_bytes(path, max_bytes, what)
    except HybridClusterError as error:
        raise HybridClusterError(f"{error}{hint}") from None
    try:
        return parse_json(content, f"{path}: not a JSON file")
    except MemoryError:
        raise HybridClusterError(f"{path}: not enough memory to read the {what}") from None


def decode_text(content: bytes, complaint: str) -> str:
    """Decode UTF-8, with a byte-order mark or without; messages begin with `complaint`.

    Raises:
        HybridClusterError: If it is in another encoding, as editors on Windows may save it.
    """
    # No text begins with a null; UTF-32's marks begin with UTF-16's, or with nulls.
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or b"\0" in content[:4]:
        raise HybridClusterError(f"{complaint}: it is in UTF-16 or UTF-32; save it in UTF-8")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise HybridClusterError(f"{complaint}: {error}; save it in UTF-8") from None


def parse_json(content: bytes, complaint: str) -> Any:
    """Parse JSON in UTF-8, with a byte-order mark or without; messages begin with `complaint`.

    Raises:
        HybridClusterError: If it is not JSON, or a key stands twice in one object.
    """
    text = decode_text(content, complaint)
    try:
        return json.loads(text, object_pairs_hook=_without_doubles)
    except (ValueError, RecursionError) as error:
        raise HybridClusterError(f"{complaint}: {error}") from None


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) < len(pairs):
        seen: set[str] = set()
        for double, _ in pairs:
            if double in seen:
                break
            seen.add(double)
        raise HybridClusterError(f"key {double!r:.80} stands twice in one object")
    return content


@contextmanager
def open_zip(
    source: str | os.PathLike[str] | bytes, max_bytes: int, what: str, complaint: str
) -> Iterator[zipfile.ZipFile]:
    """Open a zip file of at most `max_bytes`, which messages call `what`, such as ``"agent"``.

    Errors of its contents, raised under `with`, are told after its path and the `complaint`.

    Args:
        source: Path of the file, or what is in it, which messages call the `what` that was kept.
        max_bytes: Bytes that it may have at most.
        what: What messages call it.
        complaint: What is said of a file whose contents are refused.

    Raises:
        HybridClusterError: If it cannot be read, is no regular file, is larger, or no zip file.
    """
    path: Any = f"the {what} that was kept" if isinstance(source, bytes) else source
    with (
        _in_memory(source) if isinstance(source, bytes) else _opened(path, max_bytes, what) as file
    ):
        file.max_at_once = MAX_DIRECTORY_BYTES
        try:
            archive = zipfile.ZipFile(file)
        except MemoryError:
            raise
        except Exception as error:  # a stranger's bytes make the parser raise whatever it likes
            article = "an" if what[0] in "aeiou" else "a"
            told = f"{path}: not {article} {what} file: {_reason(error)}"
            raise HybridClusterError(told) from None
        file.max_at_once = None
        with archive:
            try:
                yield archive
            except HybridClusterError as error:
                raise HybridClusterError(f"{path}: {complaint}: {error}") from None


def read_member(archive: zipfile.ZipFile, name: str, max_bytes: int, hint: str = "") -> bytes:
    """Read a member that unpacks to at most `max_bytes`; the message ends in `hint` if to more.

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
        raise HybridClusterError(
            f"{name} has {info.file_size} bytes; allowed: at most {max_bytes}{hint}"
        )
    try:
        with archive.open(info) as member:
            return member.read()
    except MemoryError:
        raise
    except Exception as error:  # damaged, encrypted, of a form that zipfile does not know
        raise HybridClusterError(f"{name} is damaged: {_reason(error)}") from None


def read_array(
    archive: zipfile.ZipFile, name: str, max_bytes: int, hint: str = ""
) -> npt.NDArray[Any]:
    """Read the member ``NAME.npy`` as `read_member`: an array, but not of Python's objects.

    Raises:
        HybridClusterError: As `read_member`, and if it is no array.
    """
    content = io.BytesIO(read_member(archive, f"{name}.npy", max_bytes, hint))
    try:
        array: npt.NDArray[Any] = np.lib.format.read_array(content, allow_pickle=False)
    except Exception as error:  # a stranger's bytes make the parser raise whatever it likes
        raise HybridClusterError(f"field {name!r} is no array: {_reason(error)}") from None
    return array


def _reason(error: Exception) -> str:
    """The first line of an error, or its name if it says nothing."""
    return str(error).partition("\n")[0] or type(error).__name__
