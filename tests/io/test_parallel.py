"""Work shared out over processes: the same results in the same order, told as they come."""

import os
import signal
import time

import pytest

from cpu_gpu_env.io.parallel import run_parallel


def square(number: int) -> int:
    time.sleep(0.02 * (3 - number % 4))  # the first are not the quickest
    return number * number


def who_and_whether_deaf(number: int) -> tuple[int, bool]:
    return os.getpid(), signal.getsignal(signal.SIGINT) is signal.SIG_IGN


def refuse(number: int) -> int:
    raise ValueError(f"no {number}")


@pytest.mark.parametrize("jobs", [1, 2, -1])
def test_results_come_in_the_order_of_the_items(jobs: int) -> None:
    done: list[int] = []
    found = run_parallel(square, range(7), jobs, lambda: done.append(1))
    assert found == [0, 1, 4, 9, 16, 25, 36]
    assert len(done) == 7
    assert run_parallel(square, [], jobs) == []


def test_ctrl_c_is_left_to_the_process_that_waits() -> None:
    before = signal.getsignal(signal.SIGINT)
    found = run_parallel(who_and_whether_deaf, range(4), jobs=2)
    assert signal.getsignal(signal.SIGINT) is before
    assert all(pid != os.getpid() and deaf for pid, deaf in found)


def test_an_error_is_that_of_the_function() -> None:
    # Of several at once, any may be the first to fail.
    for jobs, first in ((1, "no 0"), (2, "no [012]")):
        with pytest.raises(ValueError, match=first):
            run_parallel(refuse, range(3), jobs)
