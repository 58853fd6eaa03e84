"""Kernels are timed well in spite of interference, failures and a machine that changes state."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from fake_clock import Clock, fake_kernel

from cpu_gpu_env.profiler.machine_state import PROBE, MachineState, waiting_for_cpu_s, watch_state
from cpu_gpu_env.profiler.samples import Kernel
from cpu_gpu_env.profiler.stopwatch import Stopwatch
from cpu_gpu_env.profiler.timing import Effort

torch = pytest.importorskip("torch")
CPU = torch.device("cpu")
EFFORT = Effort(kernel_s=0.0, run_s=100.0, rounds=2, limit_s=1e9, watch_s=0.0, load_s=0.0)


def test_quiet_rounds_count_and_disturbed_kernels_are_timed_again() -> None:
    clock = Clock()
    kernel = fake_kernel(clock, [3.0, 1.0, 1.02, 1.01, 1.0, 7.0])
    watch = Stopwatch(CPU, EFFORT, clock, clock)
    watch.time_all({"fake": [kernel]})
    (sample,) = watch.samples()
    # Of four, the quartiles are 1.0075 and 1.515; of five, 1 and 1.02.
    assert sample.rounds_s == pytest.approx((3.0, 1.0, 1.02, 1.01, 1.0))
    assert sample.time_s == pytest.approx(1.0)
    assert sample.disturbance == pytest.approx(0.02 / 5**0.5)


def test_time_that_is_up_ends_the_search_for_a_quiet_round() -> None:
    clock = Clock()
    watch = Stopwatch(CPU, replace(EFFORT, limit_s=50.0), clock, clock)
    watch.time_all({"fake": [fake_kernel(clock, [2.0**n for n in range(20)])]})
    (sample,) = watch.samples()
    assert 2 <= len(sample.rounds_s) < 6
    assert sample.disturbance > 0.3


def test_sizes_end_where_a_run_takes_too_long() -> None:
    clock = Clock()
    kernels = [fake_kernel(clock, [10.0**n] * 9, size=n) for n in range(9)]
    watch = Stopwatch(CPU, replace(EFFORT, run_s=50.0), clock, clock)
    watch.time_all({"fake": kernels})
    assert [sample.shape for sample in watch.samples()] == [(0,), (1,), (2,)]


@pytest.mark.parametrize("error", [RuntimeError("no such kernel\nat a place"), MemoryError()])
def test_a_kernel_that_fails_is_named_and_the_others_go_on(error: Exception) -> None:
    clock = Clock()

    def fail(device: object) -> Callable[[], None]:
        raise error

    broken = Kernel("broken", (7,), 1.0, 1.0, 1.0, fail)
    watch = Stopwatch(CPU, EFFORT, clock, clock)
    watch.time_all({"broken": [broken], "fake": [fake_kernel(clock, [1.0] * 9)]})
    assert [sample.kind for sample in watch.samples()] == ["fake"]
    assert watch.failures == {
        "broken 7": str(error).splitlines()[0] if str(error) else "out of memory"
    }


def test_steps_are_announced_as_often_as_promised() -> None:
    clock = Clock()
    kinds = {name: [fake_kernel(clock, [1.0] * 9, kind=name)] for name in ("a", "b")}
    watch = Stopwatch(CPU, EFFORT, clock, clock)
    steps: list[str] = []
    watch.time_all(kinds, steps.append)
    assert len(steps) == watch.num_steps(kinds)
    assert steps[0] == "a, round 1 of 2"


STARVED = 2
"""Number of the state in which other programs have the CPUs."""


class Machine:
    """A machine whose state, and with it the time of all that runs, follows a schedule.

    Args:
        times_s: Time of a run in each state, of the probe and of kernels.
        state_at: Which state it is in at a time.
    """

    def __init__(
        self, times_s: list[tuple[float, float]], state_at: Callable[[float], int]
    ) -> None:
        self.clock, self._times_s, self._state_at = Clock(), times_s, state_at
        self.starved_s = 0.0

    def waiting_s(self) -> float:
        """A CPU is lacking in the third state, all the time."""
        return self.starved_s

    def run_probe(self) -> None:
        self._pass(0)

    def _pass(self, what: int) -> None:
        state = self._state_at(self.clock.now)
        self.clock.now += self._times_s[state][what]
        self.starved_s += self._times_s[state][what] * (state == STARVED)

    def kernel(self, size: int = 1) -> Kernel:
        return Kernel("fake", (size,), 1.0, 1.0, 1.0, lambda device: lambda: self._pass(1))

    def watch(self, effort: Effort, wanted_s: float | None = None) -> Stopwatch:
        state = MachineState(self.run_probe, self.clock, wanted_s, self.clock, self.waiting_s)
        return Stopwatch(CPU, effort, self.clock, self.clock, state, self.clock.sleep)


IN_TWO = replace(EFFORT, limit_s=3_000.0)
"""Time for many changes of the machines below."""


def to_and_fro(now: float) -> int:
    """Two states, for 65 and for 35 s in turn."""
    return int(now % 100.0 >= 65.0)


@pytest.mark.parametrize(("usual", "other"), [((0.2, 0.7), (0.1, 0.5)), ((0.1, 0.7), (0.2, 0.5))])
def test_times_are_of_the_usual_state_even_if_a_kernel_is_quicker_in_another(
    usual: tuple[float, float], other: tuple[float, float]
) -> None:
    machine = Machine([usual, other], to_and_fro)
    watch = machine.watch(IN_TWO)
    watch.time_all({"fake": [machine.kernel(size) for size in range(9)]})
    for sample in watch.samples():
        assert sample.rounds_s == pytest.approx([0.7] * len(sample.rounds_s))
        assert len(sample.rounds_s) >= 2
        assert sample.time_s == pytest.approx(0.7)
        assert sample.disturbance == pytest.approx(0.0, abs=1e-6)
    elsewhere_s = {round(s, 6) for sample in watch.samples() for s in sample.elsewhere_s}
    assert 0.5 in elsewhere_s
    assert watch.state.probe_s == pytest.approx(usual[0])
    assert 0.5 < watch.state.share < 0.8


def test_times_are_of_the_wanted_state_though_another_is_usual() -> None:
    machine = Machine([(0.2, 0.5), (0.1, 0.7)], to_and_fro)
    watch = machine.watch(IN_TWO, wanted_s=0.105)
    watch.time_all({"fake": [machine.kernel(size) for size in range(9)]})
    assert all(sample.time_s == pytest.approx(0.7) for sample in watch.samples())
    assert watch.state.was_found


def test_a_wanted_state_that_does_not_occur_is_told() -> None:
    machine = Machine([(0.2, 0.5), (0.1, 0.7)], to_and_fro)
    watch = machine.watch(IN_TWO, wanted_s=0.05)
    watch.time_all({"fake": [machine.kernel(size) for size in range(9)]})
    assert not watch.state.was_found
    assert all(sample.time_s == pytest.approx(0.5) for sample in watch.samples())


def test_a_state_that_comes_late_and_proves_the_usual_one_counts() -> None:
    machine = Machine([(0.2, 0.5), (0.1, 0.3)], lambda now: int(now > 100.0))
    watch = machine.watch(replace(IN_TWO, watch_s=900.0))
    watch.time_all({"fake": [machine.kernel()]})
    (sample,) = watch.samples()
    assert sample.time_s == pytest.approx(0.3)


def test_a_state_that_hardly_occurs_does_not_count() -> None:
    machine = Machine([(0.2, 0.5), (0.1, 0.3)], lambda now: int(now < 10.0))
    watch = machine.watch(replace(IN_TWO, watch_s=300.0))
    watch.time_all({"fake": [machine.kernel()]})
    (sample,) = watch.samples()
    assert sample.time_s == pytest.approx(0.5)
    assert watch.state.share > 0.9


def test_a_round_in_which_the_machine_changes_does_not_count() -> None:
    machine = Machine([(0.2, 0.5), (0.1, 0.7)], lambda now: int(now > 3.0))
    watch = machine.watch(replace(EFFORT, rounds=1, limit_s=0.0))
    watch.time_all({"fake": [machine.kernel()]})
    (sample,) = watch.samples()
    assert sample.rounds_s == ()
    assert len(sample.elsewhere_s) == 1
    assert sample.time_s == sample.elsewhere_s[0]


def test_starvation_is_no_state_though_it_is_usual() -> None:
    machine = Machine(
        [(0.1, 0.3), (0.1, 0.3), (0.8, 0.8)], lambda now: 0 if now % 100.0 >= 75.0 else STARVED
    )
    watch = machine.watch(IN_TWO)
    watch.time_all({"fake": [machine.kernel(size) for size in range(5)]})
    assert watch.state.probe_s == pytest.approx(0.1)
    for sample in watch.samples():
        assert sample.time_s == pytest.approx(0.3)
    assert any(0.7 < s < 0.9 for sample in watch.samples() for s in sample.elsewhere_s)


def test_only_starved_rounds_give_their_quickest() -> None:
    machine = Machine([(0.1, 0.3)] * 2 + [(0.8, 0.8)], lambda now: STARVED)
    watch = machine.watch(replace(EFFORT, rounds=3, limit_s=100.0))
    watch.time_all({"fake": [machine.kernel()]})
    (sample,) = watch.samples()
    assert sample.rounds_s == ()
    assert sample.time_s == min(sample.elsewhere_s)


def test_a_state_counts_by_time_though_quick_probes_are_more() -> None:
    # 40 s of each 100 s at a tenth of the time: many more probes, but not most of the time.
    machine = Machine([(0.5, 0.5), (0.05, 0.05)], lambda now: int(now % 100.0 >= 60.0))
    watch = machine.watch(replace(IN_TWO, watch_s=2_000.0))
    watch.time_all({"fake": [machine.kernel()]})
    assert watch.state.probe_s == pytest.approx(0.5)
    assert watch.state.share == pytest.approx(0.6, abs=0.05)


def test_a_probe_that_fails_leaves_all_moments_alike() -> None:
    machine = Machine([(0.1, 0.3)], lambda now: 0)

    def fail_late() -> None:
        machine.run_probe()
        if machine.clock.now > 10.0:
            raise RuntimeError("device lost\nsomewhere")

    state = MachineState(fail_late, machine.clock, 0.1, machine.clock)
    watch = Stopwatch(CPU, replace(EFFORT, rounds=9), machine.clock, machine.clock, state)
    watch.time_all({"fake": [machine.kernel()]})
    (sample,) = watch.samples()
    assert len(sample.rounds_s) >= 8  # not the round in which it failed
    assert watch.missing() == {"state of the machine": "device lost"}
    assert (state.share, state.was_found, state.is_watched) == (1.0, True, False)


def test_a_kernel_that_fails_late_keeps_its_rounds() -> None:
    clock = Clock()
    left = iter([False, False, True])

    def prepare(device: object) -> Callable[[], None]:
        if next(left):
            raise RuntimeError("out of memory")
        return clock.runs_of([1.0] * 99)

    watch = Stopwatch(CPU, replace(EFFORT, rounds=4), clock, clock)
    watch.time_all({"fake": [Kernel("fake", (1,), 1.0, 1.0, 1.0, prepare)]})
    (sample,) = watch.samples()
    assert sample.rounds_s == pytest.approx((1.0, 1.0))
    assert watch.missing() == {"fake 1": "out of memory"}


@pytest.mark.skipif(
    not Path("/proc/self/schedstat").exists(), reason="needs /proc/self/schedstat of Linux"
)
def test_waiting_for_a_cpu_is_seen() -> None:
    cpu = sorted(os.sched_getaffinity(0))[0]
    with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as spinner:
        before = os.sched_getaffinity(0)
        try:
            os.sched_setaffinity(spinner.pid, {cpu})
            os.sched_setaffinity(0, {cpu})
            begin_s, waited_s = time.perf_counter(), waiting_for_cpu_s()
            while time.perf_counter() < begin_s + 0.5:
                pass
            waited_s = waiting_for_cpu_s() - waited_s
        finally:
            os.sched_setaffinity(0, before)
            spinner.kill()
    assert 0.1 < waited_s < 0.6


def test_the_longest_kernels_are_not_timed_more_often_than_it_takes() -> None:
    machine = Machine([(0.1, 20.0)], lambda now: 0)
    watch = machine.watch(replace(EFFORT, run_s=10.0, rounds=9))
    watch.time_all({"fake": [machine.kernel()]})
    (sample,) = watch.samples()
    assert len(sample.rounds_s) == 2


def test_the_probe_runs_and_its_absence_makes_all_moments_alike() -> None:
    real = watch_state(CPU, 2**40, time.perf_counter)
    assert 0.0 < real.probe() < 1.0
    assert real.probe_s is not None
    without = watch_state(CPU, PROBE.memory_bytes, Clock(), wanted_s=0.006)
    without.probe()
    assert without.probe_s is None
    assert without.counts(without.probe())
    assert (without.share, without.was_found) == (1.0, True)
