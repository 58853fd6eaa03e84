"""The newest lines, each once and fit to be shown anywhere."""

import threading
import time

import pytest

from cpu_gpu_env.runtime.control import Control
from cpu_gpu_env.runtime.event_log import LONGEST_LINE, NEWEST_LINES, EventLog


def texts(log: EventLog) -> list[str]:
    return [text for _, text in log.newest()]


def test_lines_are_told_and_kept_with_their_time() -> None:
    told: list[str] = []
    log, before = EventLog(told.append), time.time()
    log.tell("one")
    log.note("two")
    assert told == ["one"]
    assert texts(log) == ["one", "two"]
    assert all(before <= at <= time.time() for at, _ in log.newest())


def test_only_the_newest_are_kept() -> None:
    log = EventLog(lambda line: None)
    for number in range(NEWEST_LINES + 7):
        log.note(f"line {number}")
    assert texts(log) == [f"line {number}" for number in range(7, NEWEST_LINES + 7)]


@pytest.mark.parametrize(
    ("line", "kept"),
    [
        ("of postgresql://me:secret@there/db", "of postgresql://me:***@there/db"),
        ("two\nlines \x1b[31mred", r"two\nlines \x1b[31mred"),
        ("x" * 1_000, "x" * LONGEST_LINE + "..."),
    ],
)
def test_lines_can_be_shown_anywhere(line: str, kept: str) -> None:
    log = EventLog(lambda line: None)
    log.tell(line)
    assert texts(log) == [kept]


def test_changes_are_noted_once() -> None:
    log = EventLog(lambda line: None)
    for phase, version in (("", 0), ("before", 0), ("before", 2), ("drift", 0), ("drift", 0)):
        log.note_change("phase", phase, f"phase {phase}")
        log.note_change("dqn", version, f"version {version}")
    assert texts(log) == ["phase before", "version 2", "phase drift", "version 0"]


def test_threads_may_tell_while_it_is_read() -> None:
    log = EventLog(lambda line: None)
    threads = [
        threading.Thread(target=lambda: [log.note(f"{n}") for n in range(2_000)]) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        assert len(log.newest()) <= NEWEST_LINES
    assert len(log.newest()) == NEWEST_LINES


class Asked:
    def __init__(self, name: str, value: float | None = None) -> None:
        self.name, self.value = name, value


def test_commands_are_noted_as_they_are_followed() -> None:
    asked = [Asked("speed", 2.5), Asked("pause"), Asked("resume"), Asked("speed"), Asked("stop")]
    noted: list[str] = []
    shown: list[tuple[float | None, bool]] = []
    control = Control(
        poll=lambda: [asked.pop(0)] if asked else [],
        idle=lambda: shown.append((control.speed, control.paused)),
        note=noted.append,
    )
    while not control.stopping:
        control.attend()
        time.sleep(0.01)
    # What has changed is shown at once, not when the stream next waits.
    assert {(2.5, False), (2.5, True), (None, False)} == set(shown)
    assert noted == [
        "command: speed 2.5x",
        "command: pause",
        "command: resume",
        "command: speed as fast as it goes",
        "command: stop",
    ]
