"""A file that one process at a time holds, for as long as it lives."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from cpu_gpu_env.io.file_lock import HeldError, hold, is_held, let_go


def test_one_holds_it_until_it_lets_go(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    assert not is_held(path)
    held = hold(path)
    assert is_held(path)
    with pytest.raises(HeldError, match=f"process {os.getpid()}"):
        hold(path)
    assert path.read_text() == f"{os.getpid()}\n"
    let_go(path, held)
    assert not path.exists()
    let_go(path, hold(path))


def test_it_ends_with_the_process_however_that_ends(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    code = (
        "import sys; from pathlib import Path; from cpu_gpu_env.io.file_lock import hold\n"
        "hold(Path(sys.argv[1])); print('held', flush=True); sys.stdin.read()"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", code, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert other.stdout is not None
    assert other.stdout.readline() == "held\n"
    assert is_held(path)
    with pytest.raises(HeldError, match=f"process {other.pid}"):
        hold(path)
    other.kill()
    other.communicate()
    assert not is_held(path)
    assert path.exists()
    let_go(path, hold(path))


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "lock").symlink_to("elsewhere")
    with pytest.raises(OSError, match="symbolic"):
        hold(tmp_path / "lock")
    assert not is_held(tmp_path / "lock")
    assert not (tmp_path / "elsewhere").exists()
