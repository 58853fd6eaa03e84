"""The kernels: what runs to measure a device, all in FP32.

How they are counted stands in `cpu_gpu_env.profiler.samples`. `fitted_kernels` are measured to fit
the parameters, `unseen_kernels` to judge the fit: other shapes and other kinds. `kernels_beyond`
are kinds for which three numbers a task cannot suffice, because their libraries leave threads idle
(matrix times vector), jump through memory (transposition) or run at a rate of their own (FFT,
softmax); they are timed to show how far off the model is there.

torch is imported inside functions, so that importing this module is cheap.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from cpu_gpu_env.profiler.samples import FLOAT_BYTES, Kernel, Run

if TYPE_CHECKING:
    import torch


def gemm(m: int, n: int, k: int, batch: int = 1, *, kind: str = "gemm") -> Kernel:
    """Matrix product (m, k) times (k, n), or a batch of them."""

    def prepare(device: torch.device) -> Run:
        import torch

        # Random contents: zeros draw less power, and so let the clock rise higher than work does.
        a, b = torch.rand(batch, m, k, device=device), torch.rand(batch, k, n, device=device)
        if batch == 1:
            a, b = a[0], b[0]
        out = a @ b
        return lambda: torch.matmul(a, b, out=out)

    moved = FLOAT_BYTES * batch * (m * k + k * n + m * n)
    shape = (m, n, k) if batch == 1 else (m, n, k, batch)
    return Kernel(kind, shape, 2.0 * batch * m * n * k, moved, moved, prepare)


def transposed_gemm(m: int, n: int, k: int) -> Kernel:
    """Matrix product with the transposes of (k, m) and (n, k)."""

    def prepare(device: torch.device) -> Run:
        import torch

        a, b = torch.rand(k, m, device=device).t(), torch.rand(n, k, device=device).t()
        out = a @ b
        return lambda: torch.matmul(a, b, out=out)

    moved = FLOAT_BYTES * (m * k + k * n + m * n)
    return Kernel("transposed gemm", (m, n, k), 2.0 * m * n * k, moved, moved, prepare)


def convolution(
    batch: int,
    channels: int,
    side: int,
    filters: int,
    width: int,
    *,
    kind: str = "convolution",
) -> Kernel:
    """2-D convolution of square images with zero padding, which leaves their size."""

    def prepare(device: torch.device) -> Run:
        import torch

        images = torch.rand(batch, channels, side, side, device=device)
        weights = torch.rand(filters, channels, width, width, device=device)
        return lambda: torch.conv2d(images, weights, padding=width // 2)

    pixels = batch * side**2
    moved = FLOAT_BYTES * (pixels * (channels + filters) + filters * channels * width**2)
    flop = 2.0 * pixels * filters * channels * width**2
    shape = (batch, channels, side, filters, width)
    return Kernel(kind, shape, flop, moved, moved, prepare)


def perceptron(batch: int, inputs: int, hidden: int, outputs: int) -> Kernel:
    """Two linear layers with a ReLU between: three passes over different arrays."""

    def prepare(device: torch.device) -> Run:
        import torch

        x = torch.rand(batch, inputs, device=device)
        first = torch.rand(hidden, inputs, device=device)
        second = torch.rand(outputs, hidden, device=device)
        linear = torch.nn.functional.linear
        return lambda: linear(torch.relu_(linear(x, first)), second)

    weights = inputs * hidden + hidden * outputs
    distinct = weights + batch * (inputs + hidden + outputs)
    flop = 2.0 * batch * weights
    traffic = FLOAT_BYTES * (distinct + 2 * batch * hidden)
    shape = (batch, inputs, hidden, outputs)
    return Kernel("perceptron", shape, flop, traffic, FLOAT_BYTES * distinct, prepare)


def elementwise(
    kind: str, n: int, arrays: int, flop: int, operation: Callable[..., Run], passes: int = 1
) -> Kernel:
    """One operation or several on whole arrays of n elements.

    Args:
        kind: Name of the kernel.
        n: Elements of each array.
        arrays: Arrays that each pass touches; `operation` is called with so many.
        flop: FLOP for each element and pass.
        operation: Takes torch and the arrays, returns what to run.
        passes: Times that the arrays are gone through.
    """

    def prepare(device: torch.device) -> Run:
        import torch

        return operation(torch, *(torch.ones(n, device=device) for _ in range(arrays)))

    memory = FLOAT_BYTES * n * arrays
    shape = (n,) if passes == 1 else (n, passes)
    return Kernel(kind, shape, float(flop * n * passes), passes * memory, memory, prepare)


def triad(n: int) -> Kernel:
    """A = b + 3 c, the streaming triad (McCalpin, STREAM, 1995)."""
    return elementwise(
        "triad", n, 3, 2, lambda torch, a, b, c: lambda: torch.add(b, c, alpha=3.0, out=a)
    )


def chain(n: int, passes: int) -> Kernel:
    """Products to and fro between two arrays: the operations on each byte held grow with passes."""

    def operation(torch: Any, a: Any, b: Any) -> Run:
        def run() -> None:
            for source, target in (((a, b), (b, a))[i % 2] for i in range(passes)):
                torch.mul(source, 1.0, out=target)

        return run

    return elementwise("chain", n, 2, 1, operation, passes)


def reduction(n: int) -> Kernel:
    """Sum of all elements."""
    return elementwise("sum", n, 1, 1, lambda torch, a: lambda: torch.sum(a))


def jacobi(side: int, sweeps: int) -> Kernel:
    """Sweeps of a five-point stencil over a square, to and fro between two arrays.

    Each sweep is three additions and a product: four passes, each over (about) two arrays.
    """

    def prepare(device: torch.device) -> Run:
        import torch

        old, new = torch.ones(2, side, side, device=device)

        def run() -> None:
            for source, target in (((old, new), (new, old))[i % 2] for i in range(sweeps)):
                inner = target[1:-1, 1:-1]
                torch.add(source[:-2, 1:-1], source[2:, 1:-1], out=inner)
                inner.add_(source[1:-1, :-2]).add_(source[1:-1, 2:]).mul_(0.25)

        return run

    n = side**2
    traffic = FLOAT_BYTES * n * sweeps * (2 + 2 + 2 + 1)
    return Kernel("jacobi", (side, sweeps), 4.0 * n * sweeps, traffic, FLOAT_BYTES * 2 * n, prepare)


def fitted_kernels() -> dict[str, list[Kernel]]:
    """Kernels for the fit, by kind, in order of size."""
    batches = {32: (1_024, 8_192, 32_768), 64: (64, 256, 2_048), 128: (16, 128, 512), 256: (4, 32)}
    return {
        "gemm": [
            gemm(n, n, n) for n in (256, 384, 512, 768, 1_024, 1_536, 2_048, 4_096, 8_192, 16_384)
        ],
        "batched gemm": [
            gemm(n, n, n, batch, kind="batched gemm") for n in batches for batch in batches[n]
        ],
        "triad": [triad(2**e) for e in (11, 13, 15, *range(17, 27))],
        "chain": [chain(2**e, passes) for e in range(20, 27) for passes in (2, 8)],
        "convolution": [
            convolution(*shape)
            for shape in (
                (1, 32, 32, 32, 3),
                (4, 64, 28, 64, 3),
                (8, 64, 28, 128, 3),
                (4, 256, 14, 256, 3),
                (16, 32, 56, 32, 3),
                (16, 32, 28, 64, 5),
            )
        ],
        "sum": [reduction(2**e) for e in (13, 15, 17, *range(19, 29))],
    }


def unseen_kernels() -> dict[str, list[Kernel]]:
    """Kernels that the fit does not see, by kind, in order of size: other shapes, other kinds."""
    lengths = (700_000, 2_300_000, 6_000_000, 17_000_000, 40_000_000)
    gemms = [
        (300, 700, 1_000),
        (1_000, 64, 2_000),
        (2_000, 100, 500),
        (20_000, 128, 64),
        (500, 1_500, 900),
        (1_760, 128, 1_760),
        (2_560, 64, 2_560),
        (5_124, 700, 512),
        (1_200, 1_300, 1_400),
    ]
    transposed = [(350, 650, 750), (1_024, 128, 1_024), (900, 900, 900), (1_500, 700, 1_100)]
    batched = [(48, 48, 48, 300), (100, 60, 80, 200), (64, 64, 128, 1_000), (196, 196, 64, 96)]
    images = [
        (2, 64, 28, 64, 3),
        (4, 128, 14, 256, 3),
        (8, 32, 56, 32, 3),
        (8, 16, 64, 64, 5),
        (16, 64, 28, 128, 3),
    ]
    layers = [(128, 512, 512, 512), (256, 784, 1_024, 10), (512, 300, 2_000, 100)]
    grids = [(600, 10), (1_500, 6), (3_000, 4), (6_000, 2)]

    def each(kind: str, arrays: int, flop: int, operation: Callable[..., Run]) -> list[Kernel]:
        return [elementwise(kind, n, arrays, flop, operation) for n in lengths]

    return {
        "rectangular gemm": [gemm(*shape, kind="rectangular gemm") for shape in gemms],
        "transposed gemm": [transposed_gemm(*shape) for shape in transposed],
        "other batched gemm": [gemm(*shape, kind="other batched gemm") for shape in batched],
        "other convolution": [convolution(*shape, kind="other convolution") for shape in images],
        "perceptron": [perceptron(*shape) for shape in layers],
        "jacobi": [jacobi(*shape) for shape in grids],
        "copy": each("copy", 2, 1, lambda torch, a, b: lambda: b.copy_(a)),
        "axpy": each("axpy", 2, 2, lambda torch, a, b: lambda: a.add_(b, alpha=1e-9)),
        "clamp": each("clamp", 2, 1, lambda torch, a, b: lambda: torch.clamp_min(a, 0.5, out=b)),
        "fused product": each(
            "fused product",
            4,
            2,
            lambda torch, a, b, c, d: lambda: torch.addcmul(a, b, c, out=d),
        ),
        "dot": each("dot", 2, 2, lambda torch, a, b: lambda: torch.dot(a, b)),
        "maximum": each("maximum", 1, 1, lambda torch, a: lambda: torch.amax(a)),
        "row sums": [_row_sums(rows) for rows in (900, 2_500, 7_000, 20_000, 45_000)],
    }


def kernels_beyond() -> dict[str, list[Kernel]]:
    """Kernels that size, intensity and memory alone cannot describe, by kind."""
    sides = (1_000, 2_000, 4_000)
    return {
        "matrix-vector": [_matrix_vector(side) for side in sides],
        "transposition": [_transposition(side) for side in sides],
        "softmax": [_softmax(side) for side in sides],
        "fft": [_fft(batch, 4_096) for batch in (32, 256, 1_024)],
    }


def one_operation() -> Kernel:
    """An operation on one element: what a launch costs."""
    return elementwise("one operation", 1, 1, 1, lambda torch, a: lambda: a.mul_(1.0))


def transfer_kernels() -> dict[str, list[Kernel]]:
    """Copies from the host by size, from pinned and from pageable memory."""
    sizes = [2**e for e in range(12, 29, 4)]
    return {
        kind: [_transfer(kind, size, pinned) for size in sizes]
        for kind, pinned in (("pinned copy", True), ("pageable copy", False))
    }


def affordable(kernels: Iterable[Kernel], memory_bytes: float) -> list[Kernel]:
    """The kernels that a device can hold, with room for workspace and for others."""
    return [kernel for kernel in kernels if kernel.memory_bytes <= memory_bytes / 4]


def _transfer(kind: str, size: int, pinned: bool) -> Kernel:
    def prepare(device: torch.device) -> Run:
        import torch

        host = torch.ones(size // FLOAT_BYTES)
        if pinned:
            host = host.pin_memory()
        there = torch.empty_like(host, device=device)
        return lambda: there.copy_(host, non_blocking=pinned)

    return Kernel(kind, (size,), 1.0, float(size), float(size), prepare)


def _row_sums(rows: int, columns: int = 1_000) -> Kernel:
    def prepare(device: torch.device) -> Run:
        import torch

        a = torch.ones(rows, columns, device=device)
        return lambda: torch.sum(a, dim=1)

    moved = FLOAT_BYTES * rows * (columns + 1)
    return Kernel("row sums", (rows, columns), float(rows * columns), moved, moved, prepare)


def _matrix_vector(side: int) -> Kernel:
    def prepare(device: torch.device) -> Run:
        import torch

        a, x = torch.rand(side, side, device=device), torch.rand(side, device=device)
        return lambda: torch.mv(a, x)

    moved = FLOAT_BYTES * (side**2 + 2 * side)
    return Kernel("matrix-vector", (side, side), 2.0 * side**2, moved, moved, prepare)


def _transposition(side: int) -> Kernel:
    def prepare(device: torch.device) -> Run:
        import torch

        a, b = torch.ones(2, side, side, device=device)
        return lambda: b.copy_(a.t())

    moved = 2 * FLOAT_BYTES * side**2
    return Kernel("transposition", (side, side), float(side**2), moved, moved, prepare)


def _softmax(side: int) -> Kernel:
    def prepare(device: torch.device) -> Run:
        import torch

        a = torch.rand(side, side, device=device)
        out = torch.empty_like(a)
        return lambda: torch.softmax(a, dim=1, out=out)

    moved = 2 * FLOAT_BYTES * side**2
    # An exponential, and a comparison, difference, sum and product, taken for one each.
    return Kernel("softmax", (side, side), 5.0 * side**2, moved, moved, prepare)


def _fft(batch: int, n: int) -> Kernel:
    def prepare(device: torch.device) -> Run:
        import torch

        a = torch.rand(batch, n, dtype=torch.complex64, device=device)
        return lambda: torch.fft.fft(a)

    # 5 n log2 n: the count that FFT benchmarks use (Frigo & Johnson, FFTW, Proc. IEEE 93(2), 2005).
    flop, moved = 5.0 * batch * n * math.log2(n), 4.0 * FLOAT_BYTES * batch * n
    return Kernel("fft", (n, batch), flop, moved, moved, prepare)
