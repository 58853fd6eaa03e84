"""Kernels are counted right, and timed well in spite of interference, clocks and failures."""

from __future__ import annotations

import sys
import time

import pytest
from fake_clock import Clock

from cpu_gpu_env.profiler.kernels import (
    affordable,
    chain,
    convolution,
    elementwise,
    fitted_kernels,
    gemm,
    jacobi,
    kernels_beyond,
    perceptron,
    transfer_kernels,
    transposed_gemm,
    triad,
    unseen_kernels,
)
from cpu_gpu_env.profiler.samples import Kernel
from cpu_gpu_env.profiler.timing import FULL, best_clock, clock_tick, time_repeatedly

torch = pytest.importorskip("torch")
CPU = torch.device("cpu")


def test_the_median_counts_and_the_warm_up_does_not() -> None:
    clock = Clock()
    run = clock.runs_of([100.0, 100.0, 1.0, 2.0, 3.0, 4.0, 50.0])
    timing = time_repeatedly(run, seconds=0.0, clock=clock)
    assert timing.median_s == pytest.approx(3.0)
    assert timing.spread == pytest.approx((4.0 - 2.0) / 3.0)
    assert timing.repeats == 5


def test_timing_stops_when_its_time_is_up() -> None:
    clock = Clock()
    assert time_repeatedly(clock.runs_of([1.0] * 1000), 30.0, clock).repeats == 30


@pytest.mark.parametrize("tick", [1e-9, 1e-6, 1e-3, 15.6e-3])
def test_a_coarse_clock_still_times_short_runs(tick: float) -> None:
    clock = Clock(tick)
    assert clock_tick(clock) == pytest.approx(tick, rel=0.01, abs=2e-9)

    def run() -> None:
        clock.now += 3.7e-6

    assert time_repeatedly(run, 0.01, clock).median_s == pytest.approx(3.7e-6, rel=0.05)


@pytest.mark.skipif(sys.platform == "win32", reason="its clock of CPU time is coarse")
def test_waiting_for_the_cpu_is_not_counted_for_one_thread() -> None:
    clock = best_clock(CPU, threads=1)
    before = clock()
    time.sleep(0.2)
    assert clock() - before < 0.1
    assert best_clock(CPU, threads=2) is time.perf_counter
    assert best_clock(torch.device("cuda"), threads=1) is time.perf_counter


def test_many_kinds_of_device_share_the_time() -> None:
    assert FULL.shared_by(1) == FULL
    assert FULL.shared_by(4).rounds == FULL.rounds
    for field in ("kernel_s", "run_s", "limit_s", "watch_s", "load_s"):
        assert getattr(FULL.shared_by(4), field) == pytest.approx(getattr(FULL, field) / 4)


@pytest.mark.parametrize(
    "kernel",
    [
        gemm(30, 20, 10),
        gemm(8, 9, 10, 5),
        transposed_gemm(12, 7, 5),
        convolution(2, 3, 8, 4, 3),
        perceptron(5, 6, 7, 8),
    ],
    ids=lambda kernel: kernel.label,
)
def test_flop_are_those_that_torch_counts(kernel: Kernel) -> None:
    from torch.utils.flop_counter import FlopCounterMode

    run = kernel.prepare(CPU)
    with FlopCounterMode(display=False) as counter:
        run()
    # Zero padding spares torch's count nothing: it counts full windows, as `convolution` does.
    assert kernel.flop == counter.get_total_flops()


def bytes_held(run: object) -> int:
    """Bytes of all arrays that a function keeps, each storage once."""
    found: dict[int, int] = {}
    pending, seen = [run], set()
    while pending:
        item = pending.pop()
        if id(item) in seen:
            continue
        seen.add(id(item))
        if isinstance(item, torch.Tensor):
            found[item.untyped_storage().data_ptr()] = item.untyped_storage().nbytes()
        pending += [cell.cell_contents for cell in getattr(item, "__closure__", None) or ()]
    return sum(found.values())


@pytest.mark.parametrize(
    "kernel",
    [triad(50), chain(40, 3), gemm(30, 20, 10), gemm(4, 5, 6, 7), transposed_gemm(5, 6, 7)]
    + [jacobi(9, 2)]
    + [kernels[0] for kernels in unseen_kernels().values() if kernels[0].kind in ("copy", "axpy")],
    ids=lambda kernel: kernel.label,
)
def test_working_sets_are_the_bytes_held(kernel: Kernel) -> None:
    assert kernel.memory_bytes == bytes_held(kernel.prepare(CPU))


def test_each_pass_of_a_chain_counts_its_bytes() -> None:
    once, thrice = chain(100, 1), chain(100, 3)
    assert thrice.memory_bytes == once.memory_bytes == 800
    assert thrice.traffic_bytes == 3 * once.traffic_bytes == 2400
    assert thrice.flop == 300


@pytest.mark.parametrize(
    "kinds", [fitted_kernels(), unseen_kernels(), kernels_beyond(), transfer_kernels()]
)
def test_kernels_of_a_kind_stand_in_order_and_have_names_of_their_own(
    kinds: dict[str, list[Kernel]],
) -> None:
    labels = [kernel.label for kernels in kinds.values() for kernel in kernels]
    assert len(labels) == len(set(labels))
    for kind, kernels in kinds.items():
        assert {kernel.kind for kernel in kernels} == {kind}
        assert all(kernel.traffic_bytes >= 0.99 * kernel.memory_bytes for kernel in kernels)


def test_the_fit_sees_none_of_the_kernels_that_judge_it() -> None:
    assert not set(fitted_kernels()) & (set(unseen_kernels()) | set(kernels_beyond()))


@pytest.mark.parametrize(
    "kernels",
    [*unseen_kernels().values(), *kernels_beyond().values()],
    ids=lambda kernels: kernels[0].kind,
)
def test_every_kind_runs(kernels: list[Kernel]) -> None:
    with torch.inference_mode():
        kernels[0].prepare(CPU)()


def test_what_memory_does_not_hold_is_left_out() -> None:
    kernels = [triad(2**e) for e in (10, 20, 30)]
    assert affordable(kernels, 4 * kernels[1].memory_bytes) == kernels[:2]


def test_an_operation_gets_its_arrays() -> None:
    seen = []
    kernel = elementwise("spy", 3, 2, 1, lambda torch, a, b: lambda: seen.append((a, b)))
    kernel.prepare(CPU)()
    assert [array.tolist() for array in seen[0]] == [[1.0] * 3] * 2
