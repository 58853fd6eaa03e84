"""What a stored run tells of its devices and actions."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from cpu_gpu_env.checks import is_number
from cpu_gpu_env.dashboard.repositories.decisions import count_seen_cpus
from cpu_gpu_env.errors import HybridClusterError
from cpu_gpu_env.model.cluster import Cluster
from cpu_gpu_env.model.profile import DEFAULT_CLUSTER, cluster_to_profile, resolve_cluster
from cpu_gpu_env.problem.problem import DEFAULT_GPU_FRACTIONS
from cpu_gpu_env.results.store.problems import env_kwargs_of, problem_record_of
from cpu_gpu_env.results.store.reading import StoreReader


@dataclass(frozen=True)
class Devices:
    """Devices of a run."""

    names: tuple[str, ...]
    """CPUs first; empty: unknown."""
    num_cpus: int
    """How many CPUs there are."""


def devices_of(row: Mapping[str, Any], states: Mapping[str, Mapping[str, Any]]) -> Devices | None:
    """Find the devices of a run; None: it does not tell, and its cluster is not known here.

    Args:
        row: Of the table of runs. A drift takes a device away at most, and the last one.
        states: Newest state of each lane, as the table `live` has it.
    """
    found = _of_cluster(row)
    shown = (_shown(state) for state in states.values())
    return found or next((devices for devices in shown if devices is not None), None)


def find_devices(reader: StoreReader, row: Mapping[str, Any]) -> Devices:
    """Find the devices of a run.

    Where it does not tell and its cluster is not known here, there are no names, and as many CPUs
    as its newest decisions used.

    Args:
        reader: The store.
        row: Of the table of runs.
    """
    found = _of_cluster(row)
    if found is None:
        lanes = reader.live(row["run"])
        found = devices_of(row, {name: of_lane["state"] for name, of_lane in lanes.items()})
    return found or Devices((), count_seen_cpus(reader, row["run"], row["schedulers"]))


def _of_cluster(row: Mapping[str, Any]) -> Devices | None:
    with suppress(HybridClusterError):
        cluster = resolve_cluster(env_kwargs_of(row, "").get("cluster", DEFAULT_CLUSTER))
        if _is_same(row, cluster):
            return Devices(tuple(cluster.device_names), len(cluster.cpus))
    return None


def _is_same(row: Mapping[str, Any], cluster: Cluster) -> bool:
    """Whether a cluster, which may come from a file, is the one of a run."""
    record = problem_record_of(row, "") or problem_record_of(row, _first_phase(row))
    if record is None:
        return True
    profile = json.dumps(cluster_to_profile(cluster), sort_keys=True)
    return record.get("cluster_sha256") == hashlib.sha256(profile.encode()).hexdigest()


def _first_phase(row: Mapping[str, Any]) -> str:
    return next(iter(phases_of(row)), "")


def _shown(state: Mapping[str, Any]) -> Devices | None:
    """The devices of the newest episode of a lane."""
    devices = state.get("devices")
    if not isinstance(devices, list) or not devices:
        return None
    if not all(isinstance(d, Mapping) and isinstance(d.get("name"), str) for d in devices):
        return None
    is_cpu = [device.get("kind") == "cpu" for device in devices]
    return Devices(tuple(device["name"] for device in devices), sum(is_cpu))


def gpu_fractions_of(row: Mapping[str, Any]) -> list[float]:
    """GPU fraction of each action of a run; empty: it does not tell."""
    record = problem_record_of(row, "") or problem_record_of(row, _first_phase(row)) or {}
    found = record.get("gpu_fractions")
    if found is None:
        try:
            found = env_kwargs_of(row, "").get("gpu_fractions", DEFAULT_GPU_FRACTIONS)
        except HybridClusterError:
            return []
    if not isinstance(found, (list, tuple)) or not all(map(is_number, found)):
        return []
    return [float(fraction) for fraction in found]


def phases_of(row: Mapping[str, Any]) -> list[str]:
    """Names of the phases of a run; empty: there is but one, without a name."""
    phases = row["settings"].get("phases")
    entries = [phase for phase in phases if isinstance(phase, Mapping)] if phases else []
    return [name for phase in entries if isinstance(name := phase.get("name"), str) and name]
