"""The cost model against published times of matrix products on other machines.

The table is a CSV with a row a product: columns ``M``, ``N``, ``K`` and, for each device, its FP32
time in milliseconds in a column that ends with ``_ms`` (DeepBench's results have this form:
github.com/baidu-research/DeepBench). Half of the rows calibrate each device, the others are
predicted.
"""

from __future__ import annotations

import csv
import io
import itertools
import math
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from cpu_gpu_env.checks import MAX_FIGURE, MIN_FIGURE, as_number
from cpu_gpu_env.errors import HybridClusterError, not_allowed
from cpu_gpu_env.io.bounded_files import decode_text, read_bytes
from cpu_gpu_env.model.cluster import Device
from cpu_gpu_env.model.tasks import FloatArray
from cpu_gpu_env.profiler.fit import VARIANTS, fit_cost_model, predict_s
from cpu_gpu_env.profiler.samples import FLOAT_BYTES, Sample

TIME_SUFFIX = "_ms"
MIN_ROWS = 20
"""Half of them must suffice for a fit."""
MAX_ROWS = 2_000
"""Fits of this many take a minute."""
MAX_BYTES = 2**22
"""Of a table, unless told otherwise."""
SPLITS = 20

Calibrate = Callable[[Sequence[Sample]], Device]


@dataclass(frozen=True)
class HalfSplit:
    """Errors of one model on the rows that it was not calibrated on, means over the splits."""

    device_errors: dict[str, float]
    """Median ``|predicted / measured - 1|`` of each device."""
    ratio_factors: dict[str, float]
    """Median factor between the predicted and the measured ratio of two devices' times, >= 1."""


def read_published(
    path: str | os.PathLike[str], max_bytes: int = MAX_BYTES
) -> dict[str, list[Sample]]:
    """Read a table of at most `max_bytes` into samples, by device.

    Raises:
        HybridClusterError: If it cannot be read, lacks a column or rows, or holds a bad number.
    """
    try:
        content = read_bytes(path, max_bytes, "table")
        text = decode_text(content, f"{path}: cannot read the table")
        rows = list(csv.DictReader(io.StringIO(text, newline="")))
    except csv.Error as error:
        raise HybridClusterError(f"{path}: cannot read the table: {error}") from None
    columns = list(rows[0]) if rows else []
    devices = [name for name in columns if name and name.endswith(TIME_SUFFIX)]
    if not {"M", "N", "K"}.issubset(columns) or not devices:
        raise HybridClusterError(
            f"{path}: columns are {', '.join(map(str, columns)) or 'none'}; allowed: M, N, K and "
            f"at least one that ends with {TIME_SUFFIX}"
        )
    if not MIN_ROWS <= len(rows) <= MAX_ROWS:
        allowed = f"at least {MIN_ROWS}, at most {MAX_ROWS}"
        raise HybridClusterError(f"{path}: {len(rows)} rows; allowed: {allowed}")
    return {
        device.removesuffix(TIME_SUFFIX): [
            _sample(row, device, f"{path}: line {line}") for line, row in enumerate(rows, start=2)
        ]
        for device in devices
    }


def half_splits(
    published: dict[str, list[Sample]], seed: int = 0, splits: int = SPLITS
) -> dict[str, HalfSplit]:
    """Calibrate on a random half and predict the other, again and again.

    Args:
        published: Samples of each device, of the same products in the same order.
        seed: Seed of the splits.
        splits: How many.

    Returns:
        Results of the cost model, whole and without some terms, and of the peak alone (time
        proportional to FLOP).
    """
    models: dict[str, Calibrate] = {name: _fit_of(terms) for name, terms in VARIANTS.items()}
    models["peak only"] = _peak_only
    count = len(next(iter(published.values())))
    orders = np.random.default_rng(seed).permuted(np.tile(np.arange(count), (splits, 1)), axis=1)
    results = {}
    for name, calibrate in models.items():
        runs = [_half_split(published, order, calibrate) for order in orders]
        results[name] = HalfSplit(
            _means([run.device_errors for run in runs]), _means([run.ratio_factors for run in runs])
        )
    return results


def _means(runs: Sequence[dict[str, float]]) -> dict[str, float]:
    return {key: float(np.mean([run[key] for run in runs])) for key in runs[0]}


def _half_split(
    published: dict[str, list[Sample]], order: np.ndarray, calibrate: Calibrate
) -> HalfSplit:
    half = len(order) // 2
    predicted: dict[str, FloatArray] = {}
    measured: dict[str, FloatArray] = {}
    for name, samples in published.items():
        device = calibrate([samples[row] for row in order[:half]])
        judged = [samples[row] for row in order[half:]]
        predicted[name] = predict_s(device, judged)
        measured[name] = np.array([sample.time_s for sample in judged])
    errors = {k: float(np.median(np.abs(predicted[k] / measured[k] - 1))) for k in published}
    factors = {}
    for a, b in itertools.combinations(published, 2):
        off = np.log((predicted[a] / predicted[b]) / (measured[a] / measured[b]))
        factors[f"{a} / {b}"] = float(np.exp(np.median(np.abs(off))))
    return HalfSplit(errors, factors)


def _fit_of(terms: Sequence[str]) -> Calibrate:
    return lambda samples: fit_cost_model(samples, terms).device


def _peak_only(samples: Sequence[Sample]) -> Device:
    """A device whose times are proportional to FLOP."""
    rate = float(np.exp(np.median([math.log(s.flop / s.time_s) for s in samples])))
    return Device("peak", "cpu", rate, 1e30, math.inf, 0.0, 0.0, 0.0)


def _sample(row: dict[str, str], column: str, where: str) -> Sample:
    m, n, k, time_ms = (_positive(row, name, where) for name in ("M", "N", "K", column))
    moved = FLOAT_BYTES * (m * k + k * n + m * n)
    shape = (int(m), int(n), int(k))
    time_s = time_ms / 1e3
    return Sample("gemm", shape, 2.0 * m * n * k, moved, moved, time_s, 0.0, (time_s,))


def _positive(row: dict[str, str], column: str, where: str) -> float:
    value = as_number(row[column])
    if not 0.0 < value < math.inf:
        raise not_allowed(f"{where}: {column}", row[column], "a finite number > 0")
    if not MIN_FIGURE <= value <= MAX_FIGURE:
        allowed = f"a number from {MIN_FIGURE:g} to {MAX_FIGURE:g}"
        raise not_allowed(f"{where}: {column}", row[column], allowed)
    return value
