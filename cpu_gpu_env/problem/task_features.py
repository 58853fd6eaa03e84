"""What an observation shows of a task: three numbers, each on a logarithmic scale from 0 to 1.

Of *plain* tasks (`Tasks.is_plain`) size, intensity and memory say all, and are what is shown
(`WorkFeatures`). Of others, whose precisions differ, say, or whose times were measured, the costs
are: the time of the whole task on the CPUs, that on the GPUs, and the memory (`CostFeatures`). The
workload decides which of the two it is.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import lru_cache
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from cpu_gpu_env.errors import HybridClusterError
from cpu_gpu_env.model.cluster import Cluster, Device, device_types
from cpu_gpu_env.model.costs import execution_time_s
from cpu_gpu_env.model.measured import MeasuredCosts
from cpu_gpu_env.model.tasks import FloatArray, Tasks
from cpu_gpu_env.model.workload import Range, Workload, positive_range

Features = npt.NDArray[np.float32]
Names = tuple[str, str, str]

NUM_FEATURES = 3
"""Size, intensity, memory; or time on the CPUs, time on the GPUs, memory."""


class TaskFeatures(ABC):
    """Turns tasks into what is shown of them, and back."""

    names: ClassVar[Names]
    """Of the features."""

    def __init__(self, ranges: tuple[Range, Range, Range]) -> None:
        self.ranges = ranges

    def table(self, tasks: Tasks) -> Features:
        """Features of tasks, float32 (num_tasks, 3), within [0, 1]; what lies outside is clipped.

        Raises:
            HybridClusterError: If the tasks do not tell what is to be shown.
        """
        columns = zip(self.ranges, self._columns(tasks), strict=True)
        table = np.stack([declared.scale(column) for declared, column in columns], axis=1)
        features: Features = table.astype(np.float32)
        features.setflags(write=False)
        return features

    def tasks_like(self, features: FloatArray, memory_factor: float = 1.0) -> Tasks:
        """Make tasks, all at time 0, that look like these features (n, 3), but for their memory."""
        columns = zip(self.ranges, features.T, strict=True)
        first, second, memory_bytes = (declared.unscale(column) for declared, column in columns)
        return self._tasks(first, second, memory_bytes * memory_factor)

    @abstractmethod
    def _columns(self, tasks: Tasks) -> Sequence[FloatArray]:
        """What is shown of each task, before it is scaled: three of (num_tasks,)."""

    @abstractmethod
    def _tasks(self, first: FloatArray, second: FloatArray, memory_bytes: FloatArray) -> Tasks:
        """Make the tasks of which this is shown, (n,) each."""


class WorkFeatures(TaskFeatures):
    """Size, intensity and memory, within the ranges that the workload declares."""

    names = ("size", "intensity", "memory")

    def __init__(self, workload: Workload) -> None:
        if workload.size_range is None or workload.intensity_range is None:
            raise HybridClusterError(
                f"workload {workload.name!r}: no ranges of size and intensity; allowed: both, "
                "where its tasks tell these"
            )
        super().__init__((workload.size_range, workload.intensity_range, workload.memory_range))
        # One task says what all share: which is asked for with every decision of an agent. That of
        # the largest working set, as one without tells nothing of what crosses the link.
        tasks = workload.scaled_to
        row = np.array([tasks.memory_bytes.argmax()])
        self._name, self._known = workload.name, tasks.take(row, np.zeros(1))

    def _columns(self, tasks: Tasks) -> Sequence[FloatArray]:
        if tasks.measured is not None:
            raise HybridClusterError(
                f"tasks: they have measured times, but observations of workload {self._name!r} "
                "show sizes and intensities; allowed: tasks that tell these, or an environment "
                "whose workload has measured times, too (Workload.from_tasks makes one of tasks)"
            )
        return tasks.size_flop, tasks.intensity_flop_per_byte, tasks.memory_bytes

    def _tasks(self, first: FloatArray, second: FloatArray, memory_bytes: FloatArray) -> Tasks:
        return self._known.like_these(first, second, memory_bytes)


class CostFeatures(TaskFeatures):
    """Times of the whole task on the mean CPU and the mean GPU, and its memory.

    The mean is over the devices of a pool; a task that does not fit them has the time that it would
    take. The ranges are those that the tasks of the workload span, of a part of a trace those that
    the whole trace spans.
    """

    names = ("cpu_time", "gpu_time", "memory")

    def __init__(self, cluster: Cluster, workload: Workload) -> None:
        self._pools = cluster.cpus, cluster.gpus
        cpu_s, gpu_s, _ = self._columns(workload.scaled_to)
        super().__init__((positive_range(cpu_s), positive_range(gpu_s), workload.memory_range))

    def _columns(self, tasks: Tasks) -> Sequence[FloatArray]:
        return *(_mean_time_s(pool, tasks) for pool in self._pools), tasks.memory_bytes

    def _tasks(self, first: FloatArray, second: FloatArray, memory_bytes: FloatArray) -> Tasks:
        unknown = np.full(len(first), np.nan)
        measured = MeasuredCosts({"cpu": first, "gpu": second})
        return Tasks(np.zeros(len(first)), unknown, unknown, memory_bytes, measured=measured)


def _mean_time_s(pool: Sequence[Device], tasks: Tasks) -> FloatArray:
    """Time of whole tasks on the mean device of a pool, (num_tasks,) [s]."""
    types, device_type = device_types(pool)
    times_s = [device_type.count(i) * execution_time_s(d, 1.0, tasks) for i, d in enumerate(types)]
    return np.asarray(sum(times_s) / len(pool))


@lru_cache(maxsize=8)
def task_features(cluster: Cluster, workload: Workload) -> TaskFeatures:
    """Choose what is shown of the tasks of a workload."""
    if workload.scaled_to.is_plain:
        return WorkFeatures(workload)
    return CostFeatures(cluster, workload)


@lru_cache(maxsize=8)
def pool_features(cluster: Cluster, workload: Workload) -> Features:
    """Features of the tasks of a workload's pool, (tasks, 3)."""
    return task_features(cluster, workload).table(workload.pool)
