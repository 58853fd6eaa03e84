"""A noisy machine is told, and what was noisy; two profiles that differ are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from cpu_gpu_env.profiler.noise import (
    Noise,
    disagreements,
    disagreements_with_earlier,
    disturbed_share,
    doubts_about,
)
from cpu_gpu_env.profiler.samples import Sample, typical_time_s

MADE_BY = {
    "host": "0123",
    "host_cpu": "CPU",
    "logical_cpus": 2,
    "threads": 2,
    "effort": {"rounds": 4},
    "torch": "2.13.0",
    "date": "2026-01-02T03:04:05+00:00",
    "noisy": False,
}


def entry(**values: float) -> dict[str, Any]:
    """A measured device of a profile."""
    figures = {"flops": 1e11, "memory_bandwidth": 4e10} | values
    fit = {"repeatability": dict.fromkeys(figures, 0.0)}
    return {"name": "cpu", "raw": {"fit": fit}} | {k: {"value": v} for k, v in figures.items()}


def profile(**values: float) -> dict[str, Any]:
    return {"measurement": dict(MADE_BY), "devices": [entry(**values), {"catalogue": "t4"}]}


def test_what_differs_too_much_is_named_with_both_profiles() -> None:
    (words,) = disagreements_with_earlier(profile(memory_bandwidth=6e10), [entry()], MADE_BY)
    assert (
        words
        == "memory_bandwidth of cpu differs by 50% from the profile of 2026-01-02T03:04:05+00:00"
    )
    assert disagreements_with_earlier(profile(memory_bandwidth=4.3e10), [entry()], MADE_BY) == []


@pytest.mark.parametrize(
    "field", ["host", "host_cpu", "logical_cpus", "threads", "effort", "torch"]
)
def test_profiles_that_were_not_made_alike_may_differ(field: str) -> None:
    earlier = profile(memory_bandwidth=6e10)
    earlier["measurement"][field] = "other"
    assert disagreements_with_earlier(earlier, [entry()], MADE_BY) == []


def test_what_is_no_profile_is_no_objection() -> None:
    for earlier in (None, 3, [], {}, {"measurement": {}}, {"measurement": 1, "devices": [1]}):
        assert disagreements_with_earlier(earlier, [entry()], MADE_BY) == []
    for damage in (0.0, "x", -1.0, 10**400, [], None):
        broken = profile()
        broken["devices"][0]["flops"] = {"value": damage}
        assert disagreements_with_earlier(broken, [entry()], MADE_BY) == []


def test_a_noisy_or_undated_profile_is_no_objection() -> None:
    for field, value in (("noisy", True), ("date", "\x1b[31m"), ("date", 3)):
        earlier = profile(memory_bandwidth=6e10)
        earlier["measurement"][field] = value
        assert disagreements_with_earlier(earlier, [entry()], MADE_BY) == []


def test_a_fit_that_misses_its_own_kernels_is_doubted() -> None:
    device = entry()
    device["raw"]["state"] = {"share": 1.0}
    device["raw"]["fit"]["errors"] = {"median": 0.07}
    assert doubts_about(device) == []
    device["raw"]["fit"]["errors"] = {"median": 0.4}
    (words,) = doubts_about(device)
    assert words == "the fit misses the kernels of cpu by 40% in the median"
    device["raw"]["state"] = {"share": 0.6}
    assert "cpu was in another state for 40% of the time" in doubts_about(device)


def test_the_advice_fits_the_noise() -> None:
    assert "nothing else running" in Noise(0.5, 0.4).advice
    assert "nothing else running" not in Noise(0.5, 0.0).advice
    assert "--quick" in Noise(0.5, None).advice


def test_a_disagreement_alone_is_noise() -> None:
    words = disagreements("cpu", {"flops": 0.09, "launch_s": 0.11}, "between halves of the rounds")
    assert words == ["launch_s of cpu differs by 11% between halves of the rounds"]
    assert not Noise(0.05, 0.01).is_noisy
    assert Noise(0.05, 0.01, words).is_noisy
    assert words[0] in str(Noise(0.05, 0.01, words))


def test_kernels_count_as_disturbed_unless_rounds_that_count_agree() -> None:
    def sample(rounds_s: tuple[float, ...], elsewhere_s: tuple[float, ...] = ()) -> Sample:
        return Sample("gemm", (1,), 1.0, 1.0, 1.0, 1.0, 0.0, rounds_s, elsewhere_s)

    calm, torn = sample((1.0, 1.5, 1.01, 1.01, 1.0)), sample((1.0, 1.2))
    once_in_the_state, once_in_all = sample((1.0,), (1.0,)), sample((1.0,))
    assert disturbed_share([calm, torn]) == 0.5
    assert disturbed_share([calm, once_in_the_state]) == 0.5
    assert disturbed_share([calm, once_in_all]) == 0.5
    assert disturbed_share([]) == 0.0


def test_rounds_are_summed_up_by_their_lower_quartile() -> None:
    assert typical_time_s([3.0]) == 3.0
    assert typical_time_s([5.0, 1.0, 2.0, 4.0, 3.0]) == 2.0
    # Neither many disturbed rounds nor a few that are too short change much.
    assert typical_time_s([0.5, *[1.0] * 9, *[2.0] * 20]) == 1.0


@pytest.mark.parametrize("rounds", [4, 16, 64])
def test_disturbance_estimates_the_error_of_a_time(rounds: int) -> None:
    noisy = np.random.default_rng(0).lognormal(0.0, 0.05, (400, rounds)).tolist()
    samples = [
        Sample("gemm", (1,), 1.0, 1.0, 1.0, typical_time_s(row), 0.0, tuple(row)) for row in noisy
    ]
    actual = np.std(np.log([sample.time_s for sample in samples]))
    assert np.mean([sample.disturbance for sample in samples]) == pytest.approx(actual, rel=0.3)
