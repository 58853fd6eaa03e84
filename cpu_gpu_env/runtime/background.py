"""Learning in a process of its own, so that the stream never waits for it."""

from __future__ import annotations

import atexit
import os
import signal
import sys
import threading
import traceback
import warnings
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, NamedTuple

from cpu_gpu_env.errors import HybridClusterError, printable
from cpu_gpu_env.io.parallel import POLL_S, prepare_worker, start_child
from cpu_gpu_env.runtime.records import Experience, LearnedModel, Learner, Phase

MAX_WAITING = 64
"""Batches that may wait for the learner, unless told."""
MAX_RESTARTS = 3
"""How often a process that was killed is started anew."""
NICENESS = 10
"""By how much the process gives way to others, the stream's above all."""
STATE_WAIT_S = 10.0
"""How long `BackgroundLearner.state` waits at most, unless told [s]."""
_THREAD_SETTINGS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
_NO_PHASE = Phase({})


class _Message(NamedTuple):
    """What the two processes send each other."""

    kind: str
    """To the learner: learn, state. From it: ready, refused, learned, state, failed."""
    content: Any = None
    """An experience; a model, a state, what went wrong."""
    phase: Phase | None = None
    """Of an experience, where it is another than that of the one before: the learner then has the
    same object as long as it stays the same."""


