"""A schedule: which device runs which part of which task, and when."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cpu_gpu_env.model.cluster import Cluster
from cpu_gpu_env.model.tasks import FloatArray, Tasks
from cpu_gpu_env.sim.instance import RealisedEpisode
from cpu_gpu_env.sim.pool import DeviceQueue


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
    """Arithmetic intensity of the task [FLOP/B]."""


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
        episode: Times and energies of the tasks, noise included.
        tasks: The tasks themselves.
    """

    def __init__(self, episode: RealisedEpisode, tasks: Tasks) -> None:
        self._episode = episode
        self._intensity = tasks.intensity_flop_per_byte.tolist()
        costs = episode.costs
        self._cpus, self._gpus = _idle_queue(costs.cpu_kind), _idle_queue(costs.gpu_kind)
        self._shares: list[Share] = []
        self._wait_s: list[float] = []
        self._active_energy_j = 0.0

    def place(self, action: int) -> None:
        """Place the next task."""
        episode, task = self._episode, len(self._wait_s)
        cpu_type, gpu_type = self._cpus.heap[0][2], self._gpus.heap[0][2]
        cpu_s = float(episode.cpu_time_s[cpu_type, task, action])
        gpu_s = float(episode.gpu_time_s[gpu_type, task, action])
        cpu_j = float(episode.cpu_energy_j[cpu_type, task, action])
        gpu_j = float(episode.gpu_energy_j[gpu_type, task, action])
        # What does not fit the GPUs runs on the CPU whole, whatever was chosen.
        fraction = episode.costs.gpu_fractions[action] if gpu_s >= 0.0 else 0.0
        starts_s = [
            self._serve(self._cpus, 0, cpu_s, 1.0 - fraction),
            self._serve(self._gpus, len(self._cpus.heap), gpu_s, fraction),
        ]
        self._wait_s.append(min(starts_s) - float(episode.release_s[task]))
        self._active_energy_j += cpu_j + gpu_j

    def _serve(self, queue: DeviceQueue, first_device: int, time_s: float, part: float) -> float:
        """Give the next device of a pool a share, if there is one; when that starts [s]."""
        if time_s < 0.0:  # NOT_USED
            return math.inf
        task, device = len(self._wait_s), first_device + queue.heap[0][1]
        start_s, finish_s, _ = queue.serve(float(self._episode.release_s[task]), time_s)
        # Counted back from the finish, a share is as long as its time to the last bit.
        begin_s = finish_s - time_s
        self._shares.append(Share(task, device, begin_s, finish_s, part, self._intensity[task]))
        return start_s

    def schedule(self, title: str = "") -> Schedule:
        """The schedule so far."""
        episode, placed = self._episode, len(self._wait_s)
        makespan_s = max(queue.last_finish_s for queue in (self._cpus, self._gpus))
        return Schedule(
            cluster=episode.costs.cluster,
            shares=tuple(self._shares),
            wait_s=tuple(self._wait_s),
            num_tasks=episode.num_tasks,
            clock_s=float(episode.release_s[min(placed, episode.num_tasks - 1)]),
            energy_j=episode.objective.total_energy_j(makespan_s, self._active_energy_j),
            makespan_s=makespan_s,
            title=title,
        )


def play_actions(
    episode: RealisedEpisode,
    tasks: Tasks,
    actions: Iterable[int] | npt.NDArray[np.integer],
    title: str = "",
) -> Schedule:
    """The schedule that actions make of an episode.

    Args:
        episode: Times and energies of the tasks, noise included.
        tasks: The tasks themselves.
        actions: One a task, in order; with fewer, the episode as far as they go.
        title: Heading of its pictures.
    """
    recorder = ScheduleRecorder(episode, tasks)
    for action in actions:
        recorder.place(int(action))
    return recorder.schedule(title)


def _idle_queue(device_types: Iterable[int]) -> DeviceQueue:
    """A pool whose queue tells the type of its next device; prices and powers play no part."""
    return DeviceQueue((device_type, 0.0, 0.0) for device_type in device_types)
