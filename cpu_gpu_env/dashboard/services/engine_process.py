"""The engine that the server owns: stream.py in a process of its own, which ends with it."""

from __future__ import annotations

import logging
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from typing import Literal

from cpu_gpu_env.dashboard.errors import ConflictError
from cpu_gpu_env.dashboard.schemas.control import StartRequest
from cpu_gpu_env.dashboard.schemas.live import LogLine, OwnEngine
from cpu_gpu_env.dashboard.services.engine_arguments import arguments_of
from cpu_gpu_env.dashboard.settings import TOKEN_VARIABLE
from cpu_gpu_env.errors import printable, without_password
from cpu_gpu_env.results.store import STORE_VARIABLE
from cpu_gpu_env.results.store.commands import is_taken
from cpu_gpu_env.runtime.stream import END_WITH_STDIN

MODULE = "cpu_gpu_env.scripts.stream"
STOP_S = 60.0
"""How long it may take to store what it has played; then it is killed [s]."""
MAX_LINES, MAX_LINE = 200, 500
"""Of what it writes: lines that are kept, and bytes of each."""
_log = logging.getLogger("uvicorn.error")
_BEGUN = re.compile(r"run ([0-9]+) has begun")


class _Lines:
    """The last lines that a process has written."""

    def __init__(self) -> None:
        self._lines: deque[LogLine] = deque(maxlen=MAX_LINES)
        self._lock = threading.Lock()

    def add(self, text: str) -> None:
        """Add one, unless it is empty."""
        if text:
            with self._lock:
                self._lines.append(LogLine(at=time.time(), text=text))

    def newest(self) -> list[LogLine]:
        """All that are kept."""
        with self._lock:
            return list(self._lines)


class EngineProcess:
    """Starts and stops the engine; any thread may ask for it.

    Args:
        store: Path or URL of the store that it writes to.
        arguments: Of stream.py, unless a request says otherwise, each option in one word; None:
            none may be started.
    """

    def __init__(self, store: str, arguments: Sequence[str] | None) -> None:
        self._store, self._arguments = store, arguments
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._lines = _Lines()
        self._command: str | None = None
        self._run: int | None = None
        self._asked_at: float | None = None

    @property
    def is_active(self) -> bool:
        """Whether it is there, from its start to its end."""
        return self._process is not None and self._process.poll() is None

    @property
    def _is_stopping(self) -> bool:
        """Whether it has been asked to end since it was started."""
        return self._asked_at is not None

    @property
    def run(self) -> int | None:
        """Number of the run that it plays; None: none, or not known yet."""
        return self._run if self.is_active else None

    def start(self, request: StartRequest | None = None) -> None:
        """Start it.

        Args:
            request: What it is to play; None: as the server was told.

        Raises:
            HybridClusterError: If an argument is not valid.
            ConflictError: If one is running, none may be started, or another process writes to the
                store.
        """
        with self._lock:
            if self._arguments is None:
                raise ConflictError(
                    "this server starts no engine: that was ruled out as it was started"
                )
            if self.is_active:
                raise ConflictError("the engine is running already; stop it first")
            words = arguments_of(self._arguments, request or StartRequest())
            if is_taken(self._store):
                raise ConflictError(
                    "another engine writes to the store, a file of SQLite; stop that one first"
                )
            self._start(words)

    def _start(self, words: Sequence[str]) -> None:
        line = [sys.executable, "-m", MODULE, *words, END_WITH_STDIN]
        shown = ["python", "-m", MODULE, *words]
        known = {name: value for name, value in os.environ.items() if name != TOKEN_VARIABLE}
        self._asked_at, self._run, self._lines = None, None, _Lines()
        self._command = without_password(printable(" ".join(shown)))
        self._process = subprocess.Popen(
            line,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            # In the list of processes everybody would see a password.
            env={**known, STORE_VARIABLE: self._store, "PYTHONUNBUFFERED": "1"},
            start_new_session=True,  # Ctrl-C goes to us alone, and we stop it
        )
        threading.Thread(target=self._read, args=(self._process, self._lines), daemon=True).start()

    def _read(self, process: subprocess.Popen[bytes], lines: _Lines) -> None:
        """In a thread: keep the last lines of an engine, until it has ended."""
        assert process.stdin is not None
        assert process.stdout is not None
        with process.stdin, process.stdout as stream:
            while line := stream.readline(MAX_LINE):
                text = without_password(printable(line.decode(errors="replace").rstrip()))
                begun = _BEGUN.match(text)
                if begun and process is self._process:
                    self._run = int(begun[1])
                lines.add(text)
            code = process.wait()
        if not self._is_stopping:
            last = lines.newest()[-1:]
            why = f": {last[0].text}" if last else ""
            _log.warning("the engine has ended with exit code %d%s", code, why)

    def stop(self) -> None:
        """Ask it to end, once it has stored everything; return at once.

        Raises:
            ConflictError: If there is none.
        """
        with self._lock:
            if not self.is_active:
                raise ConflictError("the server has no engine that is running")
            if not self._is_stopping:
                self._asked_at = time.time()
                assert self._process is not None
                self._process.terminate()
                killer = threading.Timer(STOP_S, _kill, [self._process])
                killer.daemon = True
                killer.start()

    def hurry(self) -> None:
        """If it is ending, let it end at once; called from handlers of signals."""
        if self._is_stopping and self._process is not None:
            self._process.terminate()

    def close(self) -> None:
        """Stop it if it is there, and wait until it has ended."""
        with suppress(ConflictError):
            self.stop()
        if self._process is not None:
            self._process.wait()

    def last_words(self) -> list[str]:
        """What it has written since it was asked to end: its results, and where they are."""
        since = self._asked_at
        return [line.text for line in self._lines.newest() if since and line.at >= since]

    def describe(self) -> OwnEngine:
        """Tell how it is doing."""
        process = self._process
        return OwnEngine(
            state=self._state(process),
            may_start=self._arguments is not None,
            pid=None if process is None else process.pid,
            exit_code=None if process is None else process.poll(),
            command=self._command,
            log=self._lines.newest(),
        )

    def _state(
        self, process: subprocess.Popen[bytes] | None
    ) -> Literal["none", "starting", "running", "stopping", "ended"]:
        if process is None:
            return "none"
        if process.poll() is not None:
            return "ended"
        if self._is_stopping:
            return "stopping"
        return "starting" if self._run is None else "running"


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End a process at once, with those that it has started."""
    if process.poll() is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
