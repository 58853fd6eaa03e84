"""The fit finds the device that made the times, and says what each term buys."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from cpu_gpu_env import Device, HybridClusterError
from cpu_gpu_env.model.costs import execution_time_s
from cpu_gpu_env.profiler.fit import (
    Errors,
    ablation,
    fit_cost_model,
    fit_halves,
    fit_special,
    median_factor,
    predict_s,
    relative_errors,
    summarise,
)
from cpu_gpu_env.profiler.kernels import fitted_kernels, unseen_kernels
from cpu_gpu_env.profiler.samples import Counted, Sample, as_tasks
from cpu_gpu_env.profiler.special_kernels import product, special_kernels

KERNELS = [kernel for kernels in fitted_kernels().values() for kernel in kernels]
UNSEEN = [kernel for kernels in unseen_kernels().values() for kernel in kernels]
TRUTH = Device(
    "made-up",
    "cpu",
    flops=2e11,
    memory_bandwidth=5e10,
    memory_bytes=math.inf,
    launch_s=5e-6,
    idle_power_w=10.0,
    active_power_w=50.0,
    cache_bytes=5e7,
    cache_bandwidth=1.8e11,
    ridge_sharpness=2.0,
)
SPECIAL = [kernel for kernels in special_kernels().values() for kernel in kernels]
SPECIAL_TRUTH = {
    "flops_fp64": 1e11,
    "flops_tf32": 2e11,
    "flops_bf16": 3e12,
    "flops_fp16": 5e10,
    "flops_fp8": 6e12,
    "flops_int8": 7e12,
    "serial_step_s": 2e-6,
}
RATES = ("flops", "memory_bandwidth", "cache_bytes", "cache_bandwidth")


def timed(
    kernels: list[Counted], device: Device, noise: float = 0.0, seed: int = 0
) -> list[Sample]:
    """The kernels as they would be timed on a device, with lognormal noise."""
    times_s = execution_time_s(device, 1.0, as_tasks(kernels))
    times_s = times_s * np.random.default_rng(seed).lognormal(0.0, noise, len(kernels))
    return [
        Sample(
            *(k.kind, k.shape, k.flop, k.traffic_bytes, k.memory_bytes, t, 0.0, (t,)),
            precision=k.precision,
            serial_steps=k.serial_steps,
        )
        for k, t in zip(kernels, times_s.tolist(), strict=True)
    ]


def test_the_device_that_made_the_times_is_found() -> None:
    fitted = fit_cost_model(timed(KERNELS, TRUTH)).device
    for field in (*RATES, "launch_s", "ridge_sharpness"):
        assert getattr(fitted, field) == pytest.approx(getattr(TRUTH, field), rel=0.05), field
    assert relative_errors(fitted, timed(UNSEEN, TRUTH)).max() < 0.02


@pytest.mark.parametrize("seed", range(3))
def test_two_noisy_measurements_agree_within_a_tenth(seed: int) -> None:
    one, other = (fit_cost_model(timed(KERNELS, TRUTH, 0.05, 2 * seed + i)).device for i in (0, 1))
    for field in RATES:
        assert getattr(one, field) == pytest.approx(getattr(other, field), rel=0.1), field


def test_kernels_that_the_model_cannot_describe_pull_little() -> None:
    samples = timed(KERNELS, TRUTH)
    spoilt = [replace(s, time_s=5 * s.time_s) if i % 8 == 0 else s for i, s in enumerate(samples)]
    fitted = fit_cost_model(spoilt).device
    for field in RATES:
        assert getattr(fitted, field) == pytest.approx(getattr(TRUTH, field), rel=0.15), field


def test_a_hint_for_the_cache_is_no_more_than_a_start() -> None:
    for hint in (TRUTH.cache_bytes / 20, TRUTH.cache_bytes * 20):
        fitted = fit_cost_model(timed(KERNELS, TRUTH), cache_hint_bytes=hint).device
        assert fitted.cache_bytes == pytest.approx(TRUTH.cache_bytes, rel=0.1)


def test_without_terms_it_is_a_plain_roofline() -> None:
    plain = fit_cost_model(timed(KERNELS, TRUTH), ()).device
    assert (plain.launch_s, plain.cache_bytes, plain.ridge_sharpness) == (0.0, 0.0, math.inf)


def test_the_ablation_blames_the_term_that_matters() -> None:
    sharp = replace(TRUTH, ridge_sharpness=math.inf, launch_s=1e-8)
    errors = ablation(timed(KERNELS, sharp), timed(UNSEEN, sharp))
    assert errors["without caches"].median > 10 * errors["without launch"].median
    assert errors["whole model"].p90 < 0.05
    assert errors["plain roofline"].p90 > 0.5


def test_uncertainty_grows_with_noise() -> None:
    calm, wild = (fit_cost_model(timed(KERNELS, TRUTH, noise)).uncertainty for noise in (0.01, 0.2))
    assert 0 < calm["flops"] < wild["flops"] < 1


def test_halves_of_the_rounds_differ_by_their_noise_alone() -> None:
    calm = [replace(s, rounds_s=(s.time_s,) * 4) for s in timed(KERNELS, TRUTH)]
    assert max(fit_halves(calm).values()) < 1e-3
    # In every other round memory is half as fast, which touches no product of matrices.
    slow = timed(KERNELS, replace(TRUTH, memory_bandwidth=TRUTH.memory_bandwidth / 2))
    torn = [replace(a, rounds_s=(a.time_s, b.time_s)) for a, b in zip(calm, slow, strict=True)]
    apart = fit_halves(torn)
    assert apart["memory_bandwidth"] == pytest.approx(1.0, abs=0.1)
    assert apart["flops"] < 0.1


@pytest.mark.parametrize("count", [2, 5])
def test_few_samples_still_give_a_device(count: int) -> None:
    samples = timed(KERNELS, TRUTH)[:count]
    assert relative_errors(fit_cost_model(samples).device, samples).max() < 0.3


def test_too_few_samples_are_refused() -> None:
    with pytest.raises(HybridClusterError, match="1 kernels could be timed"):
        fit_cost_model(timed(KERNELS, TRUTH)[:1])


def test_predictions_leave_the_host_link_out() -> None:
    gpu = replace(TRUTH, kind="gpu", link_bandwidth=1e9)
    samples = timed(KERNELS, TRUTH)
    assert predict_s(gpu, samples) == pytest.approx([sample.time_s for sample in samples])


def test_errors_are_summarised_by_median_and_ninth_decile() -> None:
    assert summarise(np.arange(11) / 10) == Errors(0.5, 0.9, 11)


@pytest.mark.parametrize("noise", [0.0, 0.05])
def test_rates_of_precisions_and_the_time_of_a_step_are_found(noise: float) -> None:
    whole = replace(TRUTH, **SPECIAL_TRUTH)  # type: ignore[arg-type]
    plain, special = timed(KERNELS, TRUTH), timed(SPECIAL, whole, noise)
    fit = fit_cost_model([*special, *plain])
    for field, value in SPECIAL_TRUTH.items():
        assert getattr(fit.device, field) == pytest.approx(value, rel=0.02 + 2 * noise), field
        assert fit.special[field].value == getattr(fit.device, field)
    assert fit.special["flops_bf16"].errors.count == 6
    assert fit.special["serial_step_s"].errors.count == 18
    # All other figures are those of plain kernels alone.
    alone = fit_cost_model(plain)
    for field in (*RATES, "launch_s", "ridge_sharpness"):
        assert getattr(fit.device, field) == getattr(alone.device, field)
    assert alone.special == {}
    assert alone.device.flops_bf16 is None
    assert fit_halves([*plain, *special]) == fit_halves(plain)


def test_a_step_takes_no_time_where_the_kernels_are_quicker_than_without() -> None:
    chains = [kernel for kernel in SPECIAL if kernel.serial_steps]
    for factor in (1.0, 0.5):
        quick = [replace(s, time_s=factor * s.time_s) for s in timed(chains, TRUTH)]
        step = fit_special(TRUTH, "serial_step_s", quick)
        assert step.value == pytest.approx(0.0, abs=1e-12)
        assert step.errors.median == pytest.approx(1 / factor - 1, abs=1e-6)


def test_a_few_chains_that_are_no_chains_pull_little() -> None:
    chains = [kernel for kernel in SPECIAL if kernel.serial_steps]
    slow = timed(chains, replace(TRUTH, serial_step_s=2e-6))
    spoilt = [replace(s, time_s=20 * s.time_s) if i % 6 == 0 else s for i, s in enumerate(slow)]
    assert fit_special(TRUTH, "serial_step_s", spoilt).value == pytest.approx(2e-6, rel=0.2)


def test_a_single_product_gives_its_own_rate() -> None:
    kernel = product("fp16", 512, 512, 512)
    (sample,) = timed([kernel], replace(TRUTH, flops_fp16=3e9))
    rate = fit_special(TRUTH, "flops_fp16", [sample])
    assert rate.value == pytest.approx(3e9, rel=1e-3)
    assert rate.errors.count == 1


def test_the_median_factor_by_hand() -> None:
    # One unit of work a second, and no overheads: 8 s each.
    device = Device("d", "cpu", 1.0, 1e30, math.inf, 0.0, 0.0, 0.0)
    times_s = (4.0, 8.0, 32.0)
    samples = [Sample("a", (1,), 8.0, 8.0, 8.0, t, 0.0, (t,)) for t in times_s]
    assert median_factor(device, samples) == pytest.approx(2.0)
