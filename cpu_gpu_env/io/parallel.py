"""Work shared out over processes."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def run_parallel(
    function: Callable[[Item], Result],
    items: Sequence[Item],
    jobs: int = -1,
    progress: Callable[[], object] = lambda: None,
) -> list[Result]:
    """Apply a function to each item.

    Args:
        function: Of one item; what it needs and gives must be fit for another process.
        items: The items.
        jobs: Processes; -1: one a core.
        progress: Called as each item is done.

    Returns:
        What the function gave, in the order of the items.
    """
    if not items:
        return []
    from joblib import Parallel, delayed

    parallel = Parallel(n_jobs=min(jobs, len(items)), return_as="generator")
    with _deaf_to_ctrl_c():
        running = parallel(delayed(function)(item) for item in items)
    results = []
    for result in running:
        results.append(result)
        progress()
    return results


@contextmanager
def _deaf_to_ctrl_c() -> Iterator[None]:
    """Start processes that leave Ctrl-C, which a terminal sends to all of them, to this one."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    # Processes inherit what is ignored. (They would inherit a mask, too, but loky takes it off.)
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
