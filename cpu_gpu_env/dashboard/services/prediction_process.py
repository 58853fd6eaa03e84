"""Learned schedulers are asked what they thought of a task in a process of its own."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

from cpu_gpu_env.dashboard.errors import UnavailableError
from cpu_gpu_env.dashboard.schemas.tasks import Prediction
from cpu_gpu_env.errors import HybridClusterError
from cpu_gpu_env.io.parallel import prepare_worker, start_child
from cpu_gpu_env.results.store.database import StoreError
from cpu_gpu_env.results.store.reading import StoreReader, open_reader

ANSWER_S = 60.0
"""How long an answer may take, libraries included [s]; then the process is ended."""
_Asked = tuple[int, Sequence[str], int]
"""A run, schedulers of it, and the number of a task within it."""
_Answer = dict[str, Prediction] | str
"""By scheduler; or why the store cannot be read."""


class PredictionProcess:
    """Asks learned schedulers; any thread may.

    Their libraries take seconds to load, and hundreds of megabytes. In the server itself all other
    answers would wait meanwhile.

    Args:
        store: Path or URL of the store.
    """

    def __init__(self, store: str) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._process: BaseProcess | None = None
        self._connection: Connection[Any, Any] | None = None
        self._is_closed = False

    def warm_up(self) -> None:
        """Start the process, unless it is there, and do not wait until it has loaded all."""
        if self._lock.acquire(blocking=False):  # else it answers somebody
            try:
                self._started()
            finally:
                self._lock.release()

    def predict(self, run: int, schedulers: Sequence[str], sequence: int) -> dict[str, Prediction]:
        """Tell what schedulers thought of each action for a task.

        Args:
            run: Number of the run.
            schedulers: Those of the run that have learned; none: nobody is asked.
            sequence: Number of the task within the run.

        Raises:
            UnavailableError: If the store cannot be read, or the process ends again and again.
        """
        if not schedulers:
            return {}
        with self._lock:
            try:
                answer = self._ask((run, schedulers, sequence))
            except (EOFError, OSError):  # somebody has killed it since
                answer = self._ask_another((run, schedulers, sequence))
        if isinstance(answer, str):
            raise UnavailableError(answer)
        return answer

    def close(self) -> None:
        """End the process, in the midst of its work if need be; none is started any more."""
        self._is_closed = True
        if (process := self._process) is not None:
            process.kill()  # whoever waits for an answer is told
        with self._lock:
            self._end()

    def _ask(self, asked: _Asked) -> _Answer:
        connection = self._started()
        connection.send(asked)
        if not connection.poll(ANSWER_S):
            self._end()
            raise UnavailableError(f"learned schedulers have not answered for {ANSWER_S:g} s")
        answer: _Answer = connection.recv()
        return answer

    def _ask_another(self, asked: _Asked) -> _Answer:
        self._end()
        try:
            return self._ask(asked)
        except (EOFError, OSError):
            self._end()
            raise UnavailableError("the process that asks learned schedulers has ended") from None

    def _started(self) -> Connection[Any, Any]:
        if self._is_closed:
            raise UnavailableError("the server is ending")
        if self._connection is not None and self._process is not None and self._process.is_alive():
            return self._connection
        self._end()
        self._process, self._connection = start_child("predictions", _work, self._store)
        return self._connection

    def _end(self) -> None:
        if self._connection is not None:
            self._connection.close()
        if self._process is not None:
            self._process.kill()
            self._process.join()
        self._connection = self._process = None


def _work(connection: Connection[Any, Any], parent: int, store: str) -> None:
    """Answer until the server is gone, in the process of its own."""
    prepare_worker(parent)
    import cpu_gpu_env.runtime.stored_predictions  # noqa: F401  before anybody waits for it

    while True:
        try:
            asked: _Asked = connection.recv()
        except EOFError:
            return
        connection.send(_predict_all(store, asked))


def _predict_all(store: str, asked: _Asked) -> _Answer:
    run, schedulers, sequence = asked
    try:
        with open_reader(store) as reader:
            return {name: _predict(reader, run, name, sequence) for name in schedulers}
    except HybridClusterError as error:  # a run that was deleted since, too
        return str(error)


def _predict(reader: StoreReader, run: int, scheduler: str, sequence: int) -> Prediction:
    """What a scheduler that learns thought of each action by its model, or why that is unknown."""
    from cpu_gpu_env.runtime.stored_predictions import predict_decision

    try:
        found = predict_decision(reader, run, scheduler, sequence)
    except StoreError:
        raise
    except HybridClusterError as error:
        return Prediction(
            kind="probability" if "forest" in scheduler else "q_value",
            features={},
            values=[],
            why_not=str(error),
        )
    return Prediction(
        kind=found.kind, features=dict(found.features), values=list(found.values), why_not=None
    )
