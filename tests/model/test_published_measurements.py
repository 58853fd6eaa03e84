"""The shipped catalogue against published measurements that it was not fitted to."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import numpy as np
import pytest

from cpu_gpu_env import Tasks
from cpu_gpu_env.model.costs import execution_time_s, power_above_idle_w
from cpu_gpu_env.model.profile import device_catalogue
from cpu_gpu_env.model.tasks import FloatArray
from cpu_gpu_env.model.traces.loading import resolve_workload

ROOT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("HYBRIDCLUSTER_DATA", ROOT.parent / "shared" / "data"))
pytestmark = pytest.mark.skipif(
    not DATA.is_dir(), reason=f"published measurements are not in {DATA} (HYBRIDCLUSTER_DATA)"
)


def columns(file: str, *names: str) -> list[FloatArray]:
    with (DATA / file).open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    return [np.array([float(row[name]) for row in rows]) for name in names]


def factor(predicted: FloatArray, measured: FloatArray) -> FloatArray:
    return np.exp(np.abs(np.log(predicted / measured)))


def time_s(device: str, flop: FloatArray, moved: FloatArray, precision: str) -> FloatArray:
    """Predicted times of kernels whose data are on the device."""
    tasks = Tasks(
        np.zeros(len(flop)), flop, flop / moved, moved, precision, transfer_bytes=np.zeros(())
    )
    return execution_time_s(device_catalogue()[device], 1.0, tasks)


def test_layers_of_a_language_model_on_an_a100() -> None:
    file = "vidur/a100_llama2_7b_linear_fp16.csv"
    tokens, flop, moved, ms = columns(file, "num_tokens", "flop", "bytes_min_fp16", "A100_ms")
    with (DATA / file).open(newline="") as stream:
        operators = np.array([row["operator"] for row in csv.DictReader(stream)])
    off = factor(time_s("a100-80gb", flop, moved, "fp16"), ms / 1e3)
    assert np.median(off) <= 1.2
    for operator in np.unique(operators):
        assert off[(operators == operator) & (tokens >= 64)].max() <= 1.5


@pytest.mark.parametrize(
    ("device", "file", "column", "allowed"),
    [
        ("v100-32gb", "deepbench/gemm_fp32_knl_v100.csv", "V100_ms", 1.2),
        ("t4", "deepbench/gemm_fp32_t4.csv", "T4_ms", 1.25),
    ],
)
def test_products_of_deepbench(device: str, file: str, column: str, allowed: float) -> None:
    m, n, k, ms = columns(file, "M", "N", "K", column)
    moved = 4 * (m * k + k * n + m * n)
    off = factor(time_s(device, 2 * m * n * k, moved, "fp32"), ms / 1e3)
    assert np.median(off) <= allowed


@pytest.mark.parametrize("split", ["joined", "prefill-decode"])
@pytest.mark.parametrize("prompt_tokens", [200, 400])  # the table does not tell them
def test_serving_a_language_model_on_an_h100(
    tmp_path: Path, split: str, prompt_tokens: int
) -> None:
    batch, tokens, power_w, rate = columns(
        "mlenergy/h100_llama31_8b.csv",
        *("avg_batch_size", "avg_output_tokens", "avg_power_w", "output_tokens_per_s"),
    )
    device, seconds, joules = device_catalogue()["h100-80gb"], [], []
    for requests, generated in zip(batch, tokens, strict=True):
        trace = tmp_path / f"{requests}.csv"
        header = "TIMESTAMP,ContextTokens,GeneratedTokens"
        trace.write_text(f"{header}\n2023-11-16 18:17:03,{prompt_tokens},{generated:.0f}\n")
        model = f"parameters=8.03e9&kv_bytes_per_token=131072&batch={requests:.0f}&split={split}"
        pool = resolve_workload(f"azure-llm:{trace}?{model}").pool
        time = execution_time_s(device, 1.0, pool)
        power = power_above_idle_w(device, 1.0, pool) + device.idle_power_w
        seconds.append(time.sum())
        joules.append((time * power).sum())
    assert factor(tokens / np.array(seconds), rate).max() <= 1.3
    assert factor(np.array(joules) / np.array(seconds), power_w).max() <= 1.15
