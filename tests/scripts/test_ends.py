"""How commands end: by signals, on full disks, and where another one is at work."""

import argparse
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from cpu_gpu_env.agents.saving import load_agent
from cpu_gpu_env.io.folder_lock import LOCK
from cpu_gpu_env.scripts import (
    command,
    compare,
    make_pretrained,
    pareto,
    plot_learning,
    train,
    transfer,
    validate_profile,
)

SMALL = ["--num-tasks", "12", "--episodes", "2"]


@contextmanager
def start(*line: str, **kwargs: Any) -> Iterator[subprocess.Popen[str]]:
    """A process of Python that does not outlive the test."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, *line], **{**pipes, **kwargs}) as process:
        try:
            yield process
        finally:
            process.kill()


def wait_for(condition: Callable[[], object], seconds: float = 60.0) -> bool:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    return bool(condition())


def processes(group: int) -> set[int]:
    """Of a group, without those that have ended and nobody has asked about."""
    found = set()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, its_group, *_ = stat.read_text().rsplit(")", 1)[1].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(its_group) == group and state != "Z":
            found.add(int(stat.parent.name))
    return found


@pytest.mark.skipif(not Path("/proc").exists(), reason="reads the states of processes from /proc")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL, signal.SIGINT])
def test_nothing_is_left_of_a_comparison_that_was_bounding(
    number: signal.Signals, tmp_path: Path
) -> None:
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path / "cache")}
    many = ["--num-tasks", "3000", "--episodes", "8", "--schedulers", "myopic", "--jobs", "2"]
    line = ["-m", "cpu_gpu_env.scripts.compare", *many, "--output", str(tmp_path / "out")]
    with start(*line, env=environment, start_new_session=True) as process:
        # Two that solve, and two that look after resources.
        assert wait_for(lambda: len(processes(process.pid)) >= 4)
        time.sleep(1.0)  # a thread of joblib's may complain if it has only just been started
        process.send_signal(number)
        _, error = process.communicate(timeout=30)
        assert wait_for(lambda: not processes(process.pid), 20)
    if number == signal.SIGKILL:
        assert [path.name for path in (tmp_path / "out").iterdir()] == [LOCK]
    else:
        assert process.returncode == 130, error
        assert "Traceback" not in error
        assert error.splitlines()[-1].startswith("interrupted")
        assert not (tmp_path / "out").exists()


def test_ctrl_c_waits_until_a_library_is_loaded(tmp_path: Path) -> None:
    """The compiled parts of some abort the process if an exception comes while they start."""
    (tmp_path / "slow.py").write_text(
        "import time; print('loading', flush=True); time.sleep(1); print('loaded', flush=True)"
    )
    code = """
import argparse, time
from cpu_gpu_env.scripts import command

def load(arguments):
    import slow
    time.sleep(600)

raise SystemExit(command.run(load, argparse.Namespace()))
"""
    for number in (signal.SIGINT, signal.SIGTERM):
        with start("-c", code, cwd=tmp_path) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "loading\n"
            process.send_signal(number)
            out, error = process.communicate(timeout=30)
        assert (process.returncode, out) == (130, "loaded\n")
        assert error == "interrupted; what was finished is kept\n"


@pytest.mark.parametrize(
    ("tried", "arguments"),
    [
        (compare, [*SMALL, "--output"]),
        (pareto, [*SMALL, "--output"]),
        (transfer, [*SMALL, "--output"]),
        (train, ["--steps", "64", "--overwrite", "--output"]),
        (train, ["--agent", "random-forest", "--overwrite", "--output"]),
        (plot_learning, ["--output", "a.png", "--tensorboard"]),
        (make_pretrained, ["--output", "a", "--runs"]),
        (make_pretrained, ["--runs", "a", "--output"]),
        (validate_profile, ["--output"]),
    ],
)
def test_a_folder_that_another_command_writes_into_is_told(
    tried: Any,
    arguments: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "taken"
    code = (
        "import sys, pathlib, cpu_gpu_env.io.folder_lock as lock; "
        "exec('with lock.lock_folder(pathlib.Path(sys.argv[1])): print(), input()')"
    )
    with start("-u", "-c", code, str(folder), stdin=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        assert tried.main([*arguments, str(folder)]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith(f"error: {folder}: process {holder.pid} is writing into this folder")
        assert [path.name for path in folder.iterdir()] == [LOCK]
        holder.communicate("\n")
    assert not [path for path in tmp_path.iterdir() if path.is_dir()]


def test_of_two_trainings_started_together_one_ends_well(tmp_path: Path) -> None:
    line = ["-m", "cpu_gpu_env.scripts.train", "--num-tasks", "10", "--steps", "2000"]
    line += ["--output", str(tmp_path / "out")]
    with start(*line, "--seed", "1") as first, start(*line, "--seed", "2") as second:
        errors = [process.communicate(timeout=120)[1] for process in (first, second)]
    codes = [first.returncode, second.returncode]
    assert sorted(codes) == [0, 2]
    seed, loser = (2, errors[0]) if codes[0] else (1, errors[1])
    # On a busy machine one may have ended before the other begins.
    assert "is writing into this folder" in loser or "from an earlier training" in loser
    assert load_agent(tmp_path / "out").settings.made_by["seed"] == seed
    names = sorted(path.name.partition(".tf")[0] for path in (tmp_path / "out").iterdir())
    assert names == ["best.zip", "checkpoint.zip", "events.out", "last.zip"]


LIMITED = """
import resource, sys
from cpu_gpu_env.scripts import {command}
resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))
sys.exit({command}.main(sys.argv[1:]))
"""


@pytest.mark.parametrize(
    ("name", "arguments", "limit", "error"),
    [
        ("train", ["--num-tasks", "10"], 1_000, "cannot write output '{}'"),
        ("train", ["--num-tasks", "10", "--steps", "2000"], 100_000, "{}/best.zip: File too large"),
        ("compare", [*SMALL, "--bound", "none"], 1_000, "cannot write output '{}'"),
        (
            "compare",
            [*SMALL, "--bound", "none", "--schedulers", "myopic,greedy"],
            70_000,
            "{}/tensorboard: File too large",
        ),
        ("profile_hardware", ["--quick"], 1_000, "cannot write output '{}'"),
    ],
)
def test_a_disk_that_takes_no_more_is_told_in_a_line(
    name: str, arguments: list[str], limit: int, error: str, tmp_path: Path
) -> None:
    code, output = LIMITED.format(command=name, limit=limit), tmp_path / "out"
    with start("-c", code, *arguments, "--output", str(output)) as process:
        out, told = process.communicate(timeout=120)
    assert process.returncode == 2
    (line,) = [line for line in told.splitlines() if line.strip() and "%|" not in line]
    assert line.startswith("error: " + error.format(output))
    assert "Traceback" not in told
    if limit == 1_000:
        assert not list(tmp_path.iterdir())
    else:
        assert not list(output.glob(".*"))
    if limit == 70_000:
        assert "greedy" in out


def test_what_a_killed_command_left_half_written_goes(tmp_path: Path) -> None:
    (tmp_path / ".a.csv.0123456789abcdef").touch()
    found: list[Path] = []

    def look(arguments: argparse.Namespace) -> int:
        found.extend(tmp_path.iterdir())
        return 0

    assert command.run(look, argparse.Namespace(), lambda _: {tmp_path: ("a.csv",)}) == 0
    assert [path.name for path in found] == [LOCK]
    assert not list(tmp_path.iterdir())
