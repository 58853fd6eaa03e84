"""Folders that one process at a time writes into, with real processes that may be killed."""

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from cpu_gpu_env import HybridClusterError
from cpu_gpu_env.io.atomic_files import write_text_atomically
from cpu_gpu_env.io.folder_lock import LOCK, lock_folder

HOLD = """
import sys, time
from pathlib import Path
from cpu_gpu_env.io.folder_lock import lock_folder

with lock_folder(Path(sys.argv[1])):
    print("locked", flush=True)
    time.sleep(600)
"""
COUNT = """
import json, sys, time
from pathlib import Path
from cpu_gpu_env import HybridClusterError
from cpu_gpu_env.io.folder_lock import lock_folder

folder, inside, got = Path(sys.argv[1]), Path(sys.argv[2]), 0
end = time.monotonic() + 2
while time.monotonic() < end:
    try:
        with lock_folder(folder):
            inside.mkdir()  # fails if another process is inside
            inside.rmdir()
            got += 1
    except HybridClusterError:
        pass
print(json.dumps(got))
"""


def start(code: str, *arguments: Path) -> subprocess.Popen[str]:
    line = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_a_folder_is_that_of_one_process_until_it_is_killed(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"
    holder = start(HOLD, folder)
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "locked\n"
        for _ in range(2):
            with pytest.raises(HybridClusterError) as told, lock_folder(folder):
                pass
            message = f"{folder}: process {holder.pid} is writing into this folder; allowed: "
            assert str(told.value).startswith(message)
            assert "\n" not in str(told.value)
        holder.send_signal(signal.SIGKILL)
        holder.communicate()
        assert list(folder.iterdir()) == [folder / LOCK]
        with lock_folder(folder):
            assert (folder / LOCK).read_text() == f"{os.getpid()}\n"
        assert list(folder.iterdir()) == []
    finally:
        holder.kill()
        holder.communicate()


@pytest.mark.parametrize("content", ["", "1\n", f"{os.getppid()}\n", "nonsense" * 10])
def test_a_file_that_is_left_locks_nothing_whoever_has_its_pid_now(
    content: str, tmp_path: Path
) -> None:
    (tmp_path / LOCK).write_text(content)
    with lock_folder(tmp_path):
        assert (tmp_path / LOCK).read_text() == f"{os.getpid()}\n"
    assert not list(tmp_path.iterdir())


def test_of_many_processes_one_at_a_time_gets_in(tmp_path: Path) -> None:
    folder, inside = tmp_path / "made" / "and-removed", tmp_path / "inside"
    processes = [start(COUNT, folder, inside) for _ in range(3)]
    for process in processes:
        out, error = process.communicate(timeout=60)
        assert process.returncode == 0, error
        assert json.loads(out) > 0
    assert not list(tmp_path.rglob(LOCK))
    assert not inside.exists()


def test_a_thread_may_take_its_folder_again_and_another_may_not(tmp_path: Path) -> None:
    told: list[str] = []

    def intrude() -> None:
        try:
            with lock_folder(tmp_path):
                pass
        except HybridClusterError as error:
            told.append(str(error))

    with lock_folder(tmp_path):
        with lock_folder(tmp_path / ".." / tmp_path.name):
            pass
        thread = threading.Thread(target=intrude)
        thread.start()
        thread.join()
        assert (tmp_path / LOCK).exists()
    assert f"process {os.getpid()} is writing" in told[0]
    intrude()
    assert len(told) == 1


def test_what_killed_writers_left_is_removed_and_nothing_else(tmp_path: Path) -> None:
    code = (
        "import os, signal, sys; os.replace = lambda *_: os.kill(os.getpid(), signal.SIGKILL); "
        "from cpu_gpu_env.io.atomic_files import write_text_atomically; "
        "write_text_atomically(sys.argv[1], 'half')"
    )
    for name in ("a.txt", "b.txt"):
        start(code, tmp_path / name).communicate()
    mine = {"a.txt", ".a.txt.mine", ".a.txt.0123456789abcde", ".axtxt.0123456789abcdef"}
    for name in mine:
        (tmp_path / name).touch()
    left = {path.name for path in tmp_path.iterdir()} - mine
    assert {name[:7] for name in left} == {".a.txt.", ".b.txt."}
    with lock_folder(tmp_path, ("a.txt",)):
        write_text_atomically(tmp_path / "a.txt", "whole")
    left = {path.name for path in tmp_path.iterdir()} - mine
    assert [name[:7] for name in left] == [".b.txt."]


def test_a_folder_that_cannot_be_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"), lock_folder(tmp_path / "file" / "below"):
        pass
    with lock_folder(tmp_path):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
