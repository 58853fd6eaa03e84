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
    predict_s,
    relative_errors,
    summarise,
)
from cpu_gpu_env.profiler.kernels import fitted_kernels, unseen_kernels
from cpu_gpu_env.profiler.samples import Counted, Sample, as_tasks

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
RATES = ("flops", "memory_bandwidth", "cache_bytes", "cache_bandwidth")


def timed(
    kernels: list[Counted], device: Device, noise: float = 0.0, seed: int = 0
) -> list[Sample]:
    """The kernels as they would be timed on a device, with lognormal noise."""
    times_s = execution_time_s(device, 1.0, as_tasks(kernels))
    times_s = times_s * np.random.default_rng(seed).lognormal(0.0, noise, len(kernels))
    return [
        Sample(k.kind, k.shape, k.flop, k.traffic_bytes, k.memory_bytes, t, 0.0, (t,))
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
