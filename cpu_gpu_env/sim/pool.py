"""The queue of one pool: each share goes to the device that is free first."""

from __future__ import annotations

from collections.abc import Iterable
from heapq import heapreplace


class DeviceQueue:
    """Devices of a pool, all idle at time 0.

    Args:
        devices: Of each device the offset of its kind in the time table, the fluid price of its
            second [objective of one task per s] and its power above idle [W], which is kept for
            who looks at the heap.
    """

    __slots__ = ("busy_s", "heap")

    def __init__(self, devices: Iterable[tuple[int, float, float]]) -> None:
        self.heap: list[tuple[float, int, int, float, float]] = [
            (0.0, index, *device) for index, device in enumerate(devices)
        ]
        """(time when free [s], device, offset, price, power): of equally free devices the first
        serves."""
        self.busy_s = [0.0] * len(self.heap)
        """Time for which each device has been given work [s]."""

    @property
    def last_finish_s(self) -> float:
        """When all work is done [s]."""
        return max(self.heap)[0]

    def serve(self, arrival_s: float, time_s: float) -> tuple[float, float, float]:
        """Give the next device a share; return start [s], finish [s] and price."""
        free_s, device, offset, price, power_w = self.heap[0]
        start_s = free_s if free_s > arrival_s else arrival_s
        finish_s = start_s + time_s
        heapreplace(self.heap, (finish_s, device, offset, price, power_w))
        self.busy_s[device] += time_s
        return start_s, finish_s, (finish_s - free_s) * price

    def sorted_free_s(self) -> list[float]:
        """When the devices are free, ascending [s]."""
        return sorted(entry[0] for entry in self.heap)

    def paid(self) -> float:
        """What all seconds so far cost: the sum of price times finish over the devices.

        Summed in order of finish, as the vector environment does, to give the same last bit.
        """
        total = 0.0
        for free_s, _, _, price, _ in sorted(self.heap):
            total += free_s * price
        return total
