"""Writing files whole or not at all."""

from __future__ import annotations

import csv
import io
import os
import re
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, BinaryIO

from cpu_gpu_env.errors import printable
from cpu_gpu_env.io.paths import as_path

_TOKEN_BYTES = 8
_FORMULA = ("=", "+", "-", "@", "|", "%")
"""What a cell begins with that a spreadsheet computes."""


def write_text_atomically(path: str | os.PathLike[str], text: str) -> None:
    """Write a UTF-8 text file, as `write_bytes_atomically`."""
    write_bytes_atomically(path, text.encode())


def write_csv_atomically(
    path: str | os.PathLike[str], columns: Sequence[str], rows: Iterable[Mapping[str, Any]]
) -> None:
    """Write the columns of records as CSV with a heading, as `write_bytes_atomically`.

    Args:
        path: File to write.
        columns: Keys of the records, in order; other keys are left out.
        rows: The records; what one lacks stays empty. A text that a spreadsheet would compute
            gets an apostrophe before it, and unprintable characters their escapes.
    """
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, extrasaction="ignore")
    writer.writeheader()
    writer.writerows({key: as_cell(value) for key, value in row.items()} for row in rows)
    write_text_atomically(path, text.getvalue())


def as_cell(value: Any) -> Any:
    """Keep a text in CSV from being taken for a formula: names may come from files."""
    if not isinstance(value, str):
        return value
    text = printable(value)
    return f"'{text}" if text.lstrip().startswith(_FORMULA) else text


def write_bytes_atomically(path: str | os.PathLike[str], content: bytes) -> None:
    """Write a file by renaming a finished temporary file into place.

    Raises:
        HybridClusterError: If no file can be called so.
        OSError: If it cannot be written.
    """
    with replacing(path) as file:
        file.write(content)


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Open a temporary file to write to; at the end of ``with`` it is renamed into place.

    If an error ends it, the temporary file is removed.

    Raises:
        HybridClusterError: If no file can be called so.
        OSError: If it cannot be written.
    """
    path = as_path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(_TOKEN_BYTES)}")
    try:
        with temporary.open("xb") as file:  # with the rights that the umask leaves
            yield file
        os.replace(temporary, path)
    except BaseException as error:
        temporary.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.errno is not None and error.filename is None:
            error.filename = str(path)  # a full disk does not say whose file it was
        raise


def temporary_names(name: str) -> str:
    """Regular expression for the names that the temporary files of a file `name` have."""
    return rf"\.{re.escape(name)}\.[0-9a-f]{{{2 * _TOKEN_BYTES}}}"
