"""Measuring this machine into a profile.

Each device that torch sees runs the kernels of `cpu_gpu_env.profiler.kernels` and, in all of its
precisions, of `special_kernels`; the cost model is fitted to their times. What was timed stays in
the profile beside the fit. A kernel that fails, a precision that the device lacks, or a size that
memory does not hold leaves a gap that the profile names.

Power comes from an energy counter where one is readable (RAPL for CPUs, NVML for GPUs): idle,
under a large matrix product, which computing bounds, and under a large triad, which memory traffic
bounds; beside these, under a product in each other precision. Otherwise it is estimated, and the
profile says why.
"""

from __future__ import annotations

import datetime
import os
import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

from cpu_gpu_env.errors import HybridClusterError
from cpu_gpu_env.model.profile import SCHEMA_VERSION
from cpu_gpu_env.profiler.devices import (
    OtherPrograms,
    Target,
    cpu_name,
    doubts_about_quota,
    find_targets,
    last_level_cache_bytes,
    this_host,
    torch_set_up,
)
from cpu_gpu_env.profiler.figures import (
    LOADS,
    PRECISION_LOADS,
    figure,
    fitted_figures,
    power_figures,
)
from cpu_gpu_env.profiler.fit import fit_cost_model, fit_halves, relative_errors, summarise
from cpu_gpu_env.profiler.fitted_range import ranges_of
from cpu_gpu_env.profiler.kernels import affordable, fitted_kernels, one_operation, transfer_kernels
from cpu_gpu_env.profiler.machine_state import PROBE, watch_state
from cpu_gpu_env.profiler.noise import (
    Noise,
    disagreements_with_earlier,
    disturbed_share,
    doubts_about,
)
from cpu_gpu_env.profiler.power import NoCounter, mean_power
from cpu_gpu_env.profiler.samples import Kernel, Sample, sample_as_json
from cpu_gpu_env.profiler.special_kernels import runnable, special_kernels
from cpu_gpu_env.profiler.stopwatch import Stopwatch
from cpu_gpu_env.profiler.timing import FAILURES, FULL, Effort, best_clock, reason, synchronous

Progress = Callable[[str, int], None]
"""Called before each step with its label and the number of steps in all."""

MAX_UNCERTAINTY = 0.1
"""Relative standard error of a rate above which it is called uncertain."""


def profile_machine(
    gpus: list[dict[str, Any]],
    effort: Effort = FULL,
    threads: int = 0,
    seed: int = 0,
    earlier: Any = None,
    progress: Progress = lambda label, total: None,
) -> dict[str, Any]:
    """Measure every device that torch sees.

    Args:
        gpus: Entries of catalogue GPUs to add, such as ``{"catalogue": "t4", "count": 4}``.
        effort: How long to measure; shared if there are many kinds of device.
        threads: CPU threads to measure with; 0 leaves the number to torch.
        seed: Seed of the contents of the arrays.
        earlier: Content of an earlier profile of this machine, with which the new one should agree.
        progress: Told of each step before it begins.

    Returns:
        The profile. Without any GPU it holds the CPU alone and is no valid cluster. After Ctrl-C it
        holds what was timed by then and is called noisy.

    Raises:
        HybridClusterError: If torch is missing, `threads` is out of range, or hardly any kernel
            runs on a device.
        KeyboardInterrupt: If Ctrl-C came before every kind of kernel was timed on the first device.
    """
    with torch_set_up(threads, seed) as used_threads:
        targets = find_targets()
        others = OtherPrograms()
        effort = effort.shared_by(len(targets))
        sessions = [_Session(target, effort, used_threads) for target in targets]
        entries, interrupted = measure_in_turn(sessions, progress)
        measurement = _provenance(
            used_threads, seed, effort, others.share(), entries, earlier, interrupted
        )
    description = (
        f"Measured on {cpu_name()} with {used_threads} CPU thread{'s' * (used_threads > 1)}."
    )
    if gpus:
        description += " GPUs of the catalogue: from data sheets and estimates, not measured."
    elif len(targets) == 1:
        description += " CPU only: no cluster until GPUs are added to the devices."
    devices = [*entries, *gpus]
    return {
        "schema_version": SCHEMA_VERSION,
        # As in a composition, such as "epyc-7763:1 + t4:2".
        "name": " + ".join(f"{d.get('catalogue') or d['name']}:{d['count']}" for d in devices),
        "description": description,
        "devices": devices,
        "measurement": measurement,
    }


