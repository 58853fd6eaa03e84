"""Schedules once more as a simulation of events: a clock, queues of shares, devices that fall idle.

It shares nothing with the package or with `Judge` but the times and energies of the latter: there
each device has a time when it is free, here there is only what happens next.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Sequence

from judge import Judge, Part, Share

FINISH, ARRIVAL = 0, 1
"""Kinds of event, in the order in which they are handled at one time."""


def simulate_events(judge: Judge, actions: Sequence[int]) -> list[Share]:
    """Play actions, one a task; return the shares in the order in which they start."""
    kinds = [device.kind for device in judge.devices]
    events = [(time_s, ARRIVAL, task) for task, time_s in enumerate(judge.arrival_s)]
    heapq.heapify(events)
    queues: dict[str, deque[tuple[int, Part]]] = {kind: deque() for kind in kinds}
    idle_since = {(0.0, device) for device in range(len(kinds))}
    started = []
    while events:
        now_s = events[0][0]
        while events and events[0][0] == now_s:
            _, kind, index = heapq.heappop(events)
            if kind == FINISH:
                idle_since.add((now_s, index))
                continue
            for part in judge.parts[index][int(actions[index])]:
                queues[kinds[min(part)]].append((index, part))
        for kind, queue in queues.items():
            # The device that has been idle longest takes the share that came first.
            waiting = sorted(pair for pair in idle_since if kinds[pair[1]] == kind)
            for since_s, device in waiting[: len(queue)]:
                idle_since.remove((since_s, device))
                task, part = queue.popleft()
                time_s, energy_j = part[device]
                started.append(Share(task, device, now_s, now_s + time_s, energy_j))
                heapq.heappush(events, (now_s + time_s, FINISH, device))
    return started
