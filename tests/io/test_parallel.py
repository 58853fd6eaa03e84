"""Work shared out over processes: the same results in the same order, told as they come."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cpu_gpu_env import HybridClusterError
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


def is_running(pid: int) -> bool:
    """Whether there is such a process that has not ended; one nobody has asked about has, too."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def wait_for(condition: object, seconds: float = 20.0) -> bool:
    assert callable(condition)
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.05)
    return bool(condition())


SLEEPERS = """
import os, pathlib, sys, time
from cpu_gpu_env import HybridClusterError
from cpu_gpu_env.io.parallel import run_parallel

def sleep(number):
    (pathlib.Path({started}) / str(os.getpid())).touch()
    time.sleep(0.2 if number == 0 else 600)

def stop():
    if sys.argv[1] == "progress":
        raise KeyboardInterrupt

if __name__ == "__main__":
    run_parallel(sleep, range(8), 2, stop)
"""


@pytest.mark.skipif(not Path("/proc").exists(), reason="reads the states of processes from /proc")
@pytest.mark.parametrize("end", ["SIGINT", "SIGTERM", "SIGKILL", "progress"])
def test_processes_end_with_the_one_that_started_them(end: str, tmp_path: Path) -> None:
    script, started = tmp_path / "sleepers.py", tmp_path / "started"
    script.write_text(SLEEPERS.replace("{started}", repr(str(started))))
    started.mkdir()
    running = subprocess.Popen(
        [sys.executable, str(script), end], stderr=subprocess.PIPE, text=True
    )
    try:
        assert wait_for(lambda: len(list(started.iterdir())) == 2, 60)
        if end != "progress":
            running.send_signal(getattr(signal, end))
        _, error = running.communicate(timeout=20)
    finally:
        running.kill()
    workers = [int(path.name) for path in started.iterdir()]
    assert wait_for(lambda: not any(map(is_running, workers)))
    # Where it had no chance to, joblib's tracker warns of what it removes in its place.
    assert "Warning" not in error or end in ("SIGTERM", "SIGKILL")


def be_killed(number: int) -> int:
    if number == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def test_a_process_that_the_system_kills_is_told() -> None:
    with pytest.raises(HybridClusterError, match="killed"):
        run_parallel(be_killed, range(6), jobs=2)
    assert run_parallel(square, range(3), jobs=2) == [0, 1, 4]
