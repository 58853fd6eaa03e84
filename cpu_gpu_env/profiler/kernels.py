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
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from cpu_gpu_env.profiler.samples import FLOAT_BYTES, Kernel, Run

if TYPE_CHECKING:
    import torch

Operation = Callable[..., Run]
"""Takes torch and the arrays of a kernel, returns what to run."""


def _kernel(
    kind: str,
    shape: tuple[int, ...],
    flop: float,
    arrays: Sequence[tuple[int, ...]],
    operation: Operation,
    fill: str = "rand",
    made: int = 0,
    again: int = 0,
) -> Kernel:
    """Describe a kernel of a kind and shape by the shapes of the arrays that it gets.

    `fill` is the function of torch that fills them. (Random contents, as zeros draw less power, and
    so let the clock rise higher than work does.) The operation itself makes `made` more elements,
    and touches `again` elements more than once.
    """

    def prepare(device: torch.device) -> Run:
        import torch

        return operation(torch, *(getattr(torch, fill)(size, device=device) for size in arrays))

    elements = sum(map(math.prod, arrays)) + made
    return Kernel(
        kind, shape, flop, FLOAT_BYTES * (elements + again), FLOAT_BYTES * elements, prepare
    )


def gemm(m: int, n: int, k: int, batch: int = 1, *, kind: str = "gemm") -> Kernel:
    """Matrix product (m, k) times (k, n), or a batch of them."""
    batches = () if batch == 1 else (batch,)
    return _kernel(
        kind,
        (m, n, k, *batches),
        2.0 * batch * m * n * k,
        [(*batches, m, k), (*batches, k, n), (*batches, m, n)],
        lambda torch, a, b, out: lambda: torch.matmul(a, b, out=out),
    )


def transposed_gemm(m: int, n: int, k: int) -> Kernel:
    """Matrix product with the transposes of (k, m) and (n, k)."""

    def operation(torch: Any, a: Any, b: Any, out: Any) -> Run:
        a, b = a.t(), b.t()
        return lambda: torch.matmul(a, b, out=out)

    arrays = [(k, m), (n, k), (m, n)]
    return _kernel("transposed gemm", (m, n, k), 2.0 * m * n * k, arrays, operation)


