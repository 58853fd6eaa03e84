"""TensorBoard's event files: written with one error at most, and cut back to a step."""

from __future__ import annotations

import io
import os
import socket
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cpu_gpu_env.io.atomic_files import write_bytes_atomically

EVENT_FILES = "events.out.tfevents.*"
"""Pattern of their names."""


@contextmanager
def writing_events(folder: Path) -> Iterator[None]:
    """Leave the errors of writing event files, such as a full disk, to the caller alone.

    TensorBoard writes in a thread, and raises what goes wrong there in the caller, too: without
    this, Python prints a traceback for the thread besides.

    Args:
        folder: Folder of the event files, which the errors then name.

    Raises:
        OSError: If a file cannot be written.
    """
    before = threading.excepthook

    def leave_to_caller(raised: threading.ExceptHookArgs) -> None:
        if not type(raised.thread).__module__.startswith("tensorboard."):
            before(raised)

    threading.excepthook = leave_to_caller
    try:
        yield
    except OSError as error:
        if error.errno is not None and error.filename is None:
            error.filename = str(folder)
        raise
    finally:
        threading.excepthook = before


class EventFile:
    """An event file that grows: what is added is there at once, and whole or not at all.

    Unlike TensorBoard's own writer it has no thread, and goes on after an error.

    Args:
        folder: Where it is made, together with the folder if need be.
        suffix: Ends its name.
        first_step: Tells a TensorBoard that is running to forget what it has read of this step and
            later ones; None: nothing.

    Raises:
        OSError: If it cannot be made.
    """

    def __init__(self, folder: Path, suffix: str = "", first_step: int | None = None) -> None:
        from tensorboard.compat.proto.event_pb2 import SessionLog

        folder.mkdir(parents=True, exist_ok=True)
        name = EVENT_FILES.replace("*", f"{int(time.time()):010d}.{socket.gethostname()}")
        self.path = folder / f"{name}.{os.getpid()}.{time.monotonic_ns()}{suffix}"
        self._file = self.path.open("xb", buffering=0)
        now = time.time()
        self._append([{"wall_time": now, "file_version": "brain.Event:2"}])
        if first_step is not None:
            start = SessionLog(status=SessionLog.START)
            self._append([{"wall_time": now, "step": first_step, "session_log": start}])

    def add_scalars(self, points: Mapping[int, Mapping[str, float]]) -> None:
        """Add values by tag, one event a step.

        Raises:
            OSError: If that is not possible; the file is then as it was before.
        """
        from tensorboard.compat.proto.summary_pb2 import Summary

        now = time.time()
        self._append(
            {
                "wall_time": now,
                "step": step,
                "summary": Summary(
                    value=[Summary.Value(tag=tag, simple_value=v) for tag, v in values.items()]
                ),
            }
            for step, values in points.items()
        )

    def add_summary(self, summary: Any, step: int) -> None:
        """Add a summary as TensorBoard has it, such as a text.

        Raises:
            OSError: If that is not possible; the file is then as it was before.
        """
        self._append([{"wall_time": time.time(), "step": step, "summary": summary}])

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _append(self, events: Iterable[Mapping[str, Any]]) -> None:
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.summary.writer.record_writer import RecordWriter

        content = io.BytesIO()
        writer = RecordWriter(content)
        for fields in events:
            writer.write(Event(**fields).SerializeToString())
        end, left = self._file.tell(), content.getbuffer()
        try:
            while left:  # a disk that has become full takes a part
                left = left[self._file.write(left) :]
        except BaseException as error:
            os.ftruncate(self._file.fileno(), end)
            self._file.seek(end)
            if isinstance(error, OSError):
                error.filename = str(self.path)
            raise


def cut_event_files(folder: Path, last_step: int, suffix: str = "") -> int:
    """Take everything after a step out of the event files of a folder.

    A record that was broken off, and what follows one that is damaged, goes too.

    Args:
        folder: The folder; not those below it.
        last_step: The last step that stays.
        suffix: Ends the names of the files to cut; empty: all of them.

    Returns:
        How many events there were after that step.
    """
    paths = folder.glob(EVENT_FILES + suffix)
    return sum(_cut(path, last_step) for path in paths if path.is_file())


def _cut(path: Path, last_step: int) -> int:
    from tensorboard.summary.writer.record_writer import RecordWriter

    content, cut = io.BytesIO(), 0
    writer = RecordWriter(content)
    for record, step in _read(path):
        if step <= last_step:
            writer.write(record)
        else:
            cut += 1
    if content.tell() < path.stat().st_size:
        write_bytes_atomically(path, content.getvalue())
    return cut


def _read(path: Path) -> Iterator[tuple[bytes, int]]:
    """Events as they are in the file, with their steps, up to the first that is not whole."""
    from tensorboard.backend.event_processing.event_file_loader import RawEventFileLoader
    from tensorboard.compat.proto.event_pb2 import Event

    try:
        for record in RawEventFileLoader(str(path)).Load():
            yield record, Event.FromString(record).step
    except Exception:  # damaged bytes raise whatever the parser likes
        return
