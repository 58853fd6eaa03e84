"""Profiles: clusters as JSON files, checked on loading, each number with its source.

A profile is an object with ``schema_version`` (1), ``name``, ``description`` and ``devices``. Each
entry of ``devices`` has a ``count`` and either names a device of the shipped catalogue
(``{"catalogue": "a100-80gb", "count": 4}``) or describes one: ``name``, ``kind`` and the figures of
`cpu_gpu_env.cluster.Device`. A figure is a plain number, ``{"value": 2e10, "source": "..."}``, or
``{"peak": 1.9e13, "efficiency": 0.77, "source": "..."}``, and may carry
``"status": "datasheet" | "measured" | "estimated"``. ``link_bandwidth`` and ``memory_bytes`` may be
``"unlimited"``, which a CPU's are where they are left out; ``cache_bytes``, ``cache_bandwidth`` and
``ridge_sharpness`` may be left out by any device, which is then a plain roofline. A device may
carry ``raw`` measurements, and the profile itself any further keys (versions, notes); they are
ignored here.
"""

from __future__ import annotations

import itertools
import json
import math
import os
from functools import lru_cache
from pathlib import Path
from typing import Any

from cpu_gpu_env.atomic_file import write_text_atomically
from cpu_gpu_env.cluster import DEVICE_FIGURES, REFINEMENTS, Cluster, Device
from cpu_gpu_env.errors import HybridClusterError, unknown_name

SCHEMA_VERSION = 1
DEFAULT_CLUSTER = "a100-node"
MAX_COUNT = 1_024
"""Devices of a kind at most: each has a queue in every environment."""
OPTIONAL_FIGURES = ("link_bandwidth", "memory_bytes")
"""Figures that may be unlimited; a CPU may leave them out (it needs no transfer and pages)."""
UNLIMITED = "unlimited"
DEVICE_KEYS = ("catalogue", "count", "name", "kind", "raw", *DEVICE_FIGURES)

_PROFILES = Path(__file__).parent / "profiles"
_CATALOGUE = _PROFILES / "devices.json"


def shipped_profiles() -> tuple[str, ...]:
    """Names of the clusters that come with the package."""
    return tuple(sorted(path.stem for path in _PROFILES.glob("*.json") if path != _CATALOGUE))


@lru_cache(maxsize=1)
def device_catalogue() -> dict[str, Device]:
    """The devices that come with the package, by name."""
    entries = _read_json(_CATALOGUE)["devices"]
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
        raise HybridClusterError(
            f"cluster is {cluster!r}; allowed: a name, a path, or a cpu_gpu_env.Cluster"
        )
    text = os.fspath(cluster)
    if text in shipped_profiles():
        return load_profile(_PROFILES / f"{text}.json")
    if isinstance(cluster, os.PathLike) or text.endswith(".json") or os.path.isfile(text):
        return load_profile(text)
    if os.path.isdir(text):
        raise HybridClusterError(f"cluster {text!r} is a folder; give the path of a profile")
    if ":" in text or "+" in text or text in device_catalogue():
        return compose_cluster(text)
    raise unknown_name("cluster", text, shipped_profiles())


def compose_cluster(composition: str) -> Cluster:
    """Build a cluster from catalogue devices, e.g. ``"epyc-7763:2 + a100-80gb:4"``.

    Raises:
        HybridClusterError: If a device is unknown or a count is not a whole number of at least 1.
    """
    devices: list[Device] = []
    for device, count in parse_composition(composition).items():
        devices += [device] * count
    devices.sort(key=lambda device: device.kind)
    return Cluster(composition, tuple(devices))


def parse_composition(composition: str) -> dict[Device, int]:
    """Count the catalogue devices of a composition such as ``"a100-80gb:2 + t4:2"``.

    Raises:
        HybridClusterError: If a device is unknown or a count is not a whole number of at least 1.
    """
    counted: dict[Device, int] = {}
    for term in composition.split("+"):
        name, _, count = (part.strip() for part in term.partition(":"))
        if name not in device_catalogue():
            raise unknown_name(f"device in {composition!r}:", name, device_catalogue())
        device = device_catalogue()[name]
        digits = count.isdecimal() and len(count) <= len(str(MAX_COUNT))
        total = counted.get(device, 0) + (int(count) if digits else 1)
        if count and not (digits and int(count) >= 1 and total <= MAX_COUNT):
            raise HybridClusterError(
                f"{composition!r}: count of {name!r} is {count!r}; allowed: 1, 2, ... {MAX_COUNT}"
                " in all"
            )
        counted[device] = total
    return counted


def load_profile(path: str | os.PathLike[str]) -> Cluster:
    """Read a cluster from a JSON profile.

    Raises:
        HybridClusterError: If the file cannot be read, is not JSON, has another schema version, or
            a field is missing or out of range; the message names file, field and value.
    """
    path = Path(path)
    data = _read_json(path)
    try:
        return parse_profile(data)
    except HybridClusterError as error:
        raise HybridClusterError(f"{path}: {error}") from None


