"""What was measured as the figures of a profile: each with where it comes from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cpu_gpu_env.model.profile import device_catalogue
from cpu_gpu_env.profiler.devices import Target, catalogue_match
from cpu_gpu_env.profiler.fit import Fit, special_samples
from cpu_gpu_env.profiler.power import NoCounter
from cpu_gpu_env.profiler.samples import Sample
from cpu_gpu_env.profiler.special_kernels import FORMATS

REFERENCE_CPU, REFERENCE_CORES = "epyc-7763", 64
"""Catalogue device from which the power of an unmetered CPU is scaled, core by core."""
UNKNOWN_GPU_TDP_W = 250.0
"""Stands in for the limit of an unmetered GPU that is not in the catalogue [W]."""
FITTED_FIGURES = (
    "flops",
    "memory_bandwidth",
    "launch_s",
    "cache_bytes",
    "cache_bandwidth",
    "ridge_sharpness",
)
LOADS = {"compute": "gemm", "memory": "triad"}
"""What bounds a load -> kind of kernel that is run, in the largest size that was timed."""
PRECISION_LOADS = {f"compute {name}": f"gemm {name}" for name in FORMATS}
"""Further loads whose power is kept beside the figures: that of ``active_power_w`` is FP32's."""
METERS = {"cpu": "RAPL, CPU packages without memory modules", "gpu": "NVML"}
COMPUTE_KINDS, STREAMING_KINDS = ("gemm", "batched gemm", "convolution"), ("triad", "chain", "sum")
"""Kinds that `flops` and `memory_bandwidth` rest on."""


def fitted_figures(fit: Fit, samples: Sequence[Sample]) -> dict[str, Any]:
    """The fitted figures as a profile holds them, estimated where their kernels are missing."""
    special = special_figures(fit, samples)
    samples = [sample for sample in samples if sample.is_plain]
    kinds = {sample.kind for sample in samples}
    figures = {}
    for field in FITTED_FIGURES:
        needed = COMPUTE_KINDS if field == "flops" else STREAMING_KINDS
        missing, too_few = kinds.isdisjoint(needed), len(samples) <= len(fit.uncertainty)
        status = "estimated" if missing or too_few else "measured"
        source = f"{status} by a fit to {len(samples)} kernels ({', '.join(sorted(kinds))})"
        if missing:
            source += f", none of them {' or '.join(needed)}"
        elif too_few:
            source += f", too few for {len(fit.uncertainty)} parameters"
        figures[field] = figure(getattr(fit.device, field), status, source)
    # A rounded pair may fall out of order where the caches are no faster than the memory.
    figures["cache_bandwidth"]["value"] = max(
        figures["cache_bandwidth"]["value"], figures["memory_bandwidth"]["value"]
    )
    return figures | special


def special_figures(fit: Fit, samples: Sequence[Sample]) -> dict[str, Any]:
    """The figures that were fitted alone, as a profile holds them."""
    found = {}
    for name, of_it in special_samples(samples).items():
        if name in fit.special:
            errors = fit.special[name].errors
            kinds = ", ".join(dict.fromkeys(sample.kind for sample in of_it))
            found[name] = figure(
                fit.special[name].value,
                "measured",
                f"measured by a fit to {errors.count} kernels ({kinds}; sizes "
                f"{of_it[0].shape[0]} to {of_it[-1].shape[0]}), all other figures held; misses "
                f"them by {errors.median:.0%} in the median",
            )
    return found


def power_figures(
    target: Target, threads: int, watts: dict[str, float] | NoCounter
) -> dict[str, Any]:
    """Power idle and under each load, metered, or else power idle and active, estimated.

    `watts` is the power [W] when ``"idle"`` and under at least one of `LOADS`, with so many CPU
    threads, or why it is not known.
    """
    if isinstance(watts, NoCounter):
        idle_w, active_w, basis = _estimate_power(target, threads)
        why = f"estimated: {basis}; no energy counter: {watts.why}"
        return {
            "idle_power_w": figure(idle_w, "estimated", why),
            "active_power_w": figure(active_w, "estimated", why),
        }
    metered = [load for load in LOADS if load in watts]
    # If one load alone could be run, its power stands for both.
    fields = dict(zip(("active_power_w", "memory_power_w"), metered, strict=False))
    figures = {"idle_power_w": _metered(target, watts["idle"], "idle")}
    for field, load in fields.items():
        # On a machine in use, idle may seem to draw more than a load.
        power_w = max(watts["idle"], watts[load])
        figures[field] = _metered(target, power_w, f"{load}-bound load ({LOADS[load]})")
    return figures


def _metered(target: Target, power_w: float, meanwhile: str) -> dict[str, Any]:
    source = f"measured by the energy counter ({METERS[target.kind]}): {meanwhile}"
    return figure(power_w, "measured", source)


def figure(value: float, status: str, source: str) -> dict[str, Any]:
    """A figure as a profile holds it."""
    # Four digits: more would only record noise.
    return {"value": float(f"{value:.4g}"), "status": status, "source": source}


def _estimate_power(target: Target, threads: int) -> tuple[float, float, str]:
    """Idle and active power [W] of a device without an energy counter, and the reasoning."""
    if target.kind == "cpu":
        device, share = device_catalogue()[REFERENCE_CPU], threads / REFERENCE_CORES
        basis = f"{threads} of the {REFERENCE_CORES} cores of the catalogue's {REFERENCE_CPU}"
        return share * device.idle_power_w, share * device.active_power_w, basis
    known = catalogue_match(target.name)
    if known is not None:
        device = device_catalogue()[known]
        return device.idle_power_w, device.active_power_w, f"as the catalogue's {known}"
    tdp = UNKNOWN_GPU_TDP_W
    return 0.125 * tdp, 0.75 * tdp, f"0.125 and 0.75 of {tdp:.0f} W, a usual TDP"
