"""What a process costs, against what it is known to do."""

import os
import subprocess
import sys
import time

import psutil
import pytest

from cpu_gpu_env.runtime import process_meter
from cpu_gpu_env.runtime.process_meter import ProcessMeter

BUSY = """
import subprocess, sys, time
held = bytearray(300 * 2**20)  # filled with zeros, page by page
held[::4096] = b"x" * len(held[::4096])
child = subprocess.Popen([sys.executable, "-c", "while True: pass"])
print("ready", flush=True)
sys.stdin.read()
child.kill()
"""


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Measure each time it is asked."""
    monkeypatch.setattr(process_meter, "LEAST_S", 0.0)
    monkeypatch.setattr(process_meter, "_COST", 1e9)


@pytest.mark.usefixtures("at_once")
def test_children_count() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", BUSY], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        meter = ProcessMeter(process.pid)
        (child,) = psutil.Process(process.pid).children()
        meter.read()
        before, began = child.cpu_times().user, time.monotonic()
        time.sleep(0.6)
        found = meter.read()
        spent_s, passed_s = child.cpu_times().user - before, time.monotonic() - began
        # It sleeps, and its child is as busy as the machine lets it be.
        assert found["cpu_percent"] == pytest.approx(100 * spent_s / passed_s, abs=15)
        assert found["pid"] == process.pid
        assert 300 * 2**20 < found["rss_bytes"] < 400 * 2**20
        process.communicate()
        gone = meter.read()
        assert (gone["cpu_percent"], gone["rss_bytes"]) == (0.0, 0)


def test_it_measures_itself_from_its_beginning_and_not_too_often() -> None:
    meter, mine = ProcessMeter(), psutil.Process()
    first = meter.read()
    times = mine.cpu_times()
    average = 100 * (times.user + times.system) / (time.time() - mine.create_time())
    assert first["pid"] == os.getpid()
    assert first["cpu_percent"] >= 0.8 * average  # children come on top
    assert first["rss_bytes"] >= 0.8 * mine.memory_info().rss
    assert meter.read() is first


def test_a_process_that_is_not_there_is_told() -> None:
    with pytest.raises(psutil.NoSuchProcess):
        ProcessMeter(2**22)
