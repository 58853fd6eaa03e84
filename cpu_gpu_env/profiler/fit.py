"""Fitting the cost model to timed kernels, by robust regression.

The model is `cpu_gpu_env.model.costs.execution_time_s` itself. Errors are relative (differences of
logarithms), and the loss grows linearly beyond `LOSS_SCALE`, so that a kernel that the model cannot
describe pulls little.

Plain kernels, those in FP32 without serial steps, are fitted first. Then each of the other figures,
the rate of every other precision and the time of a serial step, is fitted alone to the kernels that
it takes part in, with all others held.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from cpu_gpu_env.errors import HybridClusterError
from cpu_gpu_env.model.cluster import RATES, Device
from cpu_gpu_env.model.costs import execution_time_s
from cpu_gpu_env.model.tasks import FloatArray
from cpu_gpu_env.profiler.samples import Sample, as_tasks, typical_time_s

TERMS = ("launch", "caches", "ridge")
"""What the model has beyond a sharp roofline; each can be left out to see what it buys."""

VARIANTS: dict[str, tuple[str, ...]] = {
    "whole model": TERMS,
    **{f"without {left_out}": tuple(t for t in TERMS if t != left_out) for left_out in TERMS},
    "plain roofline": (),
}
"""Models of an ablation, by the terms that they keep."""

LOSS_SCALE = 0.1
PRIOR = 0.03
"""Weight of the starting values: decides only what the samples leave open, such as the size of a
cache that all working sets fit."""

SERIAL_FIELD = "serial_step_s"
MIN_LAUNCH_S = 1e-9
MAX_CACHE_SPEEDUP = 30.0
MAX_SHARPNESS = 10.0
"""Sharper ridges cannot be told from one another."""


@dataclass(frozen=True)
class SpecialFit:
    """A figure that was fitted alone to the kernels that it takes part in."""

    value: float
    """In units of its field of `Device`."""
    uncertainty: float | None
    """Relative standard error; None where it is 0, or nothing tells."""
    errors: Errors
    """On the kernels that it was fitted to."""


@dataclass(frozen=True)
class Fit:
    """Parameters of the cost model, fitted to some samples."""

    device: Device
    """The parameters; power and memory are placeholders."""
    uncertainty: dict[str, float]
    """Relative standard error of each fitted field, but for the `special` ones."""
    special: dict[str, SpecialFit] = field(default_factory=dict)
    """Each field that was fitted alone -> how."""


@dataclass(frozen=True)
class Errors:
    """How far predictions are from measurements."""

    median: float
    """Median of ``|predicted / measured - 1|``."""
    p90: float
    """90th percentile of ``|predicted / measured - 1|``."""
    count: int
    """Number of samples."""


def fit_cost_model(
    samples: Sequence[Sample], terms: Sequence[str] = TERMS, cache_hint_bytes: float | None = None
) -> Fit:
    """Fit a device to samples.

    Args:
        samples: Timed kernels.
        terms: Those of `TERMS` that the model shall have.
        cache_hint_bytes: Size of the caches as the system reports it, to start from.

    Raises:
        HybridClusterError: If there are too few plain samples.
    """
    plain = [sample for sample in samples if sample.is_plain]
    fit = _fit_plain(plain, terms, cache_hint_bytes)
    device, special = fit.device, {}
    for name, of_it in special_samples(samples).items():
        special[name] = fit_special(device, name, of_it)
        device = _with(device, name, special[name].value)
    return Fit(device, fit.uncertainty, special)


def _with(device: Device, name: str, value: float) -> Device:
    """A device with another value of one field."""
    changes: dict[str, Any] = {name: value}
    return replace(device, **changes)


def special_samples(samples: Sequence[Sample]) -> dict[str, list[Sample]]:
    """The samples that are not plain, by the one field that is fitted to them."""
    found: dict[str, list[Sample]] = {}
    for sample in samples:
        if not sample.is_plain:
            name = SERIAL_FIELD if sample.serial_steps > 0.0 else RATES[sample.precision]
            found.setdefault(name, []).append(sample)
    # A rate is needed where serial steps have that precision.
    return dict(sorted(found.items(), key=lambda item: item[0] == SERIAL_FIELD))


def fit_special(device: Device, name: str, samples: Sequence[Sample]) -> SpecialFit:
    """Fit one figure of a device, a rate or the time of a serial step, all others held.

    Robustly, like all of them, and from 0 on: a step takes no time where the kernels are no slower
    than without.
    """
    from scipy.optimize import least_squares

    tasks, serial = as_tasks(samples), name == SERIAL_FIELD
    measured_s = np.array([sample.time_s for sample in samples])
    if serial:
        beside_s = execution_time_s(replace(device, serial_step_s=0.0), 1.0, tasks)
        scale = float(np.median(np.maximum(measured_s - beside_s, 0.0) / tasks.serial_steps))
    else:
        scale = float(np.max(tasks.size_flop / measured_s))

    def with_value(x: float) -> Device:
        return _with(device, name, x * scale)

    def residuals(x: FloatArray) -> FloatArray:
        predicted_s = execution_time_s(with_value(float(x[0])), 1.0, tasks)
        return np.asarray(np.log(predicted_s / measured_s))

    if scale == 0.0:
        return SpecialFit(0.0, None, summarise(relative_errors(with_value(0.0), samples)))
    bounds = (0.0, np.inf) if serial else (1e-3, 1e3)
    found = least_squares(residuals, [1.0], bounds=bounds, loss="soft_l1", f_scale=LOSS_SCALE)
    value, steepness = float(found.x[0]), float(np.sum(found.jac**2))
    spread = float(np.median(np.abs(found.fun))) / 0.6745
    told = steepness > 0.0 and value > 0.0
    error = spread / math.sqrt(steepness) / value if told else None
    fitted = with_value(value)
    return SpecialFit(
        float(getattr(fitted, name)), error, summarise(relative_errors(fitted, samples))
    )


def _fit_plain(
    samples: Sequence[Sample], terms: Sequence[str], cache_hint_bytes: float | None
) -> Fit:
    """Fit all but the rates of other precisions and serial steps."""
    from scipy.optimize import least_squares  # costs 0.3 s: only who fits pays

    if len(samples) < 2:
        raise HybridClusterError(
            f"{len(samples)} kernels could be timed; allowed: at least 2, to fit a device to them"
        )
    tasks = as_tasks(samples)
    log_time = np.log([sample.time_s for sample in samples])
    parameters = _Parameters(samples, terms, cache_hint_bytes)
    start = parameters.start

    def residuals(x: FloatArray) -> FloatArray:
        predicted_s = execution_time_s(parameters.device(x), 1.0, tasks)
        return np.concatenate([np.log(predicted_s) - log_time, PRIOR * (x - start)])

    solution = least_squares(
        residuals, start, bounds=parameters.bounds, loss="soft_l1", f_scale=LOSS_SCALE
    )
    jacobian, spread = solution.jac, np.median(np.abs(solution.fun[: len(samples)])) / 0.6745
    covariance = spread**2 * np.linalg.pinv(jacobian.T @ jacobian)
    errors = np.sqrt(np.diag(covariance))
    return Fit(
        parameters.device(solution.x),
        {name: round(float(e), 4) for name, e in zip(parameters.names, errors, strict=True)},
    )


def predict_s(device: Device, samples: Sequence[Sample]) -> FloatArray:
    """Predicted times of kernels whose data lie on the device already [s], (samples,)."""
    return execution_time_s(replace(device, link_bandwidth=math.inf), 1.0, as_tasks(samples))


def relative_errors(device: Device, samples: Sequence[Sample]) -> FloatArray:
    """``|predicted / measured - 1|`` of each sample, (samples,)."""
    measured_s = np.array([sample.time_s for sample in samples])
    return np.asarray(np.abs(predict_s(device, samples) / measured_s - 1.0))


def median_factor(device: Device, samples: Sequence[Sample]) -> float:
    """Median factor, at least 1, between predicted and measured times."""
    measured_s = np.array([sample.time_s for sample in samples])
    off = np.abs(np.log(predict_s(device, samples) / measured_s))
    return float(np.exp(np.median(off)))


def summarise(errors: FloatArray) -> Errors:
    """Median and 90th percentile of relative errors."""
    return Errors(float(np.median(errors)), float(np.quantile(errors, 0.9)), len(errors))


def ablation(
    fitted: Sequence[Sample], judged: Sequence[Sample], cache_hint_bytes: float | None = None
) -> dict[str, Errors]:
    """Errors on `judged` of models fitted to `fitted`: whole, without each term, without any."""
    return {
        name: summarise(
            relative_errors(fit_cost_model(fitted, terms, cache_hint_bytes).device, judged)
        )
        for name, terms in VARIANTS.items()
    }


def fit_halves(
    samples: Sequence[Sample], cache_hint_bytes: float | None = None
) -> dict[str, float]:
    """Fit the earlier and the later half of the rounds of plain kernels by themselves.

    Returns the `relative_differences` of the fitted fields: what two measurements of half the
    length would differ by, noise and drift alike. A kernel of which less than two rounds count is
    in both halves as it is (and counts as disturbed).
    """
    plain = [sample for sample in samples if sample.is_plain]
    earlier, later = (
        fit_cost_model([_half(s, late) for s in plain], cache_hint_bytes=cache_hint_bytes)
        for late in (False, True)
    )
    return relative_differences(
        {n: (getattr(earlier.device, n), getattr(later.device, n)) for n in earlier.uncertainty}
    )


def _half(sample: Sample, late: bool) -> Sample:
    """A sample as its earlier or its later rounds alone have it."""
    middle = len(sample.rounds_s) // 2
    if middle == 0:
        return sample
    rounds_s = sample.rounds_s[middle:] if late else sample.rounds_s[:middle]
    return replace(sample, time_s=typical_time_s(rounds_s))


def relative_differences(pairs: Mapping[str, tuple[float, float]]) -> dict[str, float]:
    """By how much the two values of each parameter differ, the larger to the smaller.

    The sharpness p of the ridge counts as what it makes of a task there, 2^(1/p): beyond 3 or so, p
    may be anything.
    """
    if "ridge_sharpness" in pairs:
        p, q = pairs["ridge_sharpness"]
        pairs = {**pairs, "ridge_sharpness": (2.0 ** (1.0 / p), 2.0 ** (1.0 / q))}
    return {name: round(max(pair) / min(pair) - 1.0, 4) for name, pair in pairs.items()}


class _Parameters:
    """Turns a vector of parameters without dimension into a device, and bounds and starts it.

    Rates, sizes and times enter by their logarithm; the sharpness p as 1/p, which is bounded.
    """

    def __init__(
        self, samples: Sequence[Sample], terms: Sequence[str], cache_hint_bytes: float | None
    ) -> None:
        self._terms = terms
        time_s, flop, traffic, memory = (
            np.array([getattr(sample, name) for sample in samples])
            for name in ("time_s", "flop", "traffic_bytes", "memory_bytes")
        )
        bandwidth = traffic / time_s
        # Of the larger half of the working sets, which caches serve least.
        outer = np.quantile(bandwidth[memory >= np.median(memory)], 0.75)
        rows = [  # name, start, lower and upper bound
            ("flops", math.log(np.quantile(flop / time_s, 0.95)), -np.inf, np.inf),
            ("memory_bandwidth", math.log(outer), -np.inf, np.inf),
        ]
        if "launch" in terms:
            launch = math.log(max(float(time_s.min()) / 4, 2 * MIN_LAUNCH_S))
            rows += [("launch_s", launch, math.log(MIN_LAUNCH_S), np.inf)]
        if "caches" in terms:
            size = math.log(cache_hint_bytes or float(np.exp(np.mean(np.log(memory)))))
            rows += [
                ("cache_bytes", size, size - math.log(100.0), size + math.log(100.0)),
                ("cache_bandwidth", math.log(2.0), 0.0, math.log(MAX_CACHE_SPEEDUP)),
            ]
        if "ridge" in terms:
            rows += [("ridge_sharpness", 0.5, 1.0 / MAX_SHARPNESS, 1.0)]
        self.names, start, low, high = zip(*rows, strict=True)
        self.start: FloatArray = np.array(start)
        self.bounds: tuple[npt.ArrayLike, npt.ArrayLike] = (low, high)

    def device(self, x: FloatArray) -> Device:
        """The device that a vector stands for."""
        value = dict(zip(self.names, x.tolist(), strict=True))
        fields = {name: math.exp(value[name]) for name in self.names if name != "ridge_sharpness"}
        if "caches" in self._terms:
            fields["cache_bandwidth"] *= fields["memory_bandwidth"]
        if "ridge" in self._terms:
            fields["ridge_sharpness"] = 1.0 / value["ridge_sharpness"]
        return Device(
            "fitted",
            "cpu",
            memory_bytes=math.inf,
            launch_s=fields.pop("launch_s", 0.0),
            idle_power_w=0.0,
            active_power_w=0.0,
            **fields,
        )
