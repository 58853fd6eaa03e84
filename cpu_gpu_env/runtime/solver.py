"""The oracle beside the stream: it plans the next episodes while those before are played."""

from __future__ import annotations

import threading
import time
from dataclasses import replace

from cpu_gpu_env.baselines.oracle.cache import solve_episodes
from cpu_gpu_env.baselines.oracle.search import FULL_EFFORT, Effort
from cpu_gpu_env.io.parallel import end_processes, num_workers
from cpu_gpu_env.runtime.lanes import Arrived
from cpu_gpu_env.runtime.records import EpisodeBatch

GRACE_S = 5.0
"""How long what is being solved is waited for in the end [s]."""


class Solver:
    """Lets batches arrive, and has the oracle plan their episodes, in processes of its own.

    Args:
        effort: How hard the oracle searches; None: it is not asked, and there are no bounds.
        jobs: Processes; -1: one a core.
        any_device: Whether the bounds hold for schedules as well that choose the device of each
            share.
    """

    def __init__(
        self, effort: Effort | None = FULL_EFFORT, jobs: int = -1, any_device: bool = False
    ) -> None:
        self._effort, self._jobs, self._any_device = effort, jobs, any_device
        self._pending: Pending | None = None

    @property
    def at_once(self) -> int | None:
        """Episodes that it plans at the same time; None: any number, as it plans none."""
        if self._effort is None:
            return None
        return num_workers(self._jobs)

    def submit(self, batch: EpisodeBatch) -> Pending:
        """Begin with a batch; one at a time."""
        self._pending = Pending(self, batch)
        return self._pending

    def solve(self, batch: EpisodeBatch) -> Arrived:
        """Let a batch arrive, and plan its episodes."""
        arrived = Arrived.of(batch)
        if self._effort is None:
            return arrived
        # No folder of solved episodes: an endless stream would fill any disk.
        schedules = solve_episodes(
            arrived.instances, None, self._effort, self._jobs, any_device=self._any_device
        )
        return replace(arrived, oracle=schedules)

    def close(self) -> None:
        """End what is still being solved."""
        if self._pending is not None and not self._pending.done:
            end_processes()
            self._pending.join(GRACE_S)


class Pending:
    """A batch that is being solved, in a thread.

    Args:
        solver: What solves it.
        batch: The episodes.
    """

    def __init__(self, solver: Solver, batch: EpisodeBatch) -> None:
        self._result: Arrived | None = None
        self._error: BaseException | None = None
        self._thread = threading.Thread(
            target=self._run, args=(solver, batch), name="solver", daemon=True
        )
        self._thread.start()

    def _run(self, solver: Solver, batch: EpisodeBatch) -> None:
        try:
            self._result = solver.solve(batch)
        except BaseException as error:  # raised where it is waited for
            self._error = error

    @property
    def done(self) -> bool:
        """Whether it is solved, or has failed."""
        return not self._thread.is_alive()

    def join(self, wait_s: float) -> None:
        """Wait so long at most."""
        self._thread.join(wait_s)

    def result(self) -> Arrived:
        """Return what was solved, once it is done.

        Raises:
            Exception: What solving it has raised.
        """
        while not self.done:
            time.sleep(0.01)
        if self._error is not None:
            raise self._error
        assert self._result is not None
        return self._result