def convolution(
    batch: int, channels: int, side: int, filters: int, width: int, *, kind: str = "convolution"
) -> Kernel:
    """2-D convolution of square images with zero padding, which leaves their size."""
    pixels = batch * side**2
    return _kernel(
        kind,
        (batch, channels, side, filters, width),
        2.0 * pixels * filters * channels * width**2,
        [(batch, channels, side, side), (filters, channels, width, width)],
        lambda torch, images, weights: lambda: torch.conv2d(images, weights, padding=width // 2),
        made=pixels * filters,
    )


def perceptron(batch: int, inputs: int, hidden: int, outputs: int) -> Kernel:
    """Two linear layers with a ReLU between: three passes over different arrays."""

    def operation(torch: Any, x: Any, first: Any, second: Any) -> Run:
        linear = torch.nn.functional.linear
        return lambda: linear(torch.relu_(linear(x, first)), second)

    shape = (batch, inputs, hidden, outputs)
    flop = 2.0 * batch * hidden * (inputs + outputs)
    arrays = [(batch, inputs), (hidden, inputs), (outputs, hidden)]
    made, again = batch * (hidden + outputs), 2 * batch * hidden
    return _kernel("perceptron", shape, flop, arrays, operation, made=made, again=again)


def elementwise(
    kind: str, n: int, arrays: int, flop: int, operation: Operation, passes: int = 1
) -> Kernel:
    """One operation or several on whole arrays of n elements.

    `operation` is called with torch and so many `arrays`, all of which each of the `passes` touches
    with so many `flop` an element.
    """
    shape, again = (n,) if passes == 1 else (n, passes), n * arrays * (passes - 1)
    all_flop = float(flop * n * passes)
    return _kernel(kind, shape, all_flop, [(n,)] * arrays, operation, "ones", again=again)


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

    def operation(torch: Any, both: Any) -> Run:
        old, new = both

        def run() -> None:
            for source, target in (((old, new), (new, old))[i % 2] for i in range(sweeps)):
                inner = target[1:-1, 1:-1]
                torch.add(source[:-2, 1:-1], source[2:, 1:-1], out=inner)
                inner.add_(source[1:-1, :-2]).add_(source[1:-1, 2:]).mul_(0.25)

        return run

    n = side**2
    again = n * sweeps * (2 + 2 + 2 + 1) - 2 * n
    shape, arrays = (side, sweeps), [(2, side, side)]
    return _kernel("jacobi", shape, 4.0 * n * sweeps, arrays, operation, "ones", again=again)


def fitted_kernels() -> dict[str, list[Kernel]]:
    """Kernels for the fit, by kind, in order of size."""
    batches = {32: (1_024, 8_192, 32_768), 64: (64, 256, 2_048), 128: (16, 128, 512), 256: (4, 32)}
    sides = (256, 384, 512, 768, 1_024, 1_536, 2_048, 4_096, 8_192, 16_384)
    return {
        "gemm": [gemm(side, side, side) for side in sides],
        "batched gemm": [
            gemm(n, n, n, batch, kind="batched gemm") for n in batches for batch in batches[n]
        ],
        "triad": [triad(2**e) for e in (11, 13, 15, *range(17, 27))],
        "chain": [chain(2**e, passes) for e in range(20, 27) for passes in (2, 8)],
        "convolution": [
            convolution(1, 32, 32, 32, 3),
            convolution(4, 64, 28, 64, 3),
            convolution(8, 64, 28, 128, 3),
            convolution(4, 256, 14, 256, 3),
            convolution(16, 32, 56, 32, 3),
            convolution(16, 32, 28, 64, 5),
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
    streams: dict[str, tuple[int, int, Operation]] = {  # arrays, FLOP for each element, operation
        "copy": (2, 1, lambda torch, a, b: lambda: b.copy_(a)),
        "axpy": (2, 2, lambda torch, a, b: lambda: a.add_(b, alpha=1e-9)),
        "clamp": (2, 1, lambda torch, a, b: lambda: torch.clamp_min(a, 0.5, out=b)),
        "fused product": (4, 2, lambda torch, a, b, c, d: lambda: torch.addcmul(a, b, c, out=d)),
        "dot": (2, 2, lambda torch, a, b: lambda: torch.dot(a, b)),
        "maximum": (1, 1, lambda torch, a: lambda: torch.amax(a)),
    }
    return {
        "rectangular gemm": [gemm(*shape, kind="rectangular gemm") for shape in gemms],
        "transposed gemm": [transposed_gemm(*shape) for shape in transposed],
        "other batched gemm": [gemm(*shape, kind="other batched gemm") for shape in batched],
        "other convolution": [convolution(*shape, kind="other convolution") for shape in images],
        "perceptron": [perceptron(*shape) for shape in layers],
        "jacobi": [jacobi(*shape) for shape in grids],
        **{kind: [elementwise(kind, n, *rest) for n in lengths] for kind, rest in streams.items()},
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
    def operation(torch: Any, there: Any) -> Run:
        host = torch.ones(there.shape)
        if pinned:
            host = host.pin_memory()
        return lambda: there.copy_(host, non_blocking=pinned)

    return _kernel(kind, (size,), 1.0, [(size // FLOAT_BYTES,)], operation, "empty")


def _row_sums(rows: int, columns: int = 1_000) -> Kernel:
    def operation(torch: Any, a: Any) -> Run:
        return lambda: torch.sum(a, dim=1)

    shape = (rows, columns)
    return _kernel("row sums", shape, float(rows * columns), [shape], operation, "ones", made=rows)


def _matrix_vector(side: int) -> Kernel:
    def operation(torch: Any, a: Any, x: Any) -> Run:
        return lambda: torch.mv(a, x)

    shape = (side, side)
    return _kernel("matrix-vector", shape, 2.0 * side**2, [shape, (side,)], operation, made=side)


def _transposition(side: int) -> Kernel:
    def operation(torch: Any, both: Any) -> Run:
        a, b = both
        return lambda: b.copy_(a.t())

    shape = (side, side)
    return _kernel("transposition", shape, float(side**2), [(2, *shape)], operation, "ones")


def _softmax(side: int) -> Kernel:
    def operation(torch: Any, a: Any, out: Any) -> Run:
        return lambda: torch.softmax(a, dim=1, out=out)

    shape = (side, side)
    # An exponential, and a comparison, difference, sum and product, taken for one each.
    return _kernel("softmax", shape, 5.0 * side**2, [shape, shape], operation)


def _fft(batch: int, n: int) -> Kernel:
    def operation(torch: Any, parts: Any) -> Run:
        a = torch.view_as_complex(parts)
        return lambda: torch.fft.fft(a)

    # 5 n log2 n: the count that FFT benchmarks use (Frigo & Johnson, FFTW, Proc. IEEE 93(2), 2005).
    flop = 5.0 * batch * n * math.log2(n)
    return _kernel("fft", (n, batch), flop, [(batch, n, 2)], operation, made=2 * batch * n)
