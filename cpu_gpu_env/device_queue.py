"""The queue of one pool: each share goes to the device that is free first."""

from __future__ import annotations

from heapq import heapreplace


class DeviceQueue:
    """Devices of a pool, all idle at time 0.

    Args:
        prices: Fluid price of a second of each device [objective of one task per s].
    """

    __slots__ = ("busy_s", "heap", "prices")

    def __init__(self, prices: list[float]) -> None:
        self.prices = prices
        self.heap = [(0.0, device) for device in range(len(prices))]
        """(time when free [s], device): of equally free devices the first serves."""
        self.busy_s = [0.0] * len(prices)
        """Time for which each device has been given work [s]."""

    @property
    def last_finish_s(self) -> float:
        """When all work is done [s]."""
        return max(self.heap)[0]

    def serve(self, arrival_s: float, time_s: float) -> tuple[float, float, float]:
        """Give the next device a share; return its start [s], finish [s] and price."""
        free_s, device = self.heap[0]
        start_s = free_s if free_s > arrival_s else arrival_s
        finish_s = start_s + time_s
        heapreplace(self.heap, (finish_s, device))
        self.busy_s[device] += time_s
        return start_s, finish_s, (finish_s - free_s) * self.prices[device]

    def finish_s(self, device: int) -> float:
        """When a device finishes its work [s]."""
        return next(free_s for free_s, index in self.heap if index == device)

    def paid(self) -> float:
        """What all seconds so far cost: the sum of price times finish over the devices.

        Summed in order of finish, as the vector environment does, to give the same last bit.
        """
        total = 0.0
        for free_s, device in sorted(self.heap):
            total += free_s * self.prices[device]
        return total
