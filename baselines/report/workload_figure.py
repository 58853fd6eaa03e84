"""The picture of a workload on a cluster, for describe_workload.py."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from cpu_gpu_env.baselines.report.drawing import blank_figure
from cpu_gpu_env.model.cluster import device_types
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
    _histogram(top[0], pool.size_flop, placement, "size [FLOP]")
    _histogram(top[1], pool.intensity_flop_per_byte, placement, "intensity [FLOP/B]")
    _histogram(top[2], pool.memory_bytes, placement, "memory above 0 [B]")
    for device in device_types(cluster.devices)[0]:
        _mark(top[1], device.flops / device.memory_bandwidth)
    top[1].set_title("dashed: ridge of each device type", fontsize=9)
    capacity_bytes = min(gpu.memory_bytes for gpu in cluster.gpus)
    if np.isfinite(capacity_bytes):
        _mark(top[2], capacity_bytes)
        top[2].set_title("dashed: memory of the smallest GPU", fontsize=9)
    _roofline(bottom[0], problem, placement)
    _arrivals(bottom[1], problem)
    _shares(bottom[2], pool.size_flop, placement, names)
    figure.suptitle(
        f"{problem.workload.name}\n{len(pool):,} tasks on {cluster.name}, coloured by what is "
        "cheapest in the fluid optimum",
        fontsize=11,
    )
    return figure


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
        grid = np.sort(np.append(ends, device.flops / device.memory_bandwidth))
        roof = np.minimum(device.flops, grid * device.memory_bandwidth)
        axes.plot(grid, roof, color="tab:gray", linewidth=1)
        axes.annotate(device.name, (grid[-1], roof[-1]), ha="right", va="bottom", fontsize=7)
    axes.set(xscale="log", yscale="log", xlabel="intensity [FLOP/B]", ylabel="attained [FLOP/s]")
    axes.set_title("roofline; tasks with launch and transfer", fontsize=9)


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


def _shares(axes: Axes, size_flop: FloatArray, placement: IntArray, names: Sequence[str]) -> None:
    """Draw the share of tasks and of FLOP in each placement."""
    left = np.zeros(2)
    for index, name in enumerate(names):
        here = placement == index
        share = np.array([here.mean(), size_flop[here].sum() / size_flop.sum()]) * 100
        axes.barh([1, 0], share, left=left, color=COLORS[index], label=name)
        left += share
    axes.set(yticks=[1, 0], yticklabels=["tasks", "FLOP"], xlabel="share [%]", ylim=(-0.8, 2.2))
    axes.legend(loc="upper center", ncols=len(names), fontsize=8)
