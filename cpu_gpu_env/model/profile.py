"""Profiles: clusters as JSON files, checked on loading, each number with its source.

A profile is an object with ``schema_version`` (1), ``name``, ``description`` and ``devices``. Each
entry of ``devices`` has a ``count`` and either names a device of the shipped catalogue
(``{"catalogue": "a100-80gb", "count": 4}``) or describes one: ``name``, ``kind`` and the figures of
`cpu_gpu_env.model.cluster.Device`. A figure is a plain number, ``{"value": 2e10}`` or
``{"peak": 1.9e13, "efficiency": 0.77}``; the latter two may carry a ``source``, a text, and
``"status": "datasheet" | "measured" | "estimated"``. ``link_bandwidth`` and ``memory_bytes`` may be
``"unlimited"``, which a CPU's are where they are left out; ``cache_bytes``, ``cache_bandwidth`` and
``ridge_sharpness`` may be left out by any device, which is then a plain roofline. With
``memory_power_w`` a device has a power of its own for shares that memory traffic bounds
(``active_power_w`` is then that of those that computing bounds); without, it has
``active_power_w`` for all. A device may carry ``raw`` measurements, and the profile itself any
further keys (versions, notes); they are ignored here.
"""

from __future__ import annotations

import itertools
import json
import math
import os
from functools import lru_cache
from pathlib import Path
from typing import Any

from cpu_gpu_env import checks
from cpu_gpu_env.errors import HybridClusterError, not_allowed, shown, unknown_name
from cpu_gpu_env.io.atomic_files import write_text_atomically
from cpu_gpu_env.io.bounded_files import read_json
from cpu_gpu_env.io.paths import as_path, expand_home
from cpu_gpu_env.model.cluster import (
    DEVICE_FIGURES,
    MAX_DEVICES,
    REFINEMENTS,
    Cluster,
    Device,
    check_num_devices,
)

SCHEMA_VERSION = 1
MAX_PROFILE_BYTES = 2**24
"""Of a file, unless told otherwise; a measured one has some hundred thousand."""
DEFAULT_CLUSTER = "a100-node"
OPTIONAL_FIGURES = ("link_bandwidth", "memory_bytes")
"""Figures that may be unlimited; a CPU may leave them out (it needs no transfer and pages)."""
UNLIMITED = "unlimited"
FIGURE_FORMS = (frozenset({"value"}), frozenset({"peak", "efficiency"}))
FIGURE_NOTES = ("source", "status")
FIGURE_STATUS = ("datasheet", "measured", "estimated")
DEVICE_KEYS = ("catalogue", "count", "name", "kind", "raw", *DEVICE_FIGURES)

_PROFILES = Path(__file__).parent / "profiles"
_CATALOGUE = _PROFILES / "devices.json"


def shipped_profiles() -> tuple[str, ...]:
    """Names of the clusters that come with the package."""
    return tuple(sorted(path.stem for path in _PROFILES.glob("*.json") if path != _CATALOGUE))


@lru_cache(maxsize=1)
def _read_catalogue() -> Any:
    return read_profile(_CATALOGUE)


def catalogue_version() -> int:
    """Number of the catalogue: results on its devices compare with those of the same one.

    Version 1 knew FP32 alone, launches of 2 ms, and CPUs at 0.3 of their peak.
    """
    return int(_read_catalogue()["version"])


@lru_cache(maxsize=1)
def device_catalogue() -> dict[str, Device]:
    """The devices that come with the package, by name."""
    entries = _read_catalogue()["devices"]
    return {name: _parse_device({"name": name, **entry}, name) for name, entry in entries.items()}


def resolve_cluster(cluster: str | os.PathLike[str] | Cluster) -> Cluster:
    """Turn a cluster argument into a `Cluster`.

    Args:
        cluster: A `Cluster`; the name of a shipped profile (``"a100-node"``); a composition of
            catalogue devices (``"epyc-7763:2 + a100-80gb:4"``); or the path of a profile.

    Raises:
        HybridClusterError: If there is no such profile, or it does not hold a valid cluster.
    """
    if isinstance(cluster, Cluster):
        return cluster
    if not isinstance(cluster, (str, os.PathLike)):
        raise not_allowed("cluster", cluster, "a name, a path, or a cpu_gpu_env.Cluster")
    text = os.fspath(cluster)
    if text in shipped_profiles():
        return load_profile(text)
    file = expand_home(text, "cluster")
    if isinstance(cluster, os.PathLike) or text.endswith(".json") or os.path.isfile(file):
        return load_profile(text)
    if os.path.isdir(file):
        raise HybridClusterError(f"cluster {text!r} is a folder; give the path of a profile")
    if ":" in text or "+" in text or text in device_catalogue():
        return compose_cluster(text)
    raise unknown_name("cluster", text, shipped_profiles())


