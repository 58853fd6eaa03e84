"""Event files of TensorBoard: cut back to a step, and what becomes of errors in its thread."""

import subprocess
import sys
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
from torch.utils.tensorboard import SummaryWriter

from cpu_gpu_env.io.event_files import EVENT_FILES, cut_event_files


def write(folder: Path, steps: range) -> Path:
    before = set(folder.glob(EVENT_FILES))
    with SummaryWriter(str(folder)) as writer:
        for step in steps:
            writer.add_scalar("a", 2.0 * step, step)
            writer.add_text("b", str(step), step)
    (path,) = set(folder.glob(EVENT_FILES)) - before
    return path


def steps_of(path: Path) -> list[int]:
    return [event.step for event in EventFileLoader(str(path)).Load() if event.HasField("summary")]


def test_what_is_after_the_step_is_taken_out(tmp_path: Path) -> None:
    first, second = write(tmp_path, range(6)), write(tmp_path, range(4, 9))
    untouched = write(tmp_path / "below", range(9)).read_bytes()
    started = EventAccumulator(str(first)).Reload().FirstEventTimestamp()
    assert cut_event_files(tmp_path, 5) == 2 * 3
    assert steps_of(first) == [step for step in range(6) for _ in range(2)]
    assert steps_of(second) == [4, 4, 5, 5]
    kept = second.read_bytes()
    assert cut_event_files(tmp_path, 5) == 0
    assert second.read_bytes() == kept
    assert cut_event_files(tmp_path, 2) == 2 * 3 + 4
    run = EventAccumulator(str(tmp_path)).Reload()
    assert [(event.step, event.value) for event in run.Scalars("a")] == [(0, 0), (1, 2), (2, 4)]
    assert EventAccumulator(str(first)).Reload().FirstEventTimestamp() == started
    assert steps_of(second) == []
    (below,) = (tmp_path / "below").glob(EVENT_FILES)
    assert below.read_bytes() == untouched


@pytest.mark.parametrize(("damage", "left"), [("cut", 3), ("changed", 3), ("nonsense", 4)])
def test_what_is_no_longer_whole_goes(damage: str, left: int, tmp_path: Path) -> None:
    path = write(tmp_path, range(6))
    whole = path.read_bytes()
    size = len(whole)
    if damage == "cut":
        path.write_bytes(whole[:-3])
    elif damage == "changed":
        path.write_bytes(whole[: size - 40] + b"\xff" + whole[size - 39 :])
    else:
        path.write_bytes(whole + b"\xff" * 100)
    assert cut_event_files(tmp_path, 3) == left
    assert steps_of(path) == [step for step in range(4) for _ in range(2)]
    assert len(path.read_bytes()) < size


def test_an_error_of_the_thread_is_told_once_and_by_its_folder(tmp_path: Path) -> None:
    code = """
import resource, sys, threading
from pathlib import Path
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.summary.writer.event_file_writer import EventFileWriter
from cpu_gpu_env.io.event_files import writing_events

def fail():
    raise RuntimeError("of another thread")

before, folder = threading.excepthook, Path(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (3_000, 3_000))
try:
    with writing_events(folder):
        writer = EventFileWriter(str(folder))
        other = threading.Thread(target=fail)
        other.start()
        other.join()
        for step in range(1_000):
            writer.add_event(Event(wall_time=1.0, step=step))
            writer.flush()
except OSError as error:
    print(error)
assert threading.excepthook is before
"""
    ran = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert ran.stdout == f"[Errno 27] File too large: '{tmp_path}'\n"
    assert ran.stderr.count("Traceback") == 1
    assert "of another thread" in ran.stderr
