"""The queues of one pool in many environments at once; `DeviceQueue`, vectorised.

Both classes hold the time at which each device is free, as (devices, num_envs), and serve shares of
all environments in one call. Like `DeviceQueue` they price each second by which a device's finish
moves with the device's fluid price, but as a reward: negative.
"""

from __future__ import annotations

import itertools
from typing import Protocol

import numpy as np
import numpy.typing as npt

from cpu_gpu_env.model.tasks import FloatArray


class VectorQueue(Protocol):
    """The queues of one pool in many environments."""

    def clear(self, envs: npt.NDArray[np.intp] | slice) -> None:
        """Make the devices of some environments idle at time 0."""

    def next_kind(self) -> npt.NDArray[np.intp]:
        """Kind of the device that is free first, (num_envs,)."""

    def sorted_free_s(self) -> FloatArray:
        """When the devices are free, ascending, (devices, num_envs) [s]; not to be written to."""

    def last_finish_s(self) -> FloatArray:
        """When all work is done, (num_envs,) [s]; not to be written to."""

    def serve(self, arrival_s: FloatArray, time_s: FloatArray, out: FloatArray) -> None:
        """Give the next devices a share (`NOT_USED`: none) and write its reward to `out`."""

    def paid(self) -> FloatArray:
        """The rewards of all seconds so far, (num_envs,)."""


class UniformQueue:
    """Devices of one kind: they need no names, only their finish times in ascending order."""

    def __init__(self, num_devices: int, price: float, num_envs: int) -> None:
        self._price = -price
        self._free_s = [np.zeros(num_envs) for _ in range(num_devices)]
        self._spare_s = np.empty(num_envs)

    def clear(self, envs: npt.NDArray[np.intp] | slice) -> None:
        """Make the devices of some environments idle at time 0."""
        for free_s in self._free_s:
            free_s[envs] = 0.0

    def next_kind(self) -> npt.NDArray[np.intp]:
        """Kind of the device that is free first: there is only kind 0."""
        return np.zeros(len(self._spare_s), dtype=np.intp)

    def sorted_free_s(self) -> FloatArray:
        """When the devices are free, ascending, (devices, num_envs) [s]."""
        return np.stack(self._free_s)

    def last_finish_s(self) -> FloatArray:
        """When all work is done, (num_envs,) [s]."""
        return self._free_s[-1]

    def serve(self, arrival_s: FloatArray, time_s: FloatArray, out: FloatArray) -> None:
        """Give the next devices a share and write its reward to `out`."""
        finish_s, free_s = self._spare_s, self._free_s
        first = free_s[0]
        np.maximum(first, arrival_s, out=finish_s)
        np.add(finish_s, time_s, out=finish_s)
        np.maximum(finish_s, first, out=finish_s)  # undoes a share of NOT_USED
        np.subtract(finish_s, first, out=out)
        np.multiply(out, self._price, out=out)
        # Insert the new finish in place of the first, keeping the order.
        for earlier, later in itertools.pairwise(free_s):
            np.minimum(finish_s, later, out=earlier)
            np.maximum(finish_s, later, out=finish_s)
        free_s[-1], self._spare_s = finish_s, free_s[-1]

    def paid(self) -> FloatArray:
        """The rewards of all seconds so far, (num_envs,)."""
        total = np.zeros(len(self._spare_s))
        for free_s in self._free_s:
            total += free_s * self._price
        return total


class MixedQueue:
    """Devices of several kinds."""

    def __init__(self, kinds: tuple[int, ...], prices: tuple[float, ...], num_envs: int) -> None:
        self._kinds = np.array(kinds, dtype=np.intp)
        self._prices = -np.array(prices)[self._kinds]
        self._free_s = np.zeros((len(kinds), num_envs))
        self._every_env = np.arange(num_envs)

    def clear(self, envs: npt.NDArray[np.intp] | slice) -> None:
        """Make the devices of some environments idle at time 0."""
        self._free_s[:, envs] = 0.0

    def next_kind(self) -> npt.NDArray[np.intp]:
        """Kind of the device that is free first, (num_envs,)."""
        return np.asarray(self._kinds[self._free_s.argmin(axis=0)])

    def sorted_free_s(self) -> FloatArray:
        """When the devices are free, ascending, (devices, num_envs) [s]."""
        return np.sort(self._free_s, axis=0)

    def last_finish_s(self) -> FloatArray:
        """When all work is done, (num_envs,) [s]."""
        return np.asarray(self._free_s.max(axis=0))

    def serve(self, arrival_s: FloatArray, time_s: FloatArray, out: FloatArray) -> None:
        """Give the next devices a share and write its reward to `out`."""
        device = self._free_s.argmin(axis=0)
        first = self._free_s[device, self._every_env]
        finish_s = np.maximum(np.maximum(first, arrival_s) + time_s, first)
        np.multiply(finish_s - first, self._prices[device], out=out)
        self._free_s[device, self._every_env] = finish_s

    def paid(self) -> FloatArray:
        """The rewards of all seconds so far, (num_envs,)."""
        order = self._free_s.argsort(axis=0, kind="stable")
        total = np.zeros(len(self._every_env))
        for device in order:
            total += self._free_s[device, self._every_env] * self._prices[device]
        return total


def make_queue(kinds: tuple[int, ...], prices: tuple[float, ...], num_envs: int) -> VectorQueue:
    """Build the queues of a pool, given the kind of each device and the price of each kind."""
    if len(prices) == 1:
        return UniformQueue(len(kinds), prices[0], num_envs)
    return MixedQueue(kinds, prices, num_envs)
