"""From a name, the path of a trace, or its description in one string, to a workload."""

from __future__ import annotations

import os
import re
from functools import lru_cache

import numpy as np

from cpu_gpu_env.errors import HybridClusterError, not_allowed, printable, unknown_name
from cpu_gpu_env.io.paths import as_path
from cpu_gpu_env.model.tasks import Tasks
from cpu_gpu_env.model.traces.alibaba_dlrm import AlibabaDLRM
from cpu_gpu_env.model.traces.alibaba_gpu import AlibabaGPU
from cpu_gpu_env.model.traces.azure_llm import AzureLLM
from cpu_gpu_env.model.traces.burstgpt import BurstGPT
from cpu_gpu_env.model.traces.helios import Helios
from cpu_gpu_env.model.traces.mapping import TraceMapping
from cpu_gpu_env.model.traces.mooncake import Mooncake
from cpu_gpu_env.model.traces.philly import Philly
from cpu_gpu_env.model.traces.recognition import hint, recognise
from cpu_gpu_env.model.traces.swf import StandardWorkloadFormat
from cpu_gpu_env.model.traces.task_table import TaskTable
from cpu_gpu_env.model.workload import SYNTHETIC_WORKLOADS, Workload, feature_ranges, named_workload

TRACE_FORMATS: dict[str, type[TraceMapping]] = {
    mapping.format: mapping
    for mapping in (
        TaskTable,
        StandardWorkloadFormat,
        AzureLLM,
        BurstGPT,
        Mooncake,
        AlibabaGPU,
        AlibabaDLRM,
        Helios,
        Philly,
    )
}
"""The mappings by the format that they read."""

SUFFIXES: dict[str, type[TraceMapping]] = {
    ".csv": TaskTable,
    ".csv.gz": TaskTable,
    ".swf": StandardWorkloadFormat,
    ".swf.gz": StandardWorkloadFormat,
}
"""Endings of paths that need no format."""

Part = tuple[float, float]
"""From which share of the tasks, in order of arrival, up to which."""

WHOLE: Part = (0.0, 1.0)


def parse_trace(text: str) -> tuple[str, TraceMapping | None, Part] | None:
    """Take ``"format:PATH?key=value&key=value"`` apart: what `load_trace` takes.

    Returns:
        None if the text looks like no trace.

    Raises:
        HybridClusterError: If the format or an argument is unknown, a value is not allowed, or
            there is such a file but nothing tells its format.
    """
    prefix, colon, rest = text.partition(":")
    known = bool(colon) and prefix in TRACE_FORMATS
    path, _, query = (rest if known else text).partition("?")
    if not known:
        if colon and re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]+", prefix) and not os.path.exists(path):
            raise HybridClusterError(
                f"{unknown_name('trace format', prefix, TRACE_FORMATS)}{_hint(rest.split('?')[0])}"
            )
        if not path.endswith(tuple(SUFFIXES)) and not os.path.isfile(os.path.expanduser(path)):
            return None
    mapping_type = TRACE_FORMATS[prefix] if known else _mapping_of(path)
    arguments = _parse_query(query, text)
    part = _as_part(arguments.pop("part", "0-1"))
    return path, mapping_type.from_texts(arguments), part


def _parse_query(query: str, text: str) -> dict[str, str]:
    arguments: dict[str, str] = {}
    for item in query.split("&") if query else []:
        key, equals, value = item.partition("=")
        if not equals or key in arguments:
            raise HybridClusterError(
                f"workload {text!r}: {item!r} after '?'; allowed: key=value, each key once, with "
                "'&' between them"
            )
        arguments[key] = value
    return arguments


def _as_part(part: Part | str) -> Part:
    """Check a part, given as a pair or as a text such as ``"0-0.7"``."""
    try:
        if isinstance(part, str):
            low, high = map(float, part.split("-"))
            part = low, high
        low, high = part
        good = 0.0 <= low < high <= 1.0
    except (TypeError, ValueError):
        good = False
    if not good:
        allowed = "from-to with 0 <= from < to <= 1, such as 0-0.7"
        raise not_allowed("part of a trace", part, allowed)
    return float(low), float(high)


def _mapping_of(path: str) -> type[TraceMapping]:
    """Choose the mapping by the ending of a path."""
    for suffix, mapping in SUFFIXES.items():
        if path.endswith(suffix):
            return mapping
    formats = ", ".join(f"{name}:PATH" for name in TRACE_FORMATS)
    raise HybridClusterError(
        f"{path}: the ending does not tell the trace format; allowed: {', '.join(SUFFIXES)}, or "
        f"say the format: {formats}{_hint(path)}"
    )


