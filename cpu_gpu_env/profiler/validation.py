"""How well a profile predicts kernels that its fit has not seen, on the machine it was made on."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from cpu_gpu_env.errors import HybridClusterError
from cpu_gpu_env.model.cluster import Device
from cpu_gpu_env.model.profile import parse_devices
from cpu_gpu_env.profiler.devices import (
    OtherPrograms,
    Target,
    find_targets,
    this_host,
    torch_set_up,
)
from cpu_gpu_env.profiler.fit import Errors, ablation, median_factor, relative_errors, summarise
from cpu_gpu_env.profiler.fitted_range import Ranges, axes_outside, parse_ranges
from cpu_gpu_env.profiler.kernels import affordable, fitted_kernels, kernels_beyond, unseen_kernels
from cpu_gpu_env.profiler.machine import Progress, measure_in_turn
from cpu_gpu_env.profiler.machine_state import PROBE, watch_state
from cpu_gpu_env.profiler.noise import Noise, disturbed_share
from cpu_gpu_env.profiler.samples import Kernel, Sample, samples_of, typical_time_s
from cpu_gpu_env.profiler.special_kernels import runnable, special_kernels, unseen_special_kernels
from cpu_gpu_env.profiler.stopwatch import Stopwatch
from cpu_gpu_env.profiler.timing import FULL, Effort, best_clock

SAME_HOST = {
    "host": "this host is another one; measure it again",
    "host_cpu": "this host has another CPU; measure it again",
    "logical_cpus": "measure it again with as many CPUs",
    "threads": "give --threads the same number, or measure it again",
}
"""What must be as it was when the profile was made -> what to do if it is not."""

MAX_DRIFT = 0.25
"""Median difference between times now and then of the same kernels, above which the machine is
taken to be in another state (clock, cooling, power limit, a steady load of others)."""


@dataclass(frozen=True)
class Validation:
    """Predicted and measured times of one device."""

    device: Device
    """The device as its profile has it."""
    unseen: list[Sample]
    """Plain kernels that the fit has not seen, of kinds that the model is meant for, that were
    timed in the state that counts."""
    beyond: list[Sample]
    """Kernels of kinds beyond it (see `kernels`)."""
    ablation: dict[str, Errors]
    """Errors on `unseen` of models fitted anew without some terms."""
    noise: Noise
    """How noisy the machine was."""
    elsewhere: list[Sample]
    """Kernels that the fit has not seen, those of `unseen` among them, as timed in rounds in which
    the machine was in another state or changed it."""
    left_out: int
    """How many such kernels were not timed in the state that counts."""
    state_share: float
    """Share of the time that the machine was in the state that counts: the one of the profile, or
    if that hardly occurred, the usual one."""
    state_found: bool
    """Whether the state of the profile occurred."""
    retimed: list[tuple[Sample, Sample]]
    """Kernels of the fit, as the profile has them and as timed again now; none of another host."""
    missing: dict[str, str]
    """Label of each kernel that failed, or precision that does not run -> why."""
    special: list[Sample] = field(default_factory=list)
    """Unseen kernels of other precisions or with serial steps."""
    ranges: Ranges | None = None
    """What was fitted; None: the profile does not say."""
    interrupted: bool = False
    """Whether Ctrl-C ended it early; what was timed by then is judged."""

    @property
    def drift(self) -> float | None:
        """Median ``|time now / time then - 1|`` of kernels timed again; None if none were."""
        if not self.retimed:
            return None
        return float(np.median([abs(now.time_s / then.time_s - 1) for then, now in self.retimed]))

    @property
    def other_state(self) -> bool:
        """Whether the machine is in another state than when the profile was made."""
        return not self.state_found or (self.drift is not None and self.drift > MAX_DRIFT)

    def errors(self, samples: Sequence[Sample]) -> Errors:
        """Errors of the device's predictions."""
        return summarise(relative_errors(self.device, samples))

    def outside(self, sample: Sample) -> list[str] | None:
        """By what a kernel lies outside the range of what was fitted; None: not known."""
        return None if self.ranges is None else axes_outside(sample, self.ranges)

    def extrapolated(self, samples: Sequence[Sample]) -> list[Sample] | None:
        """Those of some kernels that lie outside what was fitted; None: not known."""
        if self.ranges is None:
            return None
        return [sample for sample in samples if self.outside(sample)]

    @property
    def serial_factors(self) -> tuple[float, float] | None:
        """Median factor by which times of unseen kernels with serial steps are missed.

        As the device has it, and if a step took no time; None if no such kernel was timed.
        """
        serial = [sample for sample in self.special if sample.serial_steps]
        if not serial:
            return None
        without = replace(self.device, serial_step_s=0.0)
        return median_factor(self.device, serial), median_factor(without, serial)

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
    for name, mend in SAME_HOST.items():
        then, now = made_by.get(name), here[name]
        if then != now:
            raise HybridClusterError(f"field {name!r} is {then!r}, here it is {now!r}: {mend}")


