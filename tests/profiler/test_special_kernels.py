"""Kernels of other precisions and with serial steps: what they compute, and which of them run."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from fake_clock import Clock, fake_kernel

from cpu_gpu_env.model.precision import PRECISIONS
from cpu_gpu_env.profiler import special_kernels
from cpu_gpu_env.profiler.samples import Kernel, Run, as_tasks
from cpu_gpu_env.profiler.special_kernels import (
    FORMATS,
    HOPELESS,
    cholesky,
    lu,
    product,
    runnable,
    triangular_solve,
    unseen_special_kernels,
)
from cpu_gpu_env.profiler.special_kernels import special_kernels as fitted

torch = pytest.importorskip("torch")
CPU = torch.device("cpu")


def test_every_precision_but_fp32_has_products() -> None:
    assert {"fp32", *FORMATS} == set(PRECISIONS)
    for kinds in (fitted(), unseen_special_kernels()):
        assert {kernel.precision for kernels in kinds.values() for kernel in kernels} == set(
            PRECISIONS
        )


@pytest.mark.parametrize("precision", FORMATS)
def test_products_are_right(precision: str) -> None:
    form, generator = FORMATS[precision], np.random.default_rng(0)
    # Small whole numbers, which all formats hold exactly, as they do the sums.
    a, b = (generator.integers(-2, 3, shape) for shape in ((32, 16), (16, 48)))
    arrays = [torch.tensor(x, dtype=torch.float32).to(getattr(torch, form.dtype)) for x in (a, b)]
    out = torch.empty((32, 48), dtype=getattr(torch, form.result))
    form.multiply(torch, *arrays, out)()
    np.testing.assert_array_equal(out.to(torch.float64).numpy(), a @ b)


@pytest.mark.parametrize(
    ("precision", "item_bytes", "result_bytes"),
    [("fp64", 8, 8), ("tf32", 4, 4), ("fp16", 2, 2), ("bf16", 2, 2), ("fp8", 1, 2), ("int8", 1, 4)],
)
def test_products_are_counted_in_bytes_of_their_format(
    precision: str, item_bytes: int, result_bytes: int
) -> None:
    kernel = product(precision, 16, 32, 64)
    assert kernel.flop == 2 * 16 * 32 * 64
    expected = item_bytes * (16 * 64 + 64 * 32) + result_bytes * 16 * 32
    assert kernel.traffic_bytes == kernel.memory_bytes == expected
    assert as_tasks([kernel]).precisions == (precision,)
    assert kernel.label == f"gemm {precision} 16x32x64"


def test_serial_kernels_are_counted_and_run() -> None:
    for kernel, flop, arrays in (
        (cholesky(30), 9_000, 2),
        (lu(30), 18_000, 2),
        (triangular_solve(30), 27_000, 3),
    ):
        assert (kernel.flop, kernel.memory_bytes) == (flop, 4 * arrays * 30**2)
        assert as_tasks([kernel]).serial_steps.tolist() == [30.0]
        result: Any = kernel.prepare(CPU)()
        parts = result if isinstance(result, tuple) else (result,)
        assert all(torch.isfinite(part).all() for part in parts)
        if len(parts) > 1:
            assert int(parts[-1]) == 0  # LAPACK's word that it went well


def test_tf32_is_on_for_its_product_alone() -> None:
    seen = []

    class Spy:
        set_float32_matmul_precision = staticmethod(torch.set_float32_matmul_precision)

        @staticmethod
        def matmul(a: object, b: object, out: object) -> None:
            seen.append(torch.get_float32_matmul_precision())
            raise RuntimeError("in between")

    before = torch.get_float32_matmul_precision()
    try:
        with pytest.raises(RuntimeError, match="in between"):
            FORMATS["tf32"].multiply(Spy, None, None, None)()
        assert torch.get_float32_matmul_precision() == "highest"
    finally:
        torch.set_float32_matmul_precision(before)
    assert seen == ["high"]


def probed(monkeypatch: pytest.MonkeyPatch, seconds: dict[str, list[float]]) -> tuple[Any, Any]:
    """What is left of products whose probes take so long, beside one of 1 ms in FP32."""
    clock = Clock()
    kinds = {f"gemm {name}": [product(name, 16, 16, 16)] for name in seconds}

    def probe(precision: str, *_: int) -> Kernel:
        def prepare(device: object) -> Run:
            if not seconds[precision]:
                raise RuntimeError("no such type\nat a place")
            return clock.runs_of(seconds[precision])

        return Kernel("probe", (1,), 1.0, 1.0, 1.0, prepare)

    with monkeypatch.context() as patch:
        patch.setattr(special_kernels, "product", probe)
        patch.setattr(special_kernels, "gemm", lambda *_: fake_kernel(clock, [1e-3]))
        return runnable(kinds, CPU, clock)


def test_what_a_device_lacks_or_runs_hopelessly_is_left_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    slow, slower = 0.9e-3 * HOPELESS, 1.1e-3 * HOPELESS
    seconds = {
        "fp64": [1e-3] * 2,
        "bf16": [slow] * 2,
        "fp16": [slower] * 6,  # half a second of it is enough
        "fp8": [],
        "int8": [9.0, 0.3, 0.15, 1e-3],  # others had the machine
        "tf32": [1e-3] * 2,
    }
    kinds, refused = probed(monkeypatch, seconds)
    # Slower than FP32 is no reason to leave a format out, and that CPUs have no TF32 is no news.
    assert set(kinds) == {"gemm fp64", "gemm bf16", "gemm int8"}
    assert set(refused) == {"fp16", "fp8"}
    assert "110 times as long as in fp32, so it is left out" in refused["fp16"]
    assert refused["fp8"] == "torch has no product in it there: no such type"


def test_plain_and_serial_kernels_are_not_probed() -> None:
    kinds = {"cholesky": [cholesky(8)]}
    assert runnable(kinds, CPU, lambda: 1 / 0) == (kinds, {})  # type: ignore[arg-type,return-value]
