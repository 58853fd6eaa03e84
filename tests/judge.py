"""An independent judge: schedules by the plainest code, one task after another.

It uses nothing of the package's cost tables, queues or simulation, only the figures of devices and
tasks. What environments, schedulers, bounds and oracles say is held against it.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from cpu_gpu_env import Cluster, Device

WIDER = {
    "fp64": ["fp64"],
    "fp32": ["fp32"],
    "tf32": ["tf32", "fp32"],
    "fp16": ["fp16", "tf32", "fp32"],
    "bf16": ["bf16", "tf32", "fp32"],
    "fp8": ["fp8", "fp16", "bf16", "tf32", "fp32"],
    "int8": ["int8", "fp16", "bf16", "tf32", "fp32"],
}
"""Of each precision the fields whose rate counts: the first that the device has."""
NAMES = ["fp32", "fp64", "tf32", "fp16", "bf16", "fp8", "int8"]
"""By code."""
Part = dict[int, tuple[float, float]]
"""Time [s] and energy above idle [J] on each device of a pool."""


@dataclass(frozen=True)
class Task:
    """What is known of a task."""

    arrival_s: float
    size_flop: float
    intensity: float
    """[FLOP/B]."""
    memory_bytes: float
    precision: str
    serial_steps: float
    moved_bytes: float
    """What crosses the link at most."""
    time_s: dict[str, float]
    """What it took, by the name or the kind of a device; empty: its size tells."""
    energy_j: dict[str, float]

    @staticmethod
    def all_of(tasks: Any) -> list[Task]:
        """Take the tasks of a table apart."""
        found = []
        for i in range(len(tasks)):
            measured = tasks.measured
            found.append(
                Task(
                    float(tasks.arrival_s[i]),
                    float(tasks.size_flop[i]),
                    float(tasks.intensity_flop_per_byte[i]),
                    float(tasks.memory_bytes[i]),
                    NAMES[int(tasks.precision[i])],
                    float(tasks.serial_steps[i]),
                    min(float(tasks.memory_bytes[i]), float(tasks.transfer_bytes[i])),
                    {}
                    if measured is None
                    else {k: float(v[i]) for k, v in measured.time_s.items()},
                    {}
                    if measured is None
                    else {k: float(v[i]) for k, v in measured.energy_j.items()},
                )
            )
        return found


@dataclass(frozen=True)
class Share:
    """What one device does of one task."""

    task: int
    device: int
    """Index in the cluster, CPUs first."""
    start_s: float
    finish_s: float
    energy_j: float
    """Above idle."""


@dataclass(frozen=True)
class Schedule:
    """A whole episode as it ran."""

    shares: tuple[tuple[Share, ...], ...]
    """Of each task: its CPU share, its GPU share, or both."""
    free_s: tuple[tuple[float, ...], ...]
    """When each device was free as each task came, and at the end."""
    wait_s: tuple[float, ...]
    """Of each task: from its arrival until its first share starts."""
    busy_s: tuple[float, ...]
    """Of each device."""
    makespan_s: float
    energy_j: float
    """Idle power included."""
    objective: float

    def on(self, device: int) -> list[Share]:
        """The shares of a device in the order of their tasks."""
        return [share for task in self.shares for share in task if share.device == device]


def phases_s(device: Device, part: float, task: Task) -> tuple[float, float, float]:
    """Launch, transfer and steps, computing, and memory traffic of a part of a task, each alone."""
    cached = 0.0
    if device.cache_bytes > 0:
        cached = 1 / (1 + (part * task.memory_bytes / device.cache_bytes) ** 3)
    byte_s = cached / device.cache_bandwidth + (1 - cached) / device.memory_bandwidth
    waiting_s = device.launch_s + part * task.moved_bytes / device.link_bandwidth
    waiting_s += device.serial_step_s * task.serial_steps
    rates = [
        device.flops if name == "fp32" else getattr(device, f"flops_{name}")
        for name in WIDER[task.precision]
    ]
    rate = next(rate for rate in rates if rate is not None)
    size = part * task.size_flop
    return waiting_s, size / rate, size / task.intensity * byte_s


def overlapped_s(device: Device, compute_s: float, traffic_s: float) -> float:
    """Computing and memory traffic at once: the sum at sharpness 1, the longer one at infinity."""
    sharpness = device.ridge_sharpness
    if math.isinf(sharpness):
        return max(compute_s, traffic_s)
    return (compute_s**sharpness + traffic_s**sharpness) ** (1 / sharpness)


def time_and_energy(device: Device, part: float, task: Task) -> tuple[float, float]:
    """Execution time [s], as exact as a float32, and energy above idle [J] of a part of a task."""
    if task.time_s:
        where = device.name if device.name in task.time_s else device.kind
        whole_s, power_w = task.time_s[where], device.active_power_w - device.idle_power_w
        if where in task.energy_j:
            power_w = max(task.energy_j[where] / whole_s - device.idle_power_w, 0.0)
        short_s: float = struct.unpack("f", struct.pack("f", part * whole_s))[0]
        return short_s, short_s * power_w
    waiting_s, compute_s, traffic_s = phases_s(device, part, task)
    working_s = overlapped_s(device, compute_s, traffic_s)
    compute_w = memory_w = device.active_power_w - device.idle_power_w
    if device.memory_power_w is not None:
        memory_w = device.memory_power_w - device.idle_power_w
    both_j = compute_s * compute_w + traffic_s * memory_w
    throttled_j = working_s * max(compute_w, memory_w)
    energy_j = waiting_s * min(compute_w, memory_w) + min(both_j, throttled_j)
    time_s: float = struct.unpack("f", struct.pack("f", waiting_s + working_s))[0]
    return time_s, energy_j * (time_s / (waiting_s + working_s))


class Judge:
    """One episode.

    Args:
        cluster: Devices.
        tasks: In order of arrival.
        gpu_fractions: One an action.
        energy_weight: w of the objective.
        reference: Makespan [s] and energy [J] of a task in the objective.
        noise: Factor on the time of each task's CPU share and GPU share.
    """

    def __init__(
        self,
        cluster: Cluster,
        tasks: Sequence[Task],
        gpu_fractions: Sequence[float],
        energy_weight: float,
        reference: tuple[float, float],
        noise: Sequence[tuple[float, float]] | None = None,
    ) -> None:
        self.devices = cluster.devices
        self.arrival_s = [task.arrival_s - tasks[0].arrival_s for task in tasks]
        self.energy_weight, self.reference = energy_weight, reference
        cpus = [i for i, device in enumerate(cluster.devices) if device.kind == "cpu"]
        gpus = [i for i, device in enumerate(cluster.devices) if device.kind == "gpu"]
        capacity_bytes = min(cluster.devices[gpu].memory_bytes for gpu in gpus)
        self.fits = [
            [f * task.memory_bytes <= capacity_bytes for f in gpu_fractions] for task in tasks
        ]
        """Of each task and action: whether its GPU share fits every GPU; else the CPU does all."""
        self.parts: list[list[list[Part]]] = []
        """Of each task and action: what each pool does, at most one part a pool."""
        for index, task in enumerate(tasks):
            factors = (1.0, 1.0) if noise is None else noise[index]
            actions = []
            for fraction, fits in zip(gpu_fractions, self.fits[index], strict=True):
                f = fraction if fits else 0.0
                split = zip((cpus, gpus), (1.0 - f, f), factors, strict=True)
                actions.append([self._part(task, *pool) for pool in split if pool[1] > 0.0])
            self.parts.append(actions)

    def _part(self, task: Task, pool: list[int], share: float, factor: float) -> Part:
        """What a share would take and draw on each device of a pool."""
        figures = {device: time_and_energy(self.devices[device], share, task) for device in pool}
        return {device: (t * factor, e * factor) for device, (t, e) in figures.items()}

    @classmethod
    def of(cls, env: Any, tasks: Any = None, index: int = 0) -> Judge:
        """Judge the current episode of an environment.

        Args:
            env: Single, or a vector environment, whose sub-environment `index` is meant.
            tasks: Its tasks, if a vector environment plays them.
            index: Of the sub-environment.
        """
        tasks = env.episode_tasks() if tasks is None else tasks
        problem, reference = env.problem, env.objective.reference
        arguments = (
            problem.cluster,
            Task.all_of(tasks),
            problem.gpu_fractions,
            env.objective.energy_weight,
            (reference.makespan_s, reference.energy_j),
        )
        quiet = cls(*arguments)
        if not env.problem.noise:
            return quiet
        return cls(*arguments, quiet.noise_of(env.instances()[index]))

    def noise_of(self, instance: Any) -> list[tuple[float, float]]:
        """Factors on the times of each task's shares, read where each pool first has a share."""
        first_gpu = [device.kind for device in self.devices].index("gpu")
        factors = []
        for task, actions in enumerate(self.parts):
            pair = []
            cpus, gpus = instance.costs.pools
            for device, time_s in ((0, cpus.time_s), (first_gpu, gpus.time_s)):
                ratios = [
                    float(time_s[0, task, action]) / part[device][0]
                    for action, parts in enumerate(actions)
                    for part in parts
                    if device in part
                ]
                pair.append(ratios[0] if ratios else 1.0)
            factors.append((pair[0], pair[1]))
        return factors

    def _place(self, free_s: list[float], task: int, action: int) -> list[Share]:
        """Serve a task, each share on the device of its pool that is free first."""
        shares = []
        for part in self.parts[task][action]:
            device = min(part, key=lambda d: (free_s[d], d))
            time_s, energy_j = part[device]
            start_s = max(free_s[device], self.arrival_s[task])
            free_s[device] = start_s + time_s
            shares.append(Share(task, device, start_s, free_s[device], energy_j))
        return shares

    def optimum_of_any_device(self) -> float:
        """The least J of all schedules that choose the device of each share, by trying them all."""
        tasks = len(self.arrival_s)
        choices = [
            [tuple(zip(parts, on, strict=True)) for parts in actions for on in product(*parts)]
            for actions in self.parts
        ]
        best = math.inf
        for placed in product(*choices):
            free_s, active_j = [0.0] * len(self.devices), 0.0
            for task in range(tasks):
                for part, device in placed[task]:
                    time_s, energy_j = part[device]
                    free_s[device] = max(free_s[device], self.arrival_s[task]) + time_s
                    active_j += energy_j
            best = min(best, self._objective(max(free_s), active_j))
        return best

    def _energy_j(self, makespan_s: float, active_j: float) -> float:
        return sum(device.idle_power_w for device in self.devices) * makespan_s + active_j

    def _objective(self, makespan_s: float, active_j: float) -> float:
        w, (reference_s, reference_j) = self.energy_weight, self.reference
        energy_j = self._energy_j(makespan_s, active_j)
        whole = (1 - w) * makespan_s / reference_s + w * energy_j / reference_j
        return whole / len(self.arrival_s)

    def play(self, actions: Sequence[int]) -> Schedule:
        """Play actions, one a task (or fewer, for the start of the episode)."""
        free_s = [0.0] * len(self.devices)
        shares, free, active_j = [], [tuple(free_s)], 0.0
        busy_s = [0.0] * len(self.devices)
        for task, action in enumerate(actions):
            shares.append(tuple(self._place(free_s, task, int(action))))
            free.append(tuple(free_s))
            for share in shares[-1]:
                active_j += share.energy_j
                busy_s[share.device] += share.finish_s - share.start_s
        makespan_s = max(free_s)
        first_s = [min(share.start_s for share in task) for task in shares]
        return Schedule(
            tuple(shares),
            tuple(free),
            tuple(s - a for s, a in zip(first_s, self.arrival_s, strict=False)),
            tuple(busy_s),
            makespan_s,
            self._energy_j(makespan_s, active_j),
            self._objective(makespan_s, active_j),
        )

    def optimum(self, known: float = math.inf) -> float:
        """The least objective over all sequences of actions, by depth-first search.

        A branch is left if the energy that the tasks left need at least, or that and the work that
        they bring to the mean device, makes it as bad as the best found.

        Args:
            known: An objective that some sequence is thought to have; returned if none is less.
        """
        best, last = known, len(self.parts)
        second, joule = self._objective(1.0, 0.0), self._objective(0.0, 1.0)
        device_second = second / len(self.devices)
        energy = self._least_to_come(joule, 0.0)
        energy_and_work = self._least_to_come(joule, device_second)

        def go_on(task: int, free_s: list[float], active_j: float) -> None:
            nonlocal best
            if task == last:
                best = min(best, self._objective(max(free_s), active_j))
                return
            busy_s = sum(max(free, self.arrival_s[task]) for free in free_s)
            to_come = max(
                second * max(free_s) + energy[task], device_second * busy_s + energy_and_work[task]
            )
            if (joule * active_j + to_come) * (1 - 1e-12) >= best:
                return
            for action in range(len(self.parts[task])):
                free = free_s.copy()
                shares = self._place(free, task, action)
                go_on(task + 1, free, active_j + sum(share.energy_j for share in shares))

        go_on(0, [0.0] * len(self.devices), 0.0)
        return best

    def _least_to_come(self, joule: float, device_second: float) -> list[float]:
        """What the tasks from each on cost at least at these prices, each wherever it is best."""
        least = [0.0]
        for actions in reversed(self.parts):
            costs = [
                sum(min(joule * e + device_second * s for s, e in part.values()) for part in parts)
                for parts in actions
            ]
            least.append(least[-1] + min(costs))
        return least[::-1]