class BackgroundLearner:
    """Runs a learner in a process of its own: one thread, and nicer than the stream.

    What goes wrong there is told, and the stream goes on with the model that it has. A process that
    is killed is started again, `MAX_RESTARTS` times, from the state of its last model. It ends with
    this one, however this one ends, and leaves Ctrl-C and SIGTERM to it.

    Args:
        make_learner: Makes the learner, there: a function of a module, or a `functools.partial` of
            one. What it needs must be fit for another process.
        state: What the learner goes on from, see `Learner.state`; None: it starts anew.
        max_waiting: Batches that may wait. When one more comes, the oldest is dropped.
        tell: Called with a line when something goes wrong, from a thread of its own.

    Raises:
        HybridClusterError: If the learner refuses the state. Only with one is its start waited for.
    """

    def __init__(
        self,
        make_learner: Callable[[], Learner],
        state: bytes | None = None,
        max_waiting: int = MAX_WAITING,
        tell: Callable[[str], None] = print,
    ) -> None:
        self._make_learner, self._tell = make_learner, tell
        self._max_waiting = max_waiting
        self._waiting: deque[Experience] = deque()
        self._dropped = self._restarts = self._answers = 0
        self._state, self._state_wanted = state, False
        self._model: LearnedModel | None = None
        self._trouble: str | None = None
        self._started = self._over = False
        self._closed = threading.Event()
        self._changed = threading.Condition()
        self._phase: Phase | None = None
        self._process, self._connection = self._start()
        atexit.register(self.close)  # the thread would start another one
        self._thread = threading.Thread(target=self._attend, name="learner", daemon=True)
        self._thread.start()
        if state is not None:
            self._await_start()

    @property
    def dropped(self) -> int:
        """Batches that came faster than it learned, and were dropped."""
        return self._dropped

    @property
    def trouble(self) -> str | None:
        """What went wrong last; None: it learns."""
        return self._trouble

    @property
    def process_id(self) -> int | None:
        """Number of the process."""
        return self._process.pid

    def offer(self, experience: Experience) -> None:
        """Let it learn from finished episodes when it comes to it; never waits."""
        with self._changed:
            if self._over:
                return
            self._waiting.append(experience)
            if len(self._waiting) > self._max_waiting:
                self._waiting.popleft()
                self._dropped += 1
            self._changed.notify_all()

    def take(self) -> LearnedModel | None:
        """Return the newest model, with the state as it was made; None: none since the last one.

        It never waits.
        """
        with self._changed:
            model, self._model = self._model, None
            return model

    def state(self, wait_s: float = STATE_WAIT_S) -> bytes | None:
        """Return what a learner can go on from.

        Args:
            wait_s: How long to wait at most, until it is done with the batch that it is learning
                from [s]; 0: not at all.

        Returns:
            The newest state; where that is not to be had in time, the one of the last model. None:
            there is none yet.
        """
        with self._changed:
            answers, self._state_wanted = self._answers, True
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._over or self._answers > answers, wait_s)
            return self._state

    def close(self) -> None:
        """End the process, in the midst of its work if need be."""
        with self._changed:
            self._over = True
            self._closed.set()
            self._changed.notify_all()
        self._kill()
        self._thread.join()
        atexit.unregister(self.close)

    def __enter__(self) -> BackgroundLearner:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _await_start(self) -> None:
        """Wait until the learner has taken up its state.

        Raises:
            HybridClusterError: If it has not.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._started or self._over)
            trouble = None if self._started else self._trouble
        if trouble is not None:
            self.close()
            raise HybridClusterError(trouble)

    def _start(self) -> tuple[BaseProcess, Connection[Any, Any]]:
        self._phase = None  # a new process has been told none
        return start_child("learner", _work, self._make_learner, self._state)

    def _kill(self) -> None:
        if self._process.is_alive():
            self._process.kill()
        self._process.join()

    def _attend(self) -> None:
        """Send what is to be learned, one batch at a time, and take what comes back."""
        while not self._over:
            try:
                self._take_in(self._connection.recv())
                while (request := self._next_request()) is not None:
                    self._connection.send(request)
                    self._take_in(self._connection.recv())
            except (EOFError, OSError):
                self._replace_process()
        with self._changed:
            self._waiting.clear()
            self._changed.notify_all()

    def _next_request(self) -> _Message | None:
        """Wait for something to do; None: it is over.

        Raises:
            EOFError: If the process is gone.
        """
        with self._changed:
            while not (self._over or self._state_wanted or self._waiting):
                self._changed.wait(POLL_S)
                if not self._process.is_alive():
                    raise EOFError
            if self._over:
                return None
            if self._state_wanted:
                self._state_wanted = False
                return _Message("state")
            experience = self._waiting.popleft()
        phase = experience.batch.phase
        told, self._phase = self._phase, phase
        batch = replace(experience.batch, phase=_NO_PHASE)
        new = None if phase is told else phase
        return _Message("learn", replace(experience, batch=batch), new)

    def _take_in(self, answer: _Message) -> None:
        complaint = None
        with self._changed:
            if answer.kind == "ready":
                self._started = True
            elif answer.kind == "refused":
                self._over, complaint = True, f"cannot learn: {answer.content}"
            elif answer.kind == "failed":
                self._answers += 1
                complaint = f"learning failed, the model stays what it is: {answer.content}"
            elif answer.kind == "state":
                self._answers += 1
                self._state = answer.content
            else:
                self._trouble = None
                if answer.content is not None:
                    self._model = answer.content
                    self._state = answer.content.state
            self._changed.notify_all()
        if complaint is not None:
            self._complain(complaint)

    def _replace_process(self) -> None:
        """Start another process for one that is gone, unless that is no use."""
        if self._closed.is_set():
            return
        self._process.join()
        code = self._process.exitcode or 0
        end = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with {code}"
        again = self._restarts < MAX_RESTARTS
        goes_on = "it is started again" if again else "the model stays what it is from now on"
        self._complain(f"the process that learns {end}; {goes_on}")
        with self._changed:
            self._answers += 1
            self._over = self._over or not again
            self._changed.notify_all()
        if self._over:
            return
        self._restarts += 1
        self._process, self._connection = self._start()
        if self._closed.is_set():
            self._kill()

    def _complain(self, line: str) -> None:
        line = printable(line)
        if line != self._trouble:
            self._trouble = line
            self._tell(line)


def _work(
    connection: Connection[Any, Any],
    parent: int,
    make_learner: Callable[[], Learner],
    state: bytes | None,
) -> None:
    """Learn from what comes, in the process of its own."""
    prepare_worker(parent)
    # A service manager sends it to all processes; what has been learned so far is still asked for.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    warnings.simplefilter("ignore")  # a live table may be on the terminal
    os.nice(NICENESS)
    os.environ.update(dict.fromkeys(_THREAD_SETTINGS, "1"))  # for what is not loaded yet
    try:
        learner = make_learner()
        if state is not None:
            learner.restore(state)
        _keep_to_one_thread()
    except Exception as error:  # whatever a learner raises
        connection.send(_Message("refused", _reason(error)))
        return
    connection.send(_Message("ready"))
    phase = _NO_PHASE
    while True:
        try:
            request: _Message = connection.recv()
        except EOFError:
            return
        try:
            if request.kind == "state":
                answer = _Message("state", learner.state())
            else:
                phase = request.phase or phase
                answer = _Message("learned", _learn(learner, request.content, phase))
        except Exception as error:  # whatever a learner raises
            answer = _Message("failed", _reason(error))
        connection.send(answer)


def _learn(learner: Learner, experience: Experience, phase: Phase) -> LearnedModel | None:
    batch = replace(experience.batch, phase=phase)
    model = learner.learn(replace(experience, batch=batch))
    return None if model is None else replace(model, state=learner.state())


def _keep_to_one_thread() -> None:
    """Of libraries that are loaded already."""
    from threadpoolctl import threadpool_limits

    threadpool_limits(1)
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)


def _reason(error: Exception) -> str:
    """What an error says in a line, and, if it is none of ours, where it was raised."""
    text = str(error).partition("\n")[0] or type(error).__name__
    if isinstance(error, HybridClusterError):
        return text
    frames = traceback.extract_tb(error.__traceback__)
    where = f"{Path(frames[-1].filename).name}, line {frames[-1].lineno}"
    return f"{type(error).__name__}: {text} ({where})"
