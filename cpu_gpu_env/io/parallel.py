"""Work shared out over processes."""

from __future__ import annotations

import os
import signal
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any, TypeVar

from cpu_gpu_env.errors import HybridClusterError
from cpu_gpu_env.io.machine_limits import usable_cpus

POLL_S = 0.5
"""How often a process looks whether its parent still is [s]."""

Item = TypeVar("Item")
Result = TypeVar("Result")


def run_parallel(
    function: Callable[[Item], Result],
    items: Sequence[Item],
    jobs: int = -1,
    progress: Callable[[], object] = lambda: None,
) -> list[Result]:
    """Apply a function to each item.

    The processes end with this one, however it ends: an exception here, and with it Ctrl-C, kills
    them, and if this process is killed they notice.

    Args:
        function: Of one item; what it needs and gives must be fit for another process.
        items: The items.
        jobs: Processes; -1: as `num_workers`.
        progress: Called as each item is done.

    Returns:
        What the function gave, in the order of the items.

    Raises:
        HybridClusterError: If the system kills one of the processes.
    """
    if not items:
        return []
    from joblib import Parallel, delayed
    from joblib.externals.loky.process_executor import TerminatedWorkerError

    parallel = Parallel(
        n_jobs=min(jobs, len(items)) if jobs > 0 else num_workers(jobs),
        return_as="generator",
        initializer=prepare_worker,
        initargs=(os.getpid(),),
    )
    with warnings.catch_warnings():
        # That results went unread, and that only the processes are killed where there is no pgrep.
        warnings.filterwarnings("ignore", module=r"joblib\.")
        results = []
        with ExitStack() as stack:
            with ctrl_c_held_back():
                running = parallel(delayed(function)(item) for item in items)
                stack.enter_context(closing(running))
            try:
                for result in running:
                    results.append(result)
                    progress()
            except TerminatedWorkerError:
                raise HybridClusterError(
                    "a process was killed in the midst of its work, as systems do that run out of "
                    "memory; fewer at once (--jobs 1) need less"
                ) from None
    return results


def num_workers(jobs: int = -1) -> int:
    """How many processes or threads work at once.

    Args:
        jobs: So many; -1: one a CPU that this process may use, or as many as joblib is told by
            ``LOKY_MAX_CPU_COUNT``, if fewer.
    """
    if jobs > 0:
        return jobs
    from joblib import cpu_count

    return min(usable_cpus(), int(cpu_count()))


def end_processes() -> None:
    """End the processes in the midst of their work, from another thread than the one that waits.

    What it waits for then raises HybridClusterError.
    """
    from joblib.externals.loky import get_reusable_executor

    get_reusable_executor(reuse=True).shutdown(wait=False, kill_workers=True)


def start_child(
    name: str, work: Callable[..., None], *given: Any
) -> tuple[BaseProcess, Connection[Any, Any]]:
    """Start a process that stands by, and ends with this one.

    Args:
        name: Of the process.
        work: What it does. It takes its end of the connection, the number of this process, with
            which it calls `prepare_worker` first, and what is given.
        given: What else it needs, fit for another process.

    Returns:
        The process, and our end of the connection.
    """
    # Not forked: what other threads hold locked would stay locked in the copy for ever.
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(
        target=work, args=(theirs, os.getpid(), *given), name=name, daemon=True
    )
    with ctrl_c_held_back():
        process.start()
    theirs.close()
    return process, ours


def prepare_worker(parent: int) -> None:
    """Let this process see no Ctrl-C, and end as soon as its parent has, even by a kill."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(POLL_S)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


@contextmanager
def ctrl_c_held_back() -> Iterator[None]:
    """Start processes that leave Ctrl-C, which a terminal sends to all of them, to this one.

    They inherit what is blocked, and keep it until they are prepared. Here it comes afterwards.
    """
    came: list[int] = []  # an exception in the midst of starting would leave joblib in disorder
    handled: dict[signal.Signals, Any] = {}
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM):
            if callable(signal.getsignal(number)):
                handled[number] = signal.signal(number, lambda caught, _: came.append(caught))
    try:
        with _ctrl_c_blocked():
            yield
    finally:
        for number, handler in handled.items():
            signal.signal(number, handler)
        for caught in came:
            signal.raise_signal(caught)


@contextmanager
def _ctrl_c_blocked() -> Iterator[None]:
    """Block it in this thread, where the system can."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    from multiprocessing import resource_tracker

    from joblib.externals.loky.backend import resource_tracker as loky_tracker

    # Processes of their own, after whose start some versions block nothing any more.
    resource_tracker.ensure_running()
    loky_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
