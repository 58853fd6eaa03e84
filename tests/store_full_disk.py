"""A store on a disk of 20 MB that fills, is freed, and fills: to be run with a mount namespace.

`unshare --mount python tests/store_full_disk.py sqlite|postgresql FOLDER`
"""

import os
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

from store_units import stored_units
from writing_process import WritingProcess, wait_for, write_all

from cpu_gpu_env.scripts.temporary_postgresql import temporary_server

BALLAST_BYTES, PIECES = 500_000, 12
"""What is freed comes in pieces smaller than a unit: attempts must not use them up."""
NO_END, FEW_ROWS = 1_000_000, 5_000


def mount(disk: Path, size: str, *options: str) -> None:
    words = ["mount", "-t", "tmpfs", "-o", ",".join([f"size={size}", *options]), "tmpfs", disk]
    subprocess.run([*map(str, words)], check=True)


def fill(process: WritingProcess) -> int:
    """Let the disk fill, and hold the process to be stuck; return what is acknowledged."""
    wait_for(lambda: process.trouble or process.process.poll() is not None)
    assert process.process.poll() is None, process.errors()
    acknowledged = process.acknowledged
    time.sleep(1.0)
    assert process.trouble
    assert process.acknowledged == acknowledged
    return acknowledged


def play(url: str, disk: Path) -> None:
    ballast = [disk / f"ballast{number}" for number in range(PIECES)]
    for piece in ballast:
        piece.write_bytes(bytes(BALLAST_BYTES))
    with WritingProcess(url, None, NO_END, FEW_ROWS) as process:
        before = fill(process)
        for piece in ballast:
            piece.unlink()
            time.sleep(1.0)
        wait_for(lambda: process.acknowledged > before)
        acknowledged = fill(process)
        process.kill()
    with WritingProcess(url, 1, NO_END, FEW_ROWS) as process:
        # Even its way into the store may need room.
        time.sleep(2.0)
        process.kill()
    mount(disk, "200m", "remount")
    stored = stored_units(url)
    assert stored >= acknowledged
    with WritingProcess(url, 1, NO_END, FEW_ROWS) as process:
        process.wait_for_more(30)
        process.kill()
    stored = stored_units(url)
    assert stored >= acknowledged + 30
    write_all(url, 1, stored + 5)
    assert stored_units(url) == stored + 5


def main(database: str, folder: Path) -> None:
    with ExitStack() as stack:
        if database == "postgresql":
            server = stack.enter_context(temporary_server())
            folder = server.folder
        disk = folder / "disk"
        disk.mkdir()
        mount(disk, "20m")
        stack.callback(subprocess.run, ["umount", "--lazy", str(disk)], check=True)
        url = f"sqlite:///{disk / 'results.sqlite'}"
        if database == "postgresql":
            os.chown(disk, folder.stat().st_uid, folder.stat().st_gid)
            server.execute(f"CREATE TABLESPACE small LOCATION '{disk}'")
            server.execute("CREATE DATABASE small TABLESPACE small")
            url = server.url("small")
        play(url, disk)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
