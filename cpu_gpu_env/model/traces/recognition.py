"""What kind of trace a file is, by the names in its beginning."""

from __future__ import annotations

import csv
import math
import os
import re
from collections.abc import Iterable

from cpu_gpu_env.checks import as_number
from cpu_gpu_env.errors import HybridClusterError
from cpu_gpu_env.io.bounded_files import read_head
from cpu_gpu_env.model.traces import swf
from cpu_gpu_env.model.traces.mapping import TraceMapping
from cpu_gpu_env.model.traces.text_table import decode

HEAD_BYTES = 2**16
"""Of a file that are looked at."""

_KEY = re.compile(r'"([^"\\]{1,100})"\s*:')


def recognise(path: str, mappings: Iterable[type[TraceMapping]]) -> list[str]:
    """Tell which formats of `mappings` a file has the names of; none if it cannot be read."""
    try:
        head = decode(read_head(os.path.expanduser(path), HEAD_BYTES, "trace")).read()
    except HybridClusterError:
        return []
    names = _names_in(head)
    return [m.format for m in mappings if m.signature and names.issuperset(m.signature)]


def hint(path: str, formats: list[str]) -> str:
    """Say how a file of recognised formats is given, or nothing."""
    if not formats:
        return ""
    how = " or ".join(f"{name}:{path}" for name in formats)
    return f"; the file looks like a trace of the kind {' or '.join(formats)}: say {how}"


def _names_in(head: str) -> set[str]:
    """Names of the columns, or of the keys of JSON objects."""
    text = head.lstrip()
    if text.startswith(("{", "[")):
        return set(_KEY.findall(text))
    line = text.partition("\n")[0]
    values = line.split()
    numbers = len(values) >= len(swf.FIELDS) and not any(math.isnan(as_number(v)) for v in values)
    if line.startswith(";") or numbers:
        return set(swf.FIELDS)
    try:
        return {name.strip() for name in next(csv.reader([line]), [])}
    except csv.Error:
        return set()
