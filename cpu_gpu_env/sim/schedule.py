"""A schedule: which device runs which part of which task, and when."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cpu_gpu_env.model.cluster import Cluster
from cpu_gpu_env.model.precision import DEFAULT_PRECISION, PRECISIONS
from cpu_gpu_env.model.tasks import FloatArray, Tasks
from cpu_gpu_env.sim.instance import Instance
from cpu_gpu_env.sim.pool import Pool


@dataclass(frozen=True)
class Share:
    """The part of a task that one device runs."""

    task: int
    """Index of the task in the episode."""
    device: int
    """Index into `Cluster.devices`, CPUs first."""
    start_s: float
    """When the device begins it [s]."""
    finish_s: float
    """When the device is done with it [s]."""
    fraction: float
    """Part of the task's work, in (0, 1]."""
    intensity: float
    """Arithmetic intensity of the task [FLOP/B]; nan where only its time is known."""
    precision: str = DEFAULT_PRECISION
    """Number format of the task."""


@dataclass(frozen=True)
class Schedule:
    """An episode as far as its tasks are placed."""

    cluster: Cluster
    """The devices."""
    shares: Sequence[Share]
    """In order of placement; the two shares of a task follow each other."""
    wait_s: Sequence[float]
    """Of each task placed so far: from its arrival to the start of its first share [s]."""
    num_tasks: int
    """Tasks in the episode."""
    clock_s: float
    """Arrival of the task to place, after the last one that of the last [s]."""
    energy_j: float
    """Energy so far [J]."""
    makespan_s: float
    """First arrival to last finish so far [s]."""
    title: str = ""
    """Heading of its pictures; the cluster's name if empty."""

    @property
    def tasks_placed(self) -> int:
        """Tasks decided so far."""
        return len(self.wait_s)

    def pool_utilisation(self, bin_s: float) -> FloatArray:
        """Share of each stretch of time for which the devices of a pool are busy, (2, bins).

        Args:
            bin_s: Length of a stretch [s]; the first begins with the first arrival, at 0, and the
                last ends with the makespan or after it.

        Returns:
            Row 0: the CPUs; row 1: the GPUs.
        """
        num_bins = max(int(np.ceil(self.makespan_s / bin_s)), 1)
        edges_s = np.arange(num_bins + 1) * bin_s
        busy_s = np.zeros((2, num_bins))
        num_cpus = len(self.cluster.cpus)
        for share in self.shares:
            covered_s = np.diff(np.clip(edges_s, share.start_s, share.finish_s))
            busy_s[int(share.device >= num_cpus)] += covered_s
        devices = np.array([[num_cpus], [len(self.cluster.gpus)]])
        return busy_s / (devices * bin_s)


class ScheduleRecorder:
    """Places the tasks of an episode one by one and keeps what becomes of them.

    Args:
        cluster: The devices.
        instance: Releases and costs of the tasks, noise included.
        tasks: The tasks themselves.
    """

    def __init__(self, cluster: Cluster, instance: Instance, tasks: Tasks) -> None:
        self._cluster, self._instance = cluster, instance
        self._intensity = tasks.intensity_flop_per_byte.tolist()
        self._precision = [PRECISIONS[code] for code in tasks.precision.tolist()]
        self._release_s = instance.release_s.tolist()
        self._pools = [
            Pool(costs, prices)
            for costs, prices in zip(instance.costs.pools, instance.objective.prices, strict=True)
        ]
        self._shares: list[Share] = []
        self._wait_s: list[float] = []
        self._active_energy_j = 0.0

    def place(self, action: int) -> None:
        """Place the next task."""
        instance, task = self._instance, len(self._wait_s)
        release_s, entry = self._release_s[task], task * instance.num_actions + action
        on_cpu, on_gpu = (pool.serve(release_s, entry) for pool in self._pools)
        # What does not fit the GPUs runs on the CPU whole, whatever was chosen.
        fraction = instance.costs.gpu_fractions[action] if on_gpu else 0.0
        num_cpus, starts_s, energy_j = len(self._cluster.cpus), [], 0.0
        for served, first, part in ((on_cpu, 0, 1.0 - fraction), (on_gpu, num_cpus, fraction)):
            if served is not None:
                device, start_s, finish_s, share_j, _ = served
                starts_s.append(start_s)
                energy_j += share_j
                where = task, first + device, start_s, finish_s
                what = self._intensity[task], self._precision[task]
                self._shares.append(Share(*where, part, *what))
        self._wait_s.append(min(starts_s) - release_s)
        self._active_energy_j += energy_j

    def schedule(self, title: str = "") -> Schedule:
        """The schedule so far."""
        instance, placed = self._instance, len(self._wait_s)
        makespan_s = max(pool.last_finish_s() for pool in self._pools)
        return Schedule(
            cluster=self._cluster,
            shares=tuple(self._shares),
            wait_s=tuple(self._wait_s),
            num_tasks=instance.num_tasks,
            clock_s=self._release_s[min(placed, instance.num_tasks - 1)],
            energy_j=instance.objective.total_energy_j(makespan_s, self._active_energy_j),
            makespan_s=makespan_s,
            title=title,
        )


def play_actions(
    cluster: Cluster,
    instance: Instance,
    tasks: Tasks,
    actions: Iterable[int] | npt.NDArray[np.integer],
    title: str = "",
) -> Schedule:
    """The schedule that actions make of an episode.

    Args:
        cluster: The devices.
        instance: Releases and costs of the tasks, noise included.
        tasks: The tasks themselves.
        actions: One a task, in order; with fewer, the episode as far as they go.
        title: Heading of its pictures.
    """
    recorder = ScheduleRecorder(cluster, instance, tasks)
    for action in actions:
        recorder.place(int(action))
    return recorder.schedule(title)