def compose_cluster(composition: str) -> Cluster:
    """Build a cluster from catalogue devices, e.g. ``"epyc-7763:2 + a100-80gb:4"``.

    Raises:
        HybridClusterError: If a device is unknown, a count is not a whole number of at least 1,
            there are more than `MAX_DEVICES`, or no CPU or no GPU.
    """
    counted = parse_composition(composition)
    return _as_cluster(composition, [d for d, count in counted.items() for _ in range(count)])


def parse_composition(composition: str) -> dict[Device, int]:
    """Count the catalogue devices of a composition such as ``"a100-80gb:2 + t4:2"``.

    Raises:
        HybridClusterError: If a device is unknown, a count is not a whole number of at least 1, or
            there are more than `MAX_DEVICES` in all.
    """
    checks.check_name("composition", composition)
    counted: dict[Device, int] = {}
    for term in composition.split("+"):
        name, _, count = (part.strip() for part in term.partition(":"))
        if name not in device_catalogue():
            raise unknown_name(f"device in {shown(composition)}:", name, device_catalogue())
        device = device_catalogue()[name]
        digits = count.isdecimal() and len(count) <= len(str(MAX_DEVICES))
        if count and not (digits and int(count) >= 1):
            raise not_allowed(
                f"{shown(composition)}: count of {name!r}", count, f"1, 2, ... {MAX_DEVICES}"
            )
        counted[device] = counted.get(device, 0) + (int(count) if count else 1)
    check_num_devices(shown(composition), sum(counted.values()))
    return counted


def load_profile(path: str | os.PathLike[str], max_bytes: int = MAX_PROFILE_BYTES) -> Cluster:
    """Read a cluster from a JSON profile.

    Args:
        path: Of the file, or the name of a shipped profile (``"a100-node"``), which comes first.
        max_bytes: Bytes that the file may have at most.

    Raises:
        HybridClusterError: If the file cannot be read, is too large, is not JSON, has another
            schema version, or a field is missing or out of range; the message names file, field and
            value.
    """
    if isinstance(path, str) and path in shipped_profiles():
        path = _PROFILES / f"{path}.json"
    bare = isinstance(path, str) and Path(path).name == path and not path.endswith(".json")
    names = ", ".join(shipped_profiles())
    hint = f" (by name there are: {names})" if bare else ""
    data = read_profile(path, hint, max_bytes=max_bytes)
    try:
        return parse_profile(data)
    except HybridClusterError as error:
        raise HybridClusterError(f"{path}: {error}") from None


def parse_profile(data: Any) -> Cluster:
    """Turn the content of a profile into a `Cluster`; see the module for the form.

    Raises:
        HybridClusterError: If it is no object, has another schema version, a field is missing,
            unknown or out of range, or there is no CPU or no GPU.
    """
    checks.check_version("profile", data, "schema_version", SCHEMA_VERSION)
    return _as_cluster(checks.check_field("profile", data, "name", str), parse_devices(data))


def _as_cluster(name: str, devices: list[Device]) -> Cluster:
    return Cluster(name, tuple(sorted(devices, key=lambda device: device.kind)))


def parse_devices(data: dict[str, Any]) -> list[Device]:
    """Turn the ``devices`` of a profile into devices, each as often as it counts.

    Raises:
        HybridClusterError: If a field is missing, unknown or out of range.
    """
    devices: list[Device] = []
    for index, entry in enumerate(checks.check_field("profile", data, "devices", list)):
        where = f"devices[{index}]"
        if not isinstance(entry, dict):
            raise not_allowed(where, entry, "a JSON object")
        for key in entry:
            if key not in DEVICE_KEYS:
                raise unknown_name(f"{where}: field", key, DEVICE_KEYS)
        count = checks.check_count(f"{where}: field 'count'", entry.get("count", 1), MAX_DEVICES)
        check_num_devices(where, len(devices) + count)
        devices += [_parse_entry(entry, where)] * count
    return devices


