"""`dashboard.py` and `stream.py` as processes of their own, which do not outlive the block."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import psutil

Found = TypeVar("Found")


def wait_for(find: Callable[[], Found], what: str, seconds: float = 180.0) -> Found:
    """Call something until what it returns is true."""
    deadline = time.monotonic() + seconds
    while True:
        found = find()
        if found:
            return found
        assert time.monotonic() < deadline, f"{what}: it does not come about"
        time.sleep(0.02)


def module(name: str) -> tuple[str, ...]:
    """What runs a command, by the name of its module in cpu_gpu_env.scripts."""
    return sys.executable, "-u", "-m", f"cpu_gpu_env.scripts.{name}"


class CommandProcess:
    """A command of this package; what it writes is in `lines`.

    Args:
        program: What begins the command line, as `module` gives it.
        arguments: The rest of it.
        environment: All of it; None: as it is here.
    """

    def __init__(
        self,
        program: Sequence[object],
        *arguments: object,
        environment: dict[str, str] | None = None,
    ) -> None:
        self.process = subprocess.Popen(
            [*map(str, program), *map(str, arguments)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            env=environment,
        )
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))

    def __enter__(self) -> CommandProcess:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def end(self, number: signal.Signals = signal.SIGTERM, seconds: float = 30.0) -> int:
        """Ask it to end and wait, kill it where it does not; return its exit code."""
        started = self._started()
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()
        finally:
            for process in started:
                with suppress(psutil.NoSuchProcess):
                    process.kill()
            self._reader.join()

    def kill(self) -> None:
        """End it and what it has started without a word, as an outage would."""
        started = self._started()
        self.process.kill()
        for process in started:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        self.process.wait()
        self._reader.join()

    def _started(self) -> list[psutil.Process]:
        try:
            return psutil.Process(self.process.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            return []

    def find(self, pattern: str, seconds: float = 180.0) -> str:
        """Wait for a line with a pattern, and return its first group."""

        def look() -> list[str]:
            if self.process.poll() is not None:
                self._reader.join(1.0)
            found = re.findall(pattern, "\n".join(self.lines), re.MULTILINE)
            assert found or self.process.poll() is None, "\n".join(self.lines)
            return found

        return wait_for(look, f"{pattern} in {self.lines}", seconds)[0]


class Dashboard(CommandProcess):
    """`dashboard.py`, once it answers; `url` is its address."""

    def __init__(
        self,
        store: str | Path | None,
        *arguments: object,
        port: int = 0,
        token: str | None = None,
        program: Sequence[object] = module("dashboard"),
        environment: dict[str, str] | None = None,
    ) -> None:
        environment = {**os.environ} if environment is None else environment
        if token is not None:
            environment["HYBRIDCLUSTER_TOKEN"] = token
        named = () if store is None else ("--store", store)
        line = (*named, "--port", port, *arguments)
        super().__init__(program, *line, environment=environment)
        self.token = token
        try:
            self.url = self.find(r"(http://[\w.:\[\]-]+:\d+)")
            wait_for(self._answers, f"an answer of {self.url}")
        except BaseException:
            self.end()
            raise

    @property
    def port(self) -> int:
        """TCP."""
        return int(self.url.rpartition(":")[2])

    def _answers(self) -> bool:
        try:
            return self.get("/healthz", raw=True) is not None
        except (urllib.error.URLError, OSError):
            return False

    def get(self, path: str, raw: bool = False) -> Any:
        """What it answers to GET."""
        return self.ask(path, raw=raw)

    def post(self, path: str, **body: Any) -> Any:
        """What it answers to POST."""
        return self.ask(path, json.dumps(body).encode())

    def ask(self, path: str, body: bytes | None = None, raw: bool = False) -> Any:
        """What it answers to POST with a body, to GET without."""
        headers = {"Content-Type": "application/json"} if body is not None else {}
        if self.token is not None:
            headers["Authorization"] = f"Bearer {self.token}"
        request = urllib.request.Request(self.url + path, body, headers)
        with urllib.request.urlopen(request, timeout=30) as answer:
            content = answer.read()
        return content if raw else json.loads(content)