def measure_in_turn(sessions: Sequence[Any], progress: Progress) -> tuple[list[Any], bool]:
    """Collect what each session measures of its device; after Ctrl-C, what there is by then.

    Returns:
        What their ``measure`` gave, and whether Ctrl-C ended it early.

    Raises:
        KeyboardInterrupt: If it came before the first session had enough.
    """
    total = sum(session.num_steps for session in sessions)
    measured: list[Any] = []
    for session in sessions:
        try:
            measured.append(session.measure(lambda label: progress(label, total)))
        except KeyboardInterrupt:
            if not measured:
                raise
            return measured, True
        if session.interrupted:
            return measured, True
    return measured, False


class _Session:
    """The measurement of one device."""

    def __init__(self, target: Target, effort: Effort, threads: int) -> None:
        self._target, self._effort, self._threads = target, effort, threads
        self._clock = best_clock(target.device, threads)
        state = watch_state(target.device, target.memory_bytes, self._clock)
        self._stopwatch = Stopwatch(target.device, effort, self._clock, state=state)
        self._missing: dict[str, str] = {}
        special, refused = runnable(special_kernels(), target.device, self._clock)
        self._missing |= refused
        self._kernels = self._affordable({**fitted_kernels(), **special})
        # What lies beside the fit: transfers and the overhead of a single operation.
        self._kinds = {**self._kernels, "one operation": [one_operation()]}
        if target.kind == "gpu":
            self._kinds |= self._affordable(transfer_kernels())
        self.num_steps = self._stopwatch.num_steps(self._kinds) + 1
        self.interrupted = False
        """Whether Ctrl-C ended it early."""

    def measure(self, begin: Callable[[str], None]) -> dict[str, Any]:
        """Measure the device into an entry of a profile."""
        target = self._target
        try:
            self._stopwatch.time_all(self._kinds, lambda step: begin(f"{target.label}: {step}"))
        except KeyboardInterrupt:
            timed = {sample.kind for sample in self._stopwatch.samples()}
            if not timed.issuperset(self._kinds):
                raise
            self.interrupted = True
        self._missing |= self._stopwatch.missing()
        samples = self._stopwatch.samples()
        fitted = [sample for sample in samples if sample.kind in self._kernels]
        cache_hint_bytes = last_level_cache_bytes() if target.kind == "cpu" else None
        try:
            plain = [sample for sample in fitted if sample.is_plain]
            fit = fit_cost_model(fitted, cache_hint_bytes=cache_hint_bytes)
            repeatability = fit_halves(fitted, cache_hint_bytes)
        except HybridClusterError as error:
            why = "; ".join(sorted(set(self._missing.values()))) or "no kernel was run"
            raise HybridClusterError(
                f"cannot measure {target.name!r}: {error} ({why}); free its memory, or hide it "
                "from torch"
            ) from None
        begin(f"{target.label}: power")
        watts = NoCounter("interrupted") if self.interrupted else self._measure_power()
        if isinstance(watts, NoCounter):
            self._missing["energy counter"] = watts.why
        entry: dict[str, Any] = {"name": target.label, "kind": target.kind, "count": target.count}
        entry |= fitted_figures(fit, fitted)
        entry |= power_figures(target, self._threads, watts)
        if target.kind == "gpu":
            entry |= self._link_figure(samples)
            memory_bytes = target.total_memory_bytes or target.memory_bytes
            entry["memory_bytes"] = figure(memory_bytes, "measured", "reported by the driver")
        entry["raw"] = {
            "device": target.name,
            "clock": self._clock.__name__,
            "fit": {
                "uncertainty": fit.uncertainty,
                "errors": asdict(summarise(relative_errors(fit.device, plain))),
                "special": {name: asdict(of_it) for name, of_it in fit.special.items()},
                "range": ranges_of(fitted),
                "repeatability": repeatability,
                "disturbed_share": disturbed_share(samples),
            },
            "state": {
                "probe": PROBE.label,
                "probe_s": self._stopwatch.state.probe_s,
                "share": round(self._stopwatch.state.share, 3),
            },
            "power_w": None if isinstance(watts, NoCounter) else watts,
            "missing": self._missing,
            "samples": [sample_as_json(sample) for sample in samples],
        }
        return entry

    def _affordable(self, kinds: dict[str, list[Kernel]]) -> dict[str, list[Kernel]]:
        """Drop the kernels that do not fit; kinds of which none fits are named as missing."""
        held = {
            kind: affordable(kernels, self._target.memory_bytes) for kind, kernels in kinds.items()
        }
        for kind in [kind for kind, kernels in held.items() if not kernels]:
            self._missing[kind] = "no size of it fits the free memory"
        return held

    def _measure_power(self) -> dict[str, float] | NoCounter:
        """Mean power idle and under each load [W]."""
        counter = self._target.counter
        if isinstance(counter, NoCounter):
            return counter
        try:
            _, idle_w = mean_power(counter, lambda: time.sleep(self._effort.load_s))
            watts = {"idle": idle_w}
            timed = {sample.label for sample in self._stopwatch.samples()}
            for load, kind in {**LOADS, **PRECISION_LOADS}.items():
                kernels = [k for k in self._kernels.get(kind, []) if k.label in timed]
                if kernels:
                    watts[load] = mean_power(counter, self._repeat(kernels[-1]))[1]
        except FAILURES as error:
            return NoCounter(f"it failed while measuring: {reason(error)}")
        loads = [watts[load] for load in LOADS if load in watts]
        if not loads:
            return NoCounter("no load for it could be run")
        if min(loads) <= 0:
            return NoCounter("it stands still, as in some virtual machines")
        return watts

    def _repeat(self, kernel: Kernel) -> Callable[[], None]:
        """A function that runs a kernel for the time over which power is averaged."""
        run = synchronous(kernel.prepare(self._target.device), self._target.device)
        run()  # what comes first only once (allocation, compilation) is not metered

        def work() -> None:
            end = time.perf_counter() + self._effort.load_s
            while time.perf_counter() < end:
                run()

        return work

    def _link_figure(self, samples: Sequence[Sample]) -> dict[str, Any]:
        """The link's bandwidth: that of the largest pinned copy, or else pageable one."""
        for kind in transfer_kernels():
            copies = [sample for sample in samples if sample.kind == kind]
            if copies:
                largest = max(copies, key=lambda sample: sample.traffic_bytes)
                rate = largest.traffic_bytes / largest.time_s
                source = f"measured by a {kind} of {largest.traffic_bytes / 2**20:.0f} MiB"
                return {"link_bandwidth": figure(rate, "measured", source)}
        source = "estimated: no copy from the host could be timed; PCIe 3.0 x16, 0.64 of its peak"
        return {"link_bandwidth": figure(0.64 * 15.75e9, "estimated", source)}


def _provenance(
    threads: int,
    seed: int,
    effort: Effort,
    others_share: float | None,
    entries: Sequence[dict[str, Any]],
    earlier: Any,
    interrupted: bool,
) -> dict[str, Any]:
    """What made a profile, and how noisy the machine was; see `profile_machine`."""
    import numpy as np
    import torch

    made_by = {
        "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        **this_host(threads),
        "seed": seed,
        "effort": asdict(effort),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "torch": torch.__version__,
        "system": f"{platform.system()} {platform.machine()}",
        "load_average": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
    }
    noise = Noise(
        max(entry["raw"]["fit"]["disturbed_share"] for entry in entries),
        others_share,
        [
            *(doubt for entry in entries for doubt in doubts_about(entry)),
            *disagreements_with_earlier(earlier, entries, made_by),
            *doubts_about_quota(threads),
            *(["Ctrl-C ended it early"] if interrupted else []),
        ],
    )
    return {
        **made_by,
        "interrupted": interrupted,
        "noisy": noise.is_noisy,
        "disturbed_share": noise.disturbed_share,
        "cpu_used_by_others": noise.used_by_others,
        "doubts": noise.doubts,
    }