def _hint(path: str) -> str:
    """Say which format a file looks like, if it looks like one."""
    return hint(path, recognise(path, TRACE_FORMATS.values()))


def load_trace(
    path: str | os.PathLike[str], mapping: TraceMapping | None = None, part: Part = WHOLE
) -> Workload:
    """Read a trace.

    A file that has not changed is read once; its workloads are the same objects, so environments
    share their tables.

    Args:
        path: The file, gzipped or not.
        mapping: How its rows become tasks; None: by the ending of the path, with the defaults.
        part: From which share of the tasks, in order of arrival, up to which.

    Raises:
        HybridClusterError: If the file cannot be read, a value in it is not allowed (the message
            names file, line, column and value), the part is empty, or an argument is of the wrong
            type.
    """
    part = _as_part(part)
    name = os.path.abspath(as_path(path))
    try:
        status = os.stat(name)
    except OSError as error:
        raise HybridClusterError(f"{name}: cannot read the trace: {error.strerror}") from None
    chosen: object = _mapping_of(name)() if mapping is None else mapping
    if not isinstance(chosen, TraceMapping):
        mappings = ", ".join(f"{known.__name__}(...)" for known in TRACE_FORMATS.values())
        raise not_allowed("mapping", chosen, f"{mappings} or None")
    return _load(name, chosen, part, (status.st_mtime_ns, status.st_size))


@lru_cache(maxsize=16)
def _load(path: str, mapping: TraceMapping, part: Part, version: tuple[int, int]) -> Workload:
    tasks, notes = _read(path, mapping, version)
    first, end = (round(bound * len(tasks)) for bound in part)
    if first == end:
        raise HybridClusterError(
            f"{path}: part {part[0]:g}-{part[1]:g} of {len(tasks)} tasks holds none"
        )
    arguments = mapping.changed_arguments()
    if part != WHOLE:
        arguments["part"] = f"{part[0]:.15g}-{part[1]:.15g}"
    query = "&".join(f"{key}={value}" for key, value in arguments.items())
    # Names of files may hold what no table, figure or text file can.
    name = f"{mapping.format}:{printable(os.path.basename(path))}" + (f"?{query}" if query else "")
    if mapping.draws_intensity:  # the name goes wherever a result is shown
        name += " (intensity drawn)"
    pool = tasks.take(np.arange(first, end), tasks.arrival_s[first:end])
    ranges = feature_ranges(tasks)
    return Workload(name, pool, *ranges, in_order=True, notes=notes, whole=tasks)


@lru_cache(maxsize=4)
def _read(
    path: str, mapping: TraceMapping, version: tuple[int, int]
) -> tuple[Tasks, tuple[str, ...]]:
    """Read a version of a file: parts of a trace share it."""
    try:
        return mapping.read(path)
    except HybridClusterError as error:
        formats = recognise(path, TRACE_FORMATS.values())
        if mapping.format in formats:
            raise
        raise HybridClusterError(f"{error}{hint(path, formats)}") from None


def resolve_workload(workload: str | os.PathLike[str] | Workload) -> Workload:
    """Turn a workload argument into a `Workload`.

    Args:
        workload: A `Workload`; a name (``"lognormal"``); the path of a trace; or its format, path
            and arguments (``"azure-llm:code.csv?part=0-0.7"``, see `cpu_gpu_env.model.traces`).

    Raises:
        HybridClusterError: If there is no such workload, or a trace cannot be read.
    """
    if isinstance(workload, Workload):
        return workload
    if isinstance(workload, str) and workload in SYNTHETIC_WORKLOADS:
        return named_workload(workload)
    if isinstance(workload, os.PathLike):
        return load_trace(workload)
    if not isinstance(workload, str):
        raise not_allowed(
            "workload", workload, "a name, the path of a trace, or a cpu_gpu_env.Workload"
        )
    trace = parse_trace(workload)
    if trace is None and os.sep in workload:
        raise HybridClusterError(f"{workload}: cannot read the trace: there is no such file")
    if trace is None:
        formats = [f"{name}:PATH" for name in TRACE_FORMATS]
        raise unknown_name("workload", workload, [*SYNTHETIC_WORKLOADS, *formats])
    return load_trace(*trace)
