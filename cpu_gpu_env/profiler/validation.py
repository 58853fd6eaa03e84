"""How well a profile predicts kernels that its fit has not seen, on the machine it was made on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from cpu_gpu_env.cluster import Device
from cpu_gpu_env.errors import HybridClusterError
from cpu_gpu_env.profile import parse_devices
from cpu_gpu_env.profiler.devices import find_targets, this_host, torch_set_up
from cpu_gpu_env.profiler.fit import Errors, ablation, predict_s, summarise
from cpu_gpu_env.profiler.kernels import affordable, fitted_kernels, kernels_beyond, unseen_kernels
from cpu_gpu_env.profiler.machine import Progress, disturbed_share, samples_of
from cpu_gpu_env.profiler.samples import Sample
from cpu_gpu_env.profiler.timing import FULL, Effort, Stopwatch, best_clock

SAME_HOST = {
    "host": "this host is another one; measure it again",
    "host_cpu": "this host has another CPU; measure it again",
    "logical_cpus": "measure it again with as many CPUs",
    "threads": "give --threads the same number, or measure it again",
}
"""What must be as it was when the profile was made -> what to do if it is not."""


@dataclass(frozen=True)
class Validation:
    """Predicted and measured times of one device."""

    device: Device
    """The device as its profile has it."""
    unseen: list[Sample]
    """Kernels that the fit has not seen, of kinds that the model is meant for."""
    beyond: list[Sample]
    """Kernels of kinds beyond it (see `kernels`)."""
    ablation: dict[str, Errors]
    """Errors on `unseen` of models fitted anew without some terms."""
    disturbed_share: float
    """Share of the kernels that were disturbed in every round."""
    missing: dict[str, str]
    """Label of each kernel that failed -> why."""
    interrupted: bool = False
    """Whether Ctrl-C ended it early; what was timed by then is judged."""

    def errors(self, samples: Sequence[Sample]) -> Errors:
        """Errors of the device's predictions."""
        measured_s = np.array([sample.time_s for sample in samples])
        return summarise(np.abs(predict_s(self.device, samples) / measured_s - 1.0))

    def errors_by_kind(self, samples: Sequence[Sample]) -> dict[str, Errors]:
        """Errors of each kind of kernel."""
        kinds = dict.fromkeys(sample.kind for sample in samples)
        return {
            kind: self.errors([sample for sample in samples if sample.kind == kind])
            for kind in kinds
        }


def check_same_machine(profile: dict[str, Any], threads: int) -> None:
    """Check that a profile was measured on this host, with these settings.

    Args:
        profile: The content of a profile.
        threads: Threads that kernels run on here.

    Raises:
        HybridClusterError: If it was not measured, or elsewhere; the message names what differs.
    """
    made_by = profile.get("measurement")
    if not isinstance(made_by, dict):
        raise HybridClusterError(
            "field 'measurement' is missing: only a profile that was measured can be validated; "
            "make one with profile_hardware.py"
        )
    here = this_host(threads)
    for field, mend in SAME_HOST.items():
        then, now = made_by.get(field), getattr(here, field)
        if then != now:
            raise HybridClusterError(f"field {field!r} is {then!r}, here it is {now!r}: {mend}")


def validate(
    profile: dict[str, Any],
    effort: Effort = FULL,
    threads: int = 0,
    seed: int = 0,
    any_host: bool = False,
    progress: Progress = lambda label, total: None,
) -> list[Validation]:
    """Time kernels that the fit of a profile has not seen, on each device that it measured.

    Args:
        profile: The content of a profile.
        effort: How long to measure.
        threads: CPU threads; 0 leaves the number to torch.
        seed: Seed of the contents of the arrays.
        any_host: Compare even with a profile made elsewhere or with other settings.
        progress: Told of each step before it begins.

    Raises:
        HybridClusterError: If the profile is not valid, not of this machine, or of no device here.
    """
    entries = _measured_entries(profile)
    with torch_set_up(threads, seed) as used_threads:
        if not any_host:
            check_same_machine(profile, used_threads)
        targets = [target for target in find_targets() if any_host or target.label in entries]
        if any_host:
            # By kind, since names differ from host to host.
            by_kind = {device.kind: (device, entry) for device, entry in entries.values()}
            found = [(t, *by_kind[t.kind]) for t in targets if t.kind in by_kind]
        else:
            found = [(target, *entries[target.label]) for target in targets]
        if not found:
            raise HybridClusterError(f"none of its devices is here: {', '.join(entries)}")
        effort = effort.shared_by(len(found))
        watches = [
            Stopwatch(target.device, effort, best_clock(target.device, used_threads))
            for target, _, _ in found
        ]
        kinds = [
            {
                kind: affordable(kernels, target.memory_bytes)
                for kind, kernels in {**unseen_kernels(), **kernels_beyond()}.items()
            }
            for target, _, _ in found
        ]
        total = sum(watch.num_steps(of) for watch, of in zip(watches, kinds, strict=True))
        results = []
        for (target, device, entry), watch, of in zip(found, watches, kinds, strict=True):
            label = target.label
            interrupted = False
            try:
                watch.time_all(of, _labelled(label, total, progress))
            except KeyboardInterrupt:
                interrupted = True
                if not _judged_samples(watch)[0]:
                    raise
            results.append(replace(_judge(device, entry, watch), interrupted=interrupted))
            if interrupted:
                break
    return results


def _labelled(label: str, total: int, progress: Progress) -> Callable[[str], None]:
    return lambda step: progress(f"{label}: {step}", total)


def _judge(device: Device, entry: dict[str, Any], watch: Stopwatch) -> Validation:
    unseen, beyond = _judged_samples(watch)
    if not unseen:
        raise HybridClusterError(f"device {device.name!r}: no kernel could be timed")
    fitted = samples_of(entry, tuple(fitted_kernels()))
    return Validation(
        device,
        unseen,
        beyond,
        ablation(fitted, unseen, device.cache_bytes or None),
        disturbed_share([*unseen, *beyond]),
        watch.failures,
    )


def _judged_samples(watch: Stopwatch) -> tuple[list[Sample], list[Sample]]:
    """What was timed: of kinds that the model is meant for, and beyond it."""
    samples, beyond_kinds = watch.samples(), kernels_beyond()
    return (
        [sample for sample in samples if sample.kind not in beyond_kinds],
        [sample for sample in samples if sample.kind in beyond_kinds],
    )


def _measured_entries(profile: dict[str, Any]) -> dict[str, tuple[Device, dict[str, Any]]]:
    """The devices of a profile that carry kernel times, by name."""
    if not isinstance(profile, dict) or not isinstance(profile.get("devices"), list):
        raise HybridClusterError("field 'devices' is missing: this is no profile")
    measured = [entry for entry in profile["devices"] if isinstance(entry, dict) and "raw" in entry]
    if not measured:
        raise HybridClusterError(
            "no device carries measurements ('raw'); make a profile with profile_hardware.py"
        )
    devices = parse_devices({"devices": [{**entry, "count": 1} for entry in measured]})
    return {device.name: (device, entry) for device, entry in zip(devices, measured, strict=True)}