def save_profile(data: dict[str, Any], path: str | os.PathLike[str]) -> None:
    """Check a profile and write it as JSON, whole or not at all.

    Raises:
        HybridClusterError: If `data` is not a valid profile or `path` no place for a file (nothing
            is written then).
    """
    path = as_path(path)
    parse_profile(data)
    try:
        text = json.dumps(data, indent=2, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise HybridClusterError(f"{path}: the profile does not fit JSON: {error}") from None
    try:
        write_text_atomically(path, text + "\n")
    except (IsADirectoryError, NotADirectoryError, FileExistsError, ValueError) as error:
        raise HybridClusterError(f"{path}: cannot write the profile: {error}") from None


def cluster_to_profile(cluster: Cluster, description: str = "") -> dict[str, Any]:
    """Describe a cluster in the form that `parse_profile` reads, an entry a run of like ones."""
    entries = []
    for device, run in itertools.groupby(cluster.devices):
        values = {name: getattr(device, name) for name in DEVICE_FIGURES}
        values = {name: x for name, x in values.items() if x != REFINEMENTS.get(name)}
        figures = {name: x if math.isfinite(x) else UNLIMITED for name, x in values.items()}
        count = len(list(run))
        entries.append({"name": device.name, "kind": device.kind, "count": count, **figures})
    return {
        "schema_version": SCHEMA_VERSION,
        "name": cluster.name,
        "description": description,
        "devices": entries,
    }


def read_profile(
    path: str | os.PathLike[str], hint: str = "", max_bytes: int = MAX_PROFILE_BYTES
) -> Any:
    """Read the content of a profile, unchecked; raises as `cpu_gpu_env.io.bounded_files.read_json`.

    If the file cannot be read, the message ends in `hint`.
    """
    return read_json(as_path(path), max_bytes, "profile", hint)


def _parse_entry(entry: dict[str, Any], where: str) -> Device:
    if "catalogue" not in entry:
        return _parse_device(entry, where)
    name = checks.check_field(where, entry, "catalogue", str)
    if name not in device_catalogue():
        raise unknown_name(f"{where}: device", name, device_catalogue())
    return device_catalogue()[name]


def _parse_device(entry: dict[str, Any], where: str) -> Device:
    name = checks.check_field(where, entry, "name", str)
    kind: Any = checks.check_field(where, entry, "kind", str)
    if kind not in ("cpu", "gpu"):
        raise not_allowed(f"{where}: field 'kind'", kind, "'cpu', 'gpu'")
    figures: dict[str, Any] = {}
    for field in DEVICE_FIGURES:
        figure = entry.get(field, UNLIMITED if kind == "cpu" else None)
        if field in OPTIONAL_FIGURES and isinstance(figure, str) and figure == UNLIMITED:
            figures[field] = math.inf
        elif field in entry:
            figures[field] = _parse_figure(figure, f"{where}: field {field!r}")
        elif field not in REFINEMENTS:
            raise HybridClusterError(f"{where}: field {field!r} is missing")
    try:
        return Device(name=name, kind=kind, **figures)
    except HybridClusterError as error:
        raise HybridClusterError(f"{where}: {error}") from None


def _parse_figure(figure: Any, where: str) -> float:
    if not isinstance(figure, dict):
        return _number(figure, where)
    _check_notes(figure, where)
    if "value" in figure:
        return _number(figure["value"], where)
    efficiency = checks.check_number(f"{where}: efficiency", figure["efficiency"], 0, 1, above=True)
    return _number(figure["peak"], f"{where}: peak") * efficiency


def _number(value: Any, where: str) -> float:
    # Which end a figure has is for the device to say.
    return checks.check_number(where, value, -checks.MAX_FIGURE, checks.MAX_FIGURE)


def _check_notes(figure: dict[str, Any], where: str) -> None:
    """Check all of a figure but its numbers: a misspelt field must not go unnoticed."""
    known = sorted(frozenset(FIGURE_NOTES).union(*FIGURE_FORMS))
    for key in figure:
        if key not in known:
            raise unknown_name(f"{where}: key", key, known)
    if figure.keys() - FIGURE_NOTES not in FIGURE_FORMS:
        raise HybridClusterError(f"{where} needs either 'value', or 'peak' and 'efficiency'")
    if not isinstance(figure.get("source", ""), str):
        raise not_allowed(f"{where}: source", figure["source"], "a text")
    status = figure.get("status", FIGURE_STATUS[0])
    if not isinstance(status, str) or status not in FIGURE_STATUS:
        raise unknown_name(f"{where}: status", status, FIGURE_STATUS)
