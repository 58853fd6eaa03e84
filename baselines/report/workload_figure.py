"""The picture of a workload on a cluster, for describe_workload.py."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from cpu_gpu_env.baselines.report.drawing import blank_figure
from cpu_gpu_env.model.cluster import device_types
from cpu_gpu_env.model.costs import execution_time_s
from cpu_gpu_env.model.precision import DEFAULT_PRECISION
from cpu_gpu_env.model.tasks import FloatArray, IntArray
from cpu_gpu_env.problem.problem import Problem

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLORS = ("tab:blue", "tab:green", "tab:orange")
"""Of the placements."""

MAX_POINTS = 4_000
"""Tasks drawn on the roofline."""


def workload_figure(problem: Problem, placement: IntArray, names: Sequence[str]) -> Figure:
    """Draw distributions, arrivals and the roofline, coloured by where tasks belong.

    Args:
        problem: Cluster and workload.
        placement: Index into `names` of each task, (tasks,).
        names: Of the placements.
    """
    figure = blank_figure(7.0, 12.0)
    top, bottom = figure.subplots(2, 3)
    pool, cluster = problem.workload.pool, problem.cluster
    times_s = [execution_time_s(own[0], 1.0, pool) for own in (cluster.cpus, cluster.gpus)]
    if pool.measured is None:
        _histogram(top[0], pool.size_flop, placement, "size [FLOP]")
        _histogram(top[1], pool.intensity_flop_per_byte, placement, "intensity [FLOP/B]")
        for ridge in _ridges(problem):
            _mark(top[1], ridge)
        top[1].set_title("dashed: ridge of each device type", fontsize=9)
    else:
        for axes, own, time_s in zip(top, (cluster.cpus, cluster.gpus), times_s, strict=False):
            _histogram(axes, time_s, placement, f"time on {own[0].name} [s]")
    _histogram(top[2], pool.memory_bytes, placement, "memory above 0 [B]")
    capacity_bytes = min(gpu.memory_bytes for gpu in cluster.gpus)
    if np.isfinite(capacity_bytes):
        _mark(top[2], capacity_bytes)
        top[2].set_title("dashed: memory of the smallest GPU", fontsize=9)
    if pool.measured is None:
        _roofline(bottom[0], problem, placement)
    else:
        _times(bottom[0], problem, placement, times_s)
    _arrivals(bottom[1], problem)
    work = (pool.size_flop, "FLOP") if pool.measured is None else (times_s[0], "CPU time")
    _shares(bottom[2], *work, placement, names)
    figure.suptitle(
        f"{problem.workload.name}\n{len(pool):,} tasks on {cluster.name}, coloured by what is "
        "cheapest in the fluid optimum",
        fontsize=11,
    )
    return figure


def _ridges(problem: Problem) -> list[float]:
    """Ridges of the device types for the precisions that there are [FLOP/B]."""
    return [
        device.ridge(precision)
        for device in device_types(problem.cluster.devices)[0]
        for precision in problem.workload.pool.precisions
    ]


def _histogram(axes: Axes, values: FloatArray, placement: IntArray, label: str) -> None:
    axes.set(xlabel=label, ylabel="tasks")
    shown = values > 0
    if not shown.any():
        return
    bins = np.geomspace(values[shown].min() / 1.01, values.max() * 1.01, 50)
    groups = [values[shown & (placement == index)] for index in range(len(COLORS))]
    axes.hist(groups, bins=bins.tolist(), stacked=True, color=COLORS)
    axes.set_xscale("log")


def _mark(axes: Axes, value: float) -> None:
    axes.axvline(value, color="black", linewidth=0.8, linestyle="--")


def _roofline(axes: Axes, problem: Problem, placement: IntArray) -> None:
    """Draw each task at the rate that it attains where it belongs, below the devices' roofs."""
    pool, costs = problem.workload.pool, problem.costs
    every = slice(None, None, -(-len(pool) // MAX_POINTS))
    intensity = pool.intensity_flop_per_byte[every]
    # The time of the best action among those of its placement, on the fastest idle devices.
    cpu_s, gpu_s = (own.time_s.min(axis=0)[every] for own in costs.pools)
    served_by = np.where((cpu_s >= 0) & (gpu_s >= 0), 1, np.where(gpu_s >= 0, 2, 0))
    time_s = np.maximum(cpu_s, gpu_s)
    time_s = np.where(served_by == placement[every, None], time_s, np.inf).min(axis=1)
    rate = pool.size_flop[every] / time_s
    colors = np.array(COLORS)[placement[every]]
    axes.scatter(intensity, rate, c=colors, s=3, alpha=0.4, linewidths=0, zorder=3)
    ends = np.array([pool.intensity_flop_per_byte.min(), pool.intensity_flop_per_byte.max()])
    for device in device_types(problem.cluster.devices)[0]:
        for precision in pool.precisions:
            grid = np.sort(np.append(ends, device.ridge(precision)))
            roof = np.minimum(device.attained_flops(precision), grid * device.memory_bandwidth)
            axes.plot(grid, roof, color="tab:gray", linewidth=1)
            name = (
                device.name
                if pool.precisions == (DEFAULT_PRECISION,)
                else f"{device.name} {precision}"
            )
            axes.annotate(name, (grid[-1], roof[-1]), ha="right", va="bottom", fontsize=7)
    axes.set(xscale="log", yscale="log", xlabel="intensity [FLOP/B]", ylabel="attained [FLOP/s]")
    axes.set_title("roofline; tasks with launch and transfer", fontsize=9)


def _times(
    axes: Axes, problem: Problem, placement: IntArray, times_s: Sequence[FloatArray]
) -> None:
    """Draw the time of each task on a CPU and on a GPU, which are all that is known of it."""
    every = slice(None, None, -(-len(placement) // MAX_POINTS))
    cpu_s, gpu_s = (time_s[every] for time_s in times_s)
    colors = np.array(COLORS)[placement[every]]
    axes.scatter(cpu_s, gpu_s, c=colors, s=3, alpha=0.4, linewidths=0, zorder=3)
    ends = [min(cpu_s.min(), gpu_s.min()), max(cpu_s.max(), gpu_s.max())]
    axes.plot(ends, ends, color="tab:gray", linewidth=1)
    cpu, gpu = problem.cluster.cpus[0].name, problem.cluster.gpus[0].name
    axes.set(xscale="log", yscale="log", xlabel=f"time on {cpu} [s]", ylabel=f"time on {gpu} [s]")
    axes.set_title("measured times; on the line as long on either", fontsize=9)


def _arrivals(axes: Axes, problem: Problem) -> None:
    """Draw the arrivals over the time of a trace."""
    workload = problem.workload
    if not workload.in_order:
        axes.text(0.5, 0.5, "Poisson arrivals\nat the load asked for", ha="center", va="center")
        axes.set_axis_off()
        return
    hours = (workload.pool.arrival_s - workload.pool.arrival_s[0]) / 3_600
    axes.hist(hours, bins=100, color="tab:gray")
    axes.set(xlabel="time in the trace [h]", ylabel="arrivals")


def _shares(
    axes: Axes, work: FloatArray, unit: str, placement: IntArray, names: Sequence[str]
) -> None:
    """Draw the share of tasks and of their work in each placement."""
    left = np.zeros(2)
    for index, name in enumerate(names):
        here = placement == index
        share = np.array([here.mean(), work[here].sum() / work.sum()]) * 100
        axes.barh([1, 0], share, left=left, color=COLORS[index], label=name)
        left += share
    axes.set(yticks=[1, 0], yticklabels=["tasks", unit], xlabel="share [%]", ylim=(-0.8, 2.2))
    axes.legend(loc="upper center", ncols=len(names), fontsize=8)
