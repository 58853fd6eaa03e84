"""TensorBoard's event files: written with one error at most, and cut back to a step."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

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


def cut_event_files(folder: Path, last_step: int) -> int:
    """Take everything after a step out of the event files of a folder.

    A record that was broken off, and what follows one that is damaged, goes too.

    Args:
        folder: The folder; not those below it.
        last_step: The last step that stays.

    Returns:
        How many events there were after that step.
    """
    return sum(_cut(path, last_step) for path in folder.glob(EVENT_FILES) if path.is_file())


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
