"""Objects in JSON files: a list of them, or one behind the other, as in JSON lines."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

from cpu_gpu_env.errors import HybridClusterError
from cpu_gpu_env.model.traces.text_table import MAX_BYTES, TraceTable, open_text

JSONObject = dict[str, Any]
"""Keys -> values. Numbers are the text that stands in the file, so that nothing is lost."""

_BLANK = re.compile(r"\s*")
_BETWEEN = re.compile(r"\s*,?\s*")


def read_json_objects(path: str, max_bytes: int = MAX_BYTES) -> Iterator[tuple[int, JSONObject]]:
    """Read the objects of a file with the lines, counted from 1, that they begin in.

    Args:
        path: The file, gzipped or not.
        max_bytes: Bytes that it may have at most, unpacked.

    Raises:
        HybridClusterError: If the file cannot be read, is too large, or holds anything but objects,
            or one a key twice.
    """
    text = open_text(path, max_bytes).read()
    decoder = json.JSONDecoder(
        object_pairs_hook=_as_object, parse_int=str, parse_float=str, parse_constant=str
    )
    place, line, end = _after(_BLANK, text, 0), 1, len(text)
    line += text.count("\n", 0, place)
    in_list = text.startswith("[", place)
    if in_list:
        place = _after(_BLANK, text, start := place + 1)
        line += text.count("\n", start, place)
    while place < end and not (in_list and text[place] == "]"):
        try:
            value, behind = decoder.raw_decode(text, place)
        except (ValueError, RecursionError) as error:
            where = getattr(error, "lineno", line)
            reason = str(error).partition(": line ")[0]
            raise HybridClusterError(f"{path}: line {where}: not a JSON object: {reason}") from None
        if not isinstance(value, dict):
            raise HybridClusterError(f"{path}: line {line}: {str(value)[:30]!r} is no JSON object")
        yield line, value
        behind = _after(_BETWEEN if in_list else _BLANK, text, behind)
        line += text.count("\n", place, behind)
        place = behind
    if in_list and (place == end or text[place + 1 :].strip()):
        raise HybridClusterError(f"{path}: line {line}: the list does not end with the file")


def as_table(
    path: str, objects: Iterator[tuple[int, JSONObject]], keys: Sequence[str]
) -> TraceTable:
    """Make a table of the values of some keys, as text.

    Raises:
        HybridClusterError: If an object lacks one, or there is none.
    """
    columns: dict[str, list[str]] = {key: [] for key in keys}
    lines = []
    for line, item in objects:
        for key, column in columns.items():
            column.append(str(take(path, line, item, key)))
        lines.append(line)
    if not lines:
        raise HybridClusterError(f"{path}: the file holds no task; allowed: at least one")
    return TraceTable(path, columns, lines)


def take(path: str, line: int, item: object, key: str, kind: type | None = None) -> Any:
    """Take the value of a key, of a type if one is asked for, or raise `HybridClusterError`."""
    if not isinstance(item, dict):
        raise HybridClusterError(f"{path}: line {line}: {str(item)[:80]} is no object with {key}")
    if key not in item:
        keys = ", ".join(list(item)[:18])
        raise HybridClusterError(f"{path}: line {line}: {key!r} is missing among the keys {keys}")
    value = item[key]
    if kind is not None and not isinstance(value, kind):
        shown = " ".join(str(value).split())[:80]
        raise HybridClusterError(
            f"{path}: line {line}: {key} is {shown}; allowed: a {kind.__name__}"
        )
    return value


def _as_object(pairs: list[tuple[str, Any]]) -> JSONObject:
    item = dict(pairs)
    if len(item) < len(pairs):
        names = [name for name, _ in pairs]
        double = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {double[:80]!r} stands twice in it")
    return item


def _after(pattern: re.Pattern[str], text: str, place: int) -> int:
    match = pattern.match(text, place)
    return match.end() if match else place
