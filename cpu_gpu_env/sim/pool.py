"""A pool of devices: who serves a share, from when to when, with what energy, at what price.

A share goes to the device that is free first (of equally free ones the first), which serves first
come, first served, without pre-emption. A pool *pays* for each second by which the finish of one of
its devices moves: that second's price. The CPU pool and the GPU pool of a cluster are two
instances. The rules stand here twice, with the same names, and give the same to the last bit:
`Pool` plays one episode in Python floats, `PoolBatch` many at once in NumPy.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from heapq import heapreplace
from typing import Any

import numpy as np

from cpu_gpu_env.model.cost_tables import PoolCosts
from cpu_gpu_env.model.tasks import FloatArray, IntArray

Served = tuple[int, float, float, float, float]
"""Device, start [s], finish [s], energy above idle [J] and price paid, of a share."""

Queue = tuple[FloatArray, IntArray]
"""When the devices are free, ascending, (n, devices) [s], and the type of the first (n,)."""
Where = IntArray | slice
"""Some episodes of a batch."""


class Pool:
    """A pool in one episode, all devices idle at time 0.

    Args:
        costs: Of the tasks that it will serve shares of.
        prices: Of a second of each device type [objective of one task per s].
    """

    __slots__ = ("_idle", "_powers", "_times", "busy_s", "costs", "heap", "prices")

    def __init__(self, costs: PoolCosts, prices: Sequence[float]) -> None:
        self.costs, self.prices = costs, prices
        # A memory view gives Python floats at half the price of indexing an array.
        self._times: Sequence[float] = memoryview(costs.time_s.reshape(-1))  # type: ignore[arg-type]
        self._powers: Sequence[float] | None = None
        if costs.power_varies:
            self._powers = memoryview(costs.power_w.reshape(-1))  # type: ignore[arg-type]
        of_type = [
            (index * costs.time_s[0].size, prices[index], power_w)
            for index, power_w in enumerate(costs.power_w[:, 0, 0].tolist())
        ]
        self._idle = [(0.0, device, *of_type[t]) for device, t in enumerate(costs.device_type)]
        self.clear()

    def clear(self) -> None:
        """Make all devices idle at time 0."""
        self.heap: list[tuple[float, int, int, float, float]] = self._idle.copy()
        """Time when free [s], device, first entry of its type in the costs, price of a second, and
        power above idle [W] where its type has one."""
        self.busy_s = [0.0] * len(self.heap)
        """Time for which each device has been given work [s]."""

    def serve(self, arrival_s: float, entry: int, noise_factor: float = 1.0) -> Served | None:
        """Give the next device its share of a task; None if the pool has none.

        Args:
            arrival_s: When the task arrives [s].
            entry: Task times number of actions plus action.
            noise_factor: On the execution time.
        """
        free_s, device, offset, price, power_w = self.heap[0]
        time_s = self._times[offset + entry] * noise_factor
        if time_s < 0.0:  # NOT_USED
            return None
        start_s = free_s if free_s > arrival_s else arrival_s
        finish_s = start_s + time_s
        heapreplace(self.heap, (finish_s, device, offset, price, power_w))
        self.busy_s[device] += time_s
        if self._powers is not None:
            power_w = self._powers[offset + entry]
        return device, start_s, finish_s, time_s * power_w, (finish_s - free_s) * price

    def next_start_s(self, arrival_s: float) -> float:
        """When the device that is free first could start a task [s]."""
        return max(self.heap[0][0], arrival_s)

    def next_type(self) -> int:
        """Type of the device that is free first."""
        return self.costs.device_type[self.heap[0][1]]

    def sorted_free_s(self) -> list[float]:
        """When the devices are free, ascending [s]."""
        return sorted([entry[0] for entry in self.heap])

    def queue(self) -> Queue:
        """The pool as one of a batch of one."""
        return np.array([self.sorted_free_s()]), np.array([self.next_type()])

    def last_finish_s(self) -> float:
        """When all work is done [s]."""
        return max(self.heap)[0]

    def paid(self) -> float:
        """What all seconds so far cost: the sum of price times finish over the devices.

        Summed in order of finish, as `PoolBatch.paid` does, to give the same last bit.
        """
        total = 0.0
        for free_s, _, _, price, _ in sorted(self.heap):
            total += free_s * price
        return total

    def __getstate__(self) -> tuple[Any, ...]:
        """Leave out the views, which cannot be copied or pickled."""
        return self.costs, self.prices, self.heap, self.busy_s

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.__init__(*state[:2])  # type: ignore[misc]
        self.heap, self.busy_s = state[2:]


class PoolBatch:
    """A pool in many episodes, all devices idle at time 0, each known by its row in `free_s`.

    Args:
        costs: Source of the device types.
        prices: Of a second of each device type [objective of one task per s]; negative ones make
            rewards of what is paid.
        num_episodes: How many there are.
    """

    def __init__(self, costs: PoolCosts, prices: Sequence[float], num_episodes: int) -> None:
        self.device_type: IntArray = np.array(costs.device_type, dtype=np.intp)
        """(devices,): type of each device."""
        self._prices = np.array(prices)[self.device_type]
        self.free_s = np.zeros((costs.num_devices, num_episodes))
        """(devices, num_episodes): when each device is free [s]."""

    def clear(self, episodes: Where) -> None:
        """Make the devices of some episodes idle at time 0."""
        self.free_s[:, episodes] = 0.0

    def take(self, episodes: IntArray) -> None:
        """Go on with these episodes, any of them any number of times."""
        self.free_s = self.free_s[:, episodes]

    def serve(self, arrival_s: FloatArray, time_s: FloatArray, out: FloatArray) -> None:
        """Give the next device of each episode a share.

        Args:
            arrival_s: When the tasks arrive, (num_episodes,) or (1,) [s].
            time_s: (num_episodes,), `NOT_USED` without a share [s].
            out: (num_episodes,), for the price paid. The energy is `share_energy_j`.
        """
        device, every = self.next_device(), np.arange(len(time_s))
        free_s = self.free_s[device, every]
        finish_s = self.finish_s(arrival_s, time_s, free_s)
        np.multiply(finish_s - free_s, self._prices[device], out=out)
        self.occupy(device, finish_s)

    def occupy(self, device: IntArray, until_s: FloatArray) -> None:
        """Give a device of each episode work until a time, each (num_episodes,) [s]."""
        self.free_s[device, np.arange(len(device))] = until_s

    def next_device(self) -> IntArray:
        """The device that is free first, (num_episodes,)."""
        return np.asarray(self.free_s.argmin(axis=0))

    def next_type(self) -> IntArray:
        """Type of the device that is free first, (num_episodes,)."""
        return np.asarray(self.device_type[self.next_device()])

    @staticmethod
    def finish_s(arrival_s: Any, time_s: FloatArray, free_s: FloatArray) -> FloatArray:
        """When devices that are free at some time would be so after a share, or none [s]."""
        return np.asarray(np.maximum(np.maximum(free_s, arrival_s) + time_s, free_s))

    def sorted_free_s(self) -> FloatArray:
        """When the devices are free, ascending, (devices, num_episodes) [s]; not to be written."""
        return np.sort(self.free_s, axis=0)

    def queue(self, copies: int = 1) -> Queue:
        """The pool in every episode, and that `copies` times over."""
        return np.tile(self.sorted_free_s().T, (copies, 1)), np.tile(self.next_type(), copies)

    def last_finish_s(self) -> FloatArray:
        """When all work is done, (num_episodes,) [s]; not to be written."""
        return np.asarray(self.free_s.max(axis=0))

    def paid(self) -> FloatArray:
        """What all seconds so far cost, (num_episodes,)."""
        every = np.arange(self.free_s.shape[1])
        total = np.zeros(len(every))
        for device in self.free_s.argsort(axis=0, kind="stable"):
            total += self.free_s[device, every] * self._prices[device]
        return total


class SortedPoolBatch(PoolBatch):
    """A pool of one device type, its devices in the order in which they are free.

    That is quicker, but which device is which is forgotten.
    """

    def __init__(self, costs: PoolCosts, prices: Sequence[float], num_episodes: int) -> None:
        (self._price,) = prices
        self._rows_s = [np.zeros(num_episodes) for _ in range(costs.num_devices)]
        self._spare_s = np.empty(num_episodes)

    @property
    def free_s(self) -> FloatArray:  # type: ignore[override]
        """(devices, num_episodes): when the devices are free, ascending [s]."""
        return np.stack(self._rows_s)

    def clear(self, episodes: Where) -> None:
        """Make the devices of some episodes idle at time 0."""
        for free_s in self._rows_s:
            free_s[episodes] = 0.0

    def take(self, episodes: IntArray) -> None:
        """Go on with these episodes, any of them any number of times."""
        self._rows_s = [free_s[episodes] for free_s in self._rows_s]
        self._spare_s = np.empty(len(episodes))

    def serve(self, arrival_s: FloatArray, time_s: FloatArray, out: FloatArray) -> None:
        """Give the next device of each episode a share; see `PoolBatch.serve`."""
        finish_s, rows_s = self._spare_s, self._rows_s
        first_s = rows_s[0]
        np.maximum(first_s, arrival_s, out=finish_s)
        np.add(finish_s, time_s, out=finish_s)
        np.maximum(finish_s, first_s, out=finish_s)  # undoes a share of NOT_USED
        np.subtract(finish_s, first_s, out=out)
        np.multiply(out, self._price, out=out)
        # Insert the new finish in place of the first, keeping the order.
        for earlier_s, later_s in itertools.pairwise(rows_s):
            np.minimum(finish_s, later_s, out=earlier_s)
            np.maximum(finish_s, later_s, out=finish_s)
        rows_s[-1], self._spare_s = finish_s, rows_s[-1]

    def next_type(self) -> IntArray:
        """Type of the device that is free first: there is only type 0."""
        return np.zeros(len(self._spare_s), dtype=np.intp)

    def sorted_free_s(self) -> FloatArray:
        """When the devices are free, ascending, (devices, num_episodes) [s]; not to be written."""
        return self.free_s

    def last_finish_s(self) -> FloatArray:
        """When all work is done, (num_episodes,) [s]; not to be written."""
        return self._rows_s[-1]

    def paid(self) -> FloatArray:
        """What all seconds so far cost, (num_episodes,)."""
        total = np.zeros(len(self._spare_s))
        for free_s in self._rows_s:
            total += free_s * self._price
        return total


def make_pool_batch(costs: PoolCosts, prices: Sequence[float], num_episodes: int) -> PoolBatch:
    """Build the quickest batch of a pool; see `PoolBatch` for the arguments."""
    batch = SortedPoolBatch if costs.num_types == 1 else PoolBatch
    return batch(costs, prices, num_episodes)
