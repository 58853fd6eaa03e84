"""Processes that write units into a store, watched from outside, and connections that are cut."""

import random
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from types import TracebackType

import store_units

CUTS = ("within", "before COMMIT", "after COMMIT", "reply to COMMIT")
"""Where a `CuttingProxy` cuts a connection."""


def wait_for(condition: Callable[[], object], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it does not come about"
        time.sleep(0.005)


class WritingProcess:
    """`store_units.write` in a process of its own, which does not outlive the block."""

    def __init__(
        self, url: str, run: int | None, *numbers: int, prefix: Sequence[str] = ()
    ) -> None:
        """Start it; the numbers are its last, and the prefix is a command such as strace."""
        words = [*prefix, sys.executable, store_units.__file__, url, str(run or "new")]
        words += map(str, numbers)
        self.process = subprocess.Popen(
            words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, bufsize=1
        )
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))

    def __enter__(self) -> "WritingProcess":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.kill()

    @property
    def pid(self) -> int:
        """Number of the process."""
        return self.process.pid

    def told(self, word: str) -> list[str]:
        """What follows a word in the lines that begin with it."""
        found = (line.partition(" ") for line in self.lines.copy())
        return [rest for first, _, rest in found if first == word]

    @property
    def acknowledged(self) -> int:
        """Last unit that was, of this process."""
        return int((self.told("acknowledged") or ["0"])[-1])

    @property
    def trouble(self) -> str | None:
        """What is wrong at the moment."""
        told = (self.told("trouble") or ["None"])[-1]
        return None if told == "None" else told

    def wait_until_begun(self) -> int:
        """Wait until its run is in the store, and return its number."""
        wait_for(lambda: self.told("run") or self.process.poll() is not None)
        assert self.told("run"), self.errors()
        return int(self.told("run")[0])

    def wait_for_more(self, units: int) -> None:
        """Wait until so many more are acknowledged."""
        self.wait_until_begun()
        goal = self.acknowledged + units
        wait_for(lambda: self.acknowledged >= goal or self.process.poll() is not None)
        assert self.acknowledged >= goal, self.errors()

    def wait_until_done(self, seconds: float = 120.0) -> None:
        """Wait until it has written everything."""
        assert self.process.wait(seconds) == 0, self.errors()
        self._reader.join()
        assert self.lines[-1] == "closed"

    def kill(self, number: signal.Signals = signal.SIGKILL) -> None:
        """End it, and read what it had told until then."""
        self.process.send_signal(number)
        self.process.wait()
        self._reader.join()

    def errors(self) -> str:
        """What it writes to stderr, once it has ended; empty before."""
        if self.process.poll() is None or self.process.stderr is None:
            return ""
        return "\n".join([*self.lines, self.process.stderr.read()])


def write_all(url: str, run: int | None, last: int) -> None:
    """Write up to a unit without disturbance."""
    with WritingProcess(url, run, last) as process:
        process.wait_until_done()


class CuttingProxy:
    """Passes bytes on to a server of PostgreSQL and cuts so many connections, one after another.

    Each way of `CUTS` has its turn: after a random number of bytes of the client, which are nearly
    all of a COPY; instead of passing on a COMMIT; right after it; and instead of the reply to it.
    """

    def __init__(self, port: int, cuts: int, rng: random.Random) -> None:
        self.cuts: Counter[str] = Counter()
        self._server, self._left, self._rng = ("127.0.0.1", port), cuts, rng
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):  # closed
            while True:
                client, _ = self._listener.accept()
                _Passage(self, client, socket.create_connection(self._server)).start()

    def plan(self) -> tuple[str | None, int]:
        """How to cut the next connection, and after how many bytes or commits."""
        if self.cuts.total() >= self._left:
            return None, 0
        way = CUTS[self.cuts.total() % len(CUTS)]
        if way == "within":
            return way, int(10 ** self._rng.uniform(3.5, 6.5))
        return way, self._rng.randint(1, 12)

    def abruptly(self) -> bool:
        """Whether to reset the connection rather than end it."""
        return self._rng.random() < 0.5


class _Passage:
    """One connection through a `CuttingProxy`."""

    def __init__(self, proxy: CuttingProxy, client: socket.socket, server: socket.socket) -> None:
        self._proxy, self._client, self._server = proxy, client, server
        self._way, self._left = proxy.plan()
        self._swallow = False

    def start(self) -> None:
        for target in (self._upwards, self._downwards):
            threading.Thread(target=target, daemon=True).start()

    def _upwards(self) -> None:
        with suppress(OSError):
            while data := self._client.recv(65536):
                if self._way == "within":
                    self._left -= len(data)
                    if self._left <= 0:
                        self._server.sendall(data[: self._left])
                        self._cut()
                        return
                elif self._way and b"COMMIT" in data:
                    self._left -= 1
                    if not self._left:
                        self._at_commit(data)
                        return
                self._server.sendall(data)
        self._end()

    def _at_commit(self, data: bytes) -> None:
        if self._way == "before COMMIT":
            self._server.sendall(data[: data.index(b"COMMIT") - 5])
            self._cut()
            return
        self._swallow = self._way == "reply to COMMIT"
        self._server.sendall(data)
        if not self._swallow:
            self._cut()

    def _downwards(self) -> None:
        with suppress(OSError):
            while data := self._server.recv(65536):
                if self._swallow:
                    self._cut()
                    return
                self._client.sendall(data)
        self._end()

    def _cut(self) -> None:
        assert self._way is not None
        self._proxy.cuts[self._way] += 1
        if self._proxy.abruptly():
            for end in (self._client, self._server):
                with suppress(OSError):
                    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._end()

    def _end(self) -> None:
        for end in (self._client, self._server):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