def parse_profile(data: Any) -> Cluster:
    """Turn the content of a profile into a `Cluster`; see the module for the form.

    Raises:
        HybridClusterError: As `load_profile`.
    """
    if not isinstance(data, dict):
        raise HybridClusterError(f"a profile is a JSON object, not {type(data).__name__}")
    version = data.get("schema_version")
    if isinstance(version, bool) or version != SCHEMA_VERSION:
        raise HybridClusterError(
            f"field 'schema_version' is {version!r}; allowed: {SCHEMA_VERSION}"
        )
    name = _require(data, "name", "profile", str)
    devices = parse_devices(data)
    devices.sort(key=lambda device: device.kind)
    return Cluster(name, tuple(devices))


def parse_devices(data: dict[str, Any]) -> list[Device]:
    """Turn the ``devices`` of a profile into devices, each as often as it counts.

    Raises:
        HybridClusterError: As `load_profile`, but for pools that are empty.
    """
    devices: list[Device] = []
    for index, entry in enumerate(_require(data, "devices", "profile", list)):
        where = f"devices[{index}]"
        if not isinstance(entry, dict):
            raise HybridClusterError(f"{where} is {entry!r}; allowed: a JSON object")
        for key in entry:
            if key not in DEVICE_KEYS:
                raise unknown_name(f"{where}: field", key, DEVICE_KEYS)
        count = entry.get("count", 1)
        if isinstance(count, bool) or not isinstance(count, int) or not 1 <= count <= MAX_COUNT:
            raise HybridClusterError(
                f"{where}: field 'count' is {count!r}; allowed: 1, 2, ... {MAX_COUNT}"
            )
        devices += [_parse_entry(entry, where)] * count
    return devices


def save_profile(data: dict[str, Any], path: str | os.PathLike[str]) -> None:
    """Check a profile and write it as JSON, whole or not at all.

    Raises:
        HybridClusterError: If `data` is not a valid profile (nothing is written then).
    """
    parse_profile(data)
    try:
        text = json.dumps(data, indent=2, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise HybridClusterError(f"{path}: the profile does not fit JSON: {error}") from None
    write_text_atomically(path, text + "\n")


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


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise HybridClusterError(f"{path}: cannot read the profile: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise HybridClusterError(f"{path}: not a JSON file: {error}") from None


def _require(data: dict[str, Any], field: str, where: str, kind: type) -> Any:
    if field not in data:
        raise HybridClusterError(f"{where}: field {field!r} is missing")
    if not isinstance(data[field], kind):
        raise HybridClusterError(
            f"{where}: field {field!r} is {data[field]!r}; allowed: a {kind.__name__}"
        )
    return data[field]


def _parse_entry(entry: dict[str, Any], where: str) -> Device:
    if "catalogue" not in entry:
        return _parse_device(entry, where)
    name = _require(entry, "catalogue", where, str)
    if name not in device_catalogue():
        raise unknown_name(f"{where}: device", name, device_catalogue())
    return device_catalogue()[name]


def _parse_device(entry: dict[str, Any], where: str) -> Device:
    name = _require(entry, "name", where, str)
    kind = _require(entry, "kind", where, str)
    if kind not in ("cpu", "gpu"):
        raise HybridClusterError(f"{where}: field 'kind' is {kind!r}; allowed: 'cpu', 'gpu'")
    figures = {}
    for field in DEVICE_FIGURES:
        if field in OPTIONAL_FIGURES and entry.get(field) == UNLIMITED:
            figures[field] = math.inf
        elif field in entry:
            figures[field] = _parse_figure(entry[field], f"{where}: field {field!r}")
        elif kind == "cpu" and field in OPTIONAL_FIGURES:
            figures[field] = math.inf
        elif field in REFINEMENTS:
            figures[field] = REFINEMENTS[field]
        else:
            raise HybridClusterError(f"{where}: field {field!r} is missing")
    try:
        return Device(name=name, kind=kind, **figures)
    except HybridClusterError as error:
        raise HybridClusterError(f"{where}: {error}") from None


def _parse_figure(figure: Any, where: str) -> float:
    if isinstance(figure, dict):
        if "value" in figure:
            return _number(figure["value"], where)
        if "peak" in figure and "efficiency" in figure:
            efficiency = _number(figure["efficiency"], f"{where} efficiency")
            if not 0 < efficiency <= 1:
                raise HybridClusterError(f"{where}: efficiency is {efficiency}; allowed: (0, 1]")
            return _number(figure["peak"], f"{where} peak") * efficiency
        raise HybridClusterError(f"{where} needs 'value', or 'peak' and 'efficiency'")
    return _number(figure, where)


def _number(value: Any, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise HybridClusterError(f"{where} is {value!r}; allowed: a number")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise HybridClusterError(f"{where} is {number!r}; allowed: a finite number")
    return number