def validate(
    profile: dict[str, Any],
    effort: Effort = FULL,
    threads: int = 0,
    seed: int = 0,
    any_host: bool = False,
    progress: Progress = lambda label, total: None,
) -> list[Validation]:
    """Time kernels that the fit of a profile has not seen, on each device that it measured.

    They are timed while the machine is in the state that it was profiled in, if that occurs. A few
    kernels of the fit are timed again, too, which tells whether the machine is as it was.

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
        found = _find_devices(entries, any_host)
        effort = effort.shared_by(len(found))
        sessions = [
            _Session(target, device, entry, effort, used_threads, same_host=not any_host)
            for target, device, entry in found
        ]
        results, interrupted = measure_in_turn(sessions, progress)
    return [*results[:-1], replace(results[-1], interrupted=interrupted)]


def _find_devices(
    entries: dict[str, tuple[Device, dict[str, Any]]], any_host: bool
) -> list[tuple[Target, Device, dict[str, Any]]]:
    """The devices here that a profile has measured, with what it holds of them.

    With `any_host` the same kind is enough, since names differ between hosts.
    """
    by_kind = {device.kind: (device, entry) for device, entry in entries.values()}
    found = []
    for target in find_targets():
        match = by_kind.get(target.kind) if any_host else entries.get(target.label)
        if match is not None:
            found.append((target, *match))
    if not found:
        raise HybridClusterError(f"none of its devices is here: {', '.join(entries)}")
    return found


class _Session:
    """The validation of one device."""

    def __init__(
        self,
        target: Target,
        device: Device,
        entry: dict[str, Any],
        effort: Effort,
        threads: int,
        same_host: bool,
    ) -> None:
        self._label, self._device = target.label, device
        clock = best_clock(target.device, threads)
        wanted_s = _state_of(entry) if same_host else None
        state = watch_state(target.device, target.memory_bytes, clock, wanted_s)
        self._watch = Stopwatch(target.device, effort, clock, state=state)
        self._fitted = samples_of(entry, (*fitted_kernels(), *special_kernels()))
        plain = [sample for sample in self._fitted if sample.is_plain]
        if len(plain) < 2:
            raise HybridClusterError(
                f"device {target.label!r}: field 'raw' holds the times of {len(plain)} "
                "kernels; allowed: at least 2; measure it again"
            )
        self._ranges = _ranges_of(entry)
        self._beyond_kinds = set(kernels_beyond())
        witnesses = _witnesses(self._fitted) if same_host else {}
        special, self._refused = runnable(_like(self._fitted), target.device, clock)
        kinds = {**unseen_kernels(), **special, **kernels_beyond(), **witnesses}
        self._kinds = {
            kind: affordable(kernels, target.memory_bytes) for kind, kernels in kinds.items()
        }
        self.num_steps = self._watch.num_steps(self._kinds)
        self.interrupted = False
        """Whether Ctrl-C ended it early."""

    def measure(self, begin: Callable[[str], None]) -> Validation:
        """Time everything and judge; after Ctrl-C, what was timed by then, if there is any."""
        others = OtherPrograms()
        try:
            self._watch.time_all(self._kinds, lambda step: begin(f"{self._label}: {step}"))
        except KeyboardInterrupt:
            self.interrupted = True
            if not self._samples()[0]:
                raise
        timed, special, beyond, again = self._samples()
        if not timed:
            raise HybridClusterError(f"device {self._device.name!r}: no kernel could be timed")
        unseen = [sample for sample in timed if sample.rounds_s] or timed
        elsewhere = [
            replace(sample, time_s=typical_time_s(sample.elsewhere_s))
            for sample in timed
            if sample.elsewhere_s
        ]
        before = {sample.label: sample for sample in self._fitted}
        return Validation(
            self._device,
            unseen,
            beyond,
            ablation(self._fitted, unseen, self._device.cache_bytes or None),
            Noise(disturbed_share([*timed, *special, *beyond, *again]), others.share()),
            elsewhere,
            len(timed) - len(unseen),
            self._watch.state.share,
            self._watch.state.was_found and any(sample.rounds_s for sample in timed),
            [(before[sample.label], sample) for sample in again],
            self._watch.missing() | self._refused,
            special,
            self._ranges,
        )

    def _samples(self) -> tuple[list[Sample], list[Sample], list[Sample], list[Sample]]:
        """What was timed: plain, special, of kinds beyond the model, and of the fit again."""
        fitted = {sample.kind for sample in self._fitted}
        samples = self._watch.samples()
        again = [sample for sample in samples if sample.kind in fitted]
        beyond = [sample for sample in samples if sample.kind in self._beyond_kinds]
        unseen = [s for s in samples if s.kind not in fitted | self._beyond_kinds]
        plain = [sample for sample in unseen if sample.is_plain]
        special = [sample for sample in unseen if not sample.is_plain]
        counting = [sample for sample in special if sample.rounds_s]
        return plain, counting or special, beyond, again


def _state_of(entry: dict[str, Any]) -> float | None:
    """Time of the probe in the state that a device was profiled in [s]; None if it is not known."""
    state = entry["raw"].get("state") if isinstance(entry["raw"], dict) else None
    if not isinstance(state, dict) or state.get("probe") != PROBE.label:
        return None
    probe_s = state.get("probe_s")
    return probe_s if isinstance(probe_s, float) and 0.0 < probe_s < math.inf else None


def _ranges_of(entry: dict[str, Any]) -> Ranges | None:
    """What a device was fitted to; None if its profile does not say."""
    fit = entry["raw"].get("fit")
    return parse_ranges(fit.get("range")) if isinstance(fit, dict) else None


def _like(fitted: Sequence[Sample]) -> dict[str, list[Kernel]]:
    """Unseen special kernels: of precisions that were fitted, with serial steps if those were."""
    known = {(sample.precision, sample.serial_steps > 0.0) for sample in fitted}
    return {
        kind: kernels
        for kind, kernels in unseen_special_kernels().items()
        if (kernels[0].precision, kernels[0].serial_steps > 0.0) in known
    }


def _witnesses(fitted: Sequence[Sample]) -> dict[str, list[Kernel]]:
    """Of each kind of the fit the smallest, middle and largest kernel that it has times of."""
    labels = {sample.label for sample in fitted}
    chosen = {}
    for kind, kernels in fitted_kernels().items():
        if timed := [kernel for kernel in kernels if kernel.label in labels]:
            chosen[kind] = [timed[i] for i in sorted({0, len(timed) // 2, len(timed) - 1})]
    return chosen


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
