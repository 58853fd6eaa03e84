"""The kernels of other precisions than FP32, and those with serial steps.

How they are counted stands in `cpu_gpu_env.profiler.samples`. Other precisions are matrix products
alone, since memory and caches are the same for all. Serial steps are the columns of factorisations
and triangular solves. A running sum is no such chain: on CPUs its step is an addition, a thousandth
of theirs, and GPUs do it in parallel.

As in `cpu_gpu_env.profiler.kernels` some are for the fit and others, of other shapes and sizes, to
judge it. Not all run on every device, and some formats only far too slowly: `runnable` sorts out
which.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cpu_gpu_env.model.precision import DEFAULT_PRECISION
from cpu_gpu_env.profiler.kernels import gemm
from cpu_gpu_env.profiler.samples import FLOAT_BYTES, Kernel, Run
from cpu_gpu_env.profiler.timing import FAILURES, Clock, reason, synchronous

if TYPE_CHECKING:
    import torch

HOPELESS = 100.0
"""A format whose products take so many times as long as FP32's is left out: torch has no more than
a stopgap for it there, and programs convert to a wider format rather."""
PROBE_SIDE = 128
"""Of the products that tell: a stopgap takes a tenth of a second for one, at 0.04 GFLOP/s."""
PATIENCE_S = 0.5
"""For how long the product of a format is tried again, in the hope that it was only disturbed."""
CANNOT = (*FAILURES, AttributeError)
"""What is raised where torch has no such format, or no such operation."""

Multiply = Callable[[Any, Any, Any, Any], Run]
"""Takes torch and the arrays a (m, k), b (k, n) and out (m, n); returns what to run."""


@dataclass(frozen=True)
class Format:
    """How torch multiplies matrices in a precision."""

    dtype: str
    """Name of the type of the factors."""
    item_bytes: int
    """Of an element of a factor [B]."""
    result: str
    """Name of the type of the product."""
    result_bytes: int
    """Of an element of the product [B]."""
    multiply: Multiply


def _plainly(torch: Any, a: Any, b: Any, out: Any) -> Run:
    return lambda: torch.matmul(a, b, out=out)


def _in_tf32(torch: Any, a: Any, b: Any, out: Any) -> Run:
    """Everything else is measured without TF32, so it is on for the product alone (1 µs)."""

    def run() -> None:
        torch.set_float32_matmul_precision("high")
        try:
            torch.matmul(a, b, out=out)
        finally:
            torch.set_float32_matmul_precision("highest")

    return run


def _scaled(torch: Any, a: Any, b: Any, out: Any) -> Run:
    columns, one = b.t().contiguous().t(), torch.ones((), device=a.device)  # as tensor cores want
    scales = {"scale_a": one, "scale_b": one}
    return lambda: torch._scaled_mm(a, columns, **scales, out_dtype=out.dtype, out=out)


def _whole(torch: Any, a: Any, b: Any, out: Any) -> Run:
    columns = b.t().contiguous().t()
    return lambda: torch._int_mm(a, columns, out=out)


FORMATS = {
    "fp64": Format("float64", 8, "float64", 8, _plainly),
    "tf32": Format("float32", 4, "float32", 4, _in_tf32),
    "bf16": Format("bfloat16", 2, "bfloat16", 2, _plainly),
    "fp16": Format("float16", 2, "float16", 2, _plainly),
    "fp8": Format("float8_e4m3fn", 1, "bfloat16", 2, _scaled),
    "int8": Format("int8", 1, "int32", 4, _whole),
}
"""Precisions besides FP32 that torch multiplies matrices in."""

FITTED_SIDES = (256, 512, 1_024, 2_048, 4_096, 8_192)
UNSEEN_SHAPES = ((512, 1_536, 896), (1_200, 1_296, 1_408), (2_560, 128, 2_560))
"""Multiples of 16, which FP8 and INT8 need."""
FITTED_STEPS = (32, 64, 128, 256, 512, 1_024)
UNSEEN_STEPS = (48, 96, 192, 384, 768)


def product(precision: str, m: int, n: int, k: int, kind: str = "gemm") -> Kernel:
    """Matrix product (m, k) times (k, n) in a precision; the kind is followed by its name."""
    form = FORMATS[precision]

    def prepare(device: torch.device) -> Run:
        import torch

        out = torch.empty((m, n), dtype=getattr(torch, form.result), device=device)
        a, b = (_random(torch, form.dtype, shape, device) for shape in ((m, k), (k, n)))
        return form.multiply(torch, a, b, out)

    held = form.item_bytes * (m * k + k * n) + form.result_bytes * m * n
    name, flop = f"{kind} {precision}", 2.0 * m * n * k
    return Kernel(name, (m, n, k), flop, held, held, prepare, precision=precision)


def _random(torch: Any, dtype: str, shape: tuple[int, int], device: Any) -> Any:
    if dtype == "int8":
        return torch.randint(-8, 8, shape, dtype=torch.int8, device=device)
    return torch.rand(shape, device=device).to(getattr(torch, dtype))


def cholesky(n: int, kind: str = "cholesky") -> Kernel:
    """Cholesky factorisation (POTRF) of (n, n): n^3 / 3 operations, n columns."""

    def factorise(torch: Any, a: Any, b: Any) -> Run:
        factor, info = torch.empty_like(a), torch.empty((), dtype=torch.int32, device=a.device)
        # Unchecked, as a check waits for the device.
        return lambda: torch.linalg.cholesky_ex(a, out=(factor, info))

    return _serial(kind, n, n**3 / 3, 2, factorise)


def lu(n: int, kind: str = "lu") -> Kernel:
    """LU factorisation with pivots (GETRF) of (n, n): 2 n^3 / 3 operations, n columns."""
    return _serial(
        kind, n, 2 * n**3 / 3, 2, lambda torch, a, b: lambda: torch.linalg.lu_factor_ex(a)
    )


def triangular_solve(n: int, kind: str = "triangular solve") -> Kernel:
    """Triangular solve (TRSM) with (n, n) and n right-hand sides: n^3 operations, n rows."""

    def solve(torch: Any, a: Any, b: Any) -> Run:
        lower, x = a.tril(), torch.empty_like(b)
        return lambda: torch.linalg.solve_triangular(lower, b, upper=False, out=x)

    return _serial(kind, n, float(n**3), 3, solve)


def _serial(
    kind: str, n: int, flop: float, arrays: int, operation: Callable[[Any, Any, Any], Run]
) -> Kernel:
    """A kernel of n steps on so many arrays (n, n); gets a well-conditioned one and another."""

    def prepare(device: torch.device) -> Run:
        import torch

        b = torch.rand((n, n), device=device)
        # Symmetric and, as the diagonal outweighs each row, positive definite.
        return operation(torch, (b + b.t()) / 2 + n * torch.eye(n, device=device), b)

    held = float(FLOAT_BYTES * arrays * n**2)
    return Kernel(kind, (n,), flop, held, held, prepare, serial_steps=float(n))


def special_kernels() -> dict[str, list[Kernel]]:
    """Kernels for the fit, by kind, in order of size."""
    return {
        **{f"gemm {name}": [product(name, n, n, n) for n in FITTED_SIDES] for name in FORMATS},
        "cholesky": [cholesky(n) for n in FITTED_STEPS],
        "lu": [lu(n) for n in FITTED_STEPS],
        "triangular solve": [triangular_solve(n) for n in FITTED_STEPS],
    }


def unseen_special_kernels() -> dict[str, list[Kernel]]:
    """Kernels that the fit does not see, by kind, in order of size: other shapes and sizes."""
    kind = "rectangular gemm"
    return {
        **{
            f"{kind} {name}": [product(name, *shape, kind) for shape in UNSEEN_SHAPES]
            for name in FORMATS
        },
        "other cholesky": [cholesky(n, "other cholesky") for n in UNSEEN_STEPS],
        "other lu": [lu(n, "other lu") for n in UNSEEN_STEPS],
        "other solve": [triangular_solve(n, "other solve") for n in UNSEEN_STEPS],
    }


def runnable(
    kinds: Mapping[str, list[Kernel]], device: torch.device, clock: Clock = time.perf_counter
) -> tuple[dict[str, list[Kernel]], dict[str, str]]:
    """Drop kernels of precisions that a device does not run, or hopelessly slowly.

    A small product tells. TF32 is asked for on GPUs of NVIDIA alone: the setting is ignored
    elsewhere.

    Returns:
        The kernels that are left, by kind; and why others are not, by precision.
    """
    asked = {kernel.precision for kernels in kinds.values() for kernel in kernels}
    probed = [precision for precision in FORMATS if precision in asked]
    refused = {}
    if probed:
        fp32_s = _quickest_s(gemm(PROBE_SIDE, PROBE_SIDE, PROBE_SIDE), device, clock)
        whys = {precision: _why_not(precision, device, clock, fp32_s) for precision in probed}
        refused = {precision: why for precision, why in whys.items() if why is not None}
    left = {
        kind: [kernel for kernel in kernels if kernel.precision not in refused]
        for kind, kernels in kinds.items()
    }
    told = {name: why for name, why in refused.items() if why}
    return {kind: kernels for kind, kernels in left.items() if kernels}, told


def _why_not(precision: str, device: torch.device, clock: Clock, fp32_s: float) -> str | None:
    """Why a precision is not measured on a device; empty if that is no news, None if it is."""
    if precision == "tf32" and not _has_tf32(device):
        return ""
    probe, enough_s = product(precision, PROBE_SIDE, PROBE_SIDE, PROBE_SIDE), HOPELESS * fp32_s
    try:
        took_s = _quickest_s(probe, device, clock, enough_s)
    except CANNOT as error:
        return f"torch has no product in it there: {reason(error)}"
    if took_s <= enough_s:
        return None
    return (
        f"a product of {PROBE_SIDE} takes {took_s:.2g} s, {took_s / fp32_s:,.0f} times as long as "
        f"in {DEFAULT_PRECISION}, so it is left out; allowed: {HOPELESS:.0f} times at most"
    )


def _has_tf32(device: torch.device) -> bool:
    """Whether a device is a GPU of NVIDIA with TF32: Ampere, compute capability 8.0, or later."""
    import torch

    if device.type != "cuda" or torch.version.cuda is None:
        return False
    return torch.cuda.get_device_capability(device) >= (8, 0)


def _quickest_s(kernel: Kernel, device: torch.device, clock: Clock, enough_s: float = 0.0) -> float:
    """Time of the quickest run after a first one, of ten or until one is quick enough [s].

    On a machine in use a single run tells nothing. What takes long is not tried for long.
    """
    run = synchronous(kernel.prepare(device), device)
    run()
    times_s = [math.inf]
    while min(times_s) > enough_s and len(times_s) <= 10 and sum(times_s[1:]) < PATIENCE_S:
        begin = clock()
        run()
        times_s.append(clock() - begin)
    return min(times_s)
