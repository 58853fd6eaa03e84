"""Describe a workload on a cluster: distributions, load, roofline, and where its tasks belong."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if __name__ == "__main__":  # Ctrl-C during the imports below
    signal.signal(signal.SIGINT, lambda *_: os._exit(130))

import numpy as np
import numpy.typing as npt

from cpu_gpu_env.model.cluster import Device, distinct
from cpu_gpu_env.model.costs import CostTables, build_cost_tables
from cpu_gpu_env.model.profile import DEFAULT_CLUSTER
from cpu_gpu_env.model.tasks import FloatArray
from cpu_gpu_env.model.workload import DEFAULT_WORKLOAD
from cpu_gpu_env.problem.problem import Problem, make_problem
from cpu_gpu_env.scripts.command import check_output, entry_point, make_parser
from cpu_gpu_env.scripts.terminal import new_table, print_tables

if TYPE_CHECKING:
    from rich.table import Table

QUANTILES = {"min": 0.0, "5 %": 0.05, "median": 0.5, "95 %": 0.95, "max": 1.0}
PLACEMENTS = ("CPU only", "split", "GPU only")


def parse_arguments(argv: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = make_parser(
        "describe-workload",
        "Print and draw the distributions of a workload, its load, where its tasks lie on the\n"
        "roofline of a cluster, and which share is better on CPU, on GPU, or split.",
        "'azure-llm:PATH?part=0-0.7' --cluster a100-node",
    )
    parser.add_argument(
        "workload",
        nargs="?",
        default=DEFAULT_WORKLOAD,
        help="name of a workload, or a trace such as 'azure-llm:PATH?part=0-0.7'",
    )
    parser.add_argument(
        "--cluster",
        default=DEFAULT_CLUSTER,
        help="shipped profile, path of a profile, or devices such as 'epyc-7763:2 + a100-80gb:4'",
    )
    parser.add_argument("--energy-weight", type=float, default=0.5, help="weight of energy, 0 to 1")
    parser.add_argument(
        "--output", type=Path, default=Path("runs/workload.png"), help="picture to write"
    )
    return parser.parse_args(argv)


def execute(arguments: argparse.Namespace) -> int:
    """Print the tables and write the picture."""
    from cpu_gpu_env.baselines.report.workload_figure import draw

    check_output(arguments.output, "file")
    problem = make_problem(
        arguments.cluster, arguments.workload, 1, arguments.energy_weight, load=None
    )
    alone = TimesAlone.of(problem)
    placements = {
        "fastest when nothing else runs": fastest_placement(problem.costs),
        "cheapest in the fluid optimum": fluid_placement(problem),
    }
    workload = problem.workload
    print(f"{workload.name}: {len(workload.pool):,} tasks")
    for note in workload.notes:
        print(f"  - {note}")
    print_tables(
        distribution_table(problem, alone),
        load_table(problem),
        roofline_table(problem),
        placement_table(problem, placements),
    )
    draw(problem, placements["cheapest in the fluid optimum"], PLACEMENTS, arguments.output)
    print(f"written: {arguments.output}")
    return 0


@dataclass(frozen=True, eq=False)
class TimesAlone:
    """Time of each whole task on the first CPU and on the first GPU, (tasks,)."""

    cpu_s: FloatArray
    """On the CPU [s]."""
    gpu_s: FloatArray
    """On the GPU [s]; NaN where the working set does not fit."""

    @staticmethod
    def of(problem: Problem) -> TimesAlone:
        """Look at a problem's workload, whatever GPU fractions it has."""
        costs = build_cost_tables(problem.cluster, problem.workload.pool, (0.0, 1.0))
        gpu_s = np.where(costs.num_feasible == 2, costs.gpu_time_s[0, :, 1], np.nan)
        return TimesAlone(costs.cpu_time_s[0, :, 0], gpu_s)


def fastest_placement(costs: CostTables) -> npt.NDArray[np.intp]:
    """Index into `PLACEMENTS` of the fraction that ends first on idle devices, (tasks,)."""
    time_s = np.maximum(costs.cpu_time_s.min(axis=0), costs.gpu_time_s.min(axis=0))
    return _placement(costs, time_s)


def fluid_placement(problem: Problem) -> npt.NDArray[np.intp]:
    """Index into `PLACEMENTS` of the fraction that is cheapest at the fluid prices, (tasks,).

    The prices (`cpu_gpu_env.problem.objective.Objective`) count what a second of a device and a
    joule cost when all devices are wanted, so this is where a task belongs under load.
    """
    costs, objective = problem.costs, problem.objective
    prices = objective.cpu_prices, objective.gpu_prices
    return _placement(costs, costs.cheapest(*prices, objective.energy_price))


def _placement(costs: CostTables, score: FloatArray) -> npt.NDArray[np.intp]:
    """Which pools the action of least score (tasks, actions) uses, as an index (tasks,)."""
    best = score.argmin(axis=1)
    tasks = np.arange(len(best))
    uses_cpu = costs.cpu_time_s[0, tasks, best] >= 0
    uses_gpu = costs.gpu_time_s[0, tasks, best] >= 0
    return np.asarray(np.where(uses_cpu & uses_gpu, 1, np.where(uses_gpu, 2, 0)), dtype=np.intp)


def distribution_table(problem: Problem, alone: TimesAlone) -> Table:
    """Lay out the quantiles of what tasks bring and of the time that they take."""
    workload = problem.workload
    pool = workload.pool
    rows = {
        "size [TFLOP]": pool.size_flop / 1e12,
        "intensity [FLOP/B]": pool.intensity_flop_per_byte,
        "memory [GB]": pool.memory_bytes / 1e9,
        f"time on {problem.cluster.cpus[0].name} [s]": alone.cpu_s,
        f"time on {problem.cluster.gpus[0].name} [s]": alone.gpu_s,
        "CPU time / GPU time": alone.cpu_s / alone.gpu_s,
    }
    if workload.in_order and len(pool) > 1:
        rows["arrival gap [s]"] = np.diff(pool.arrival_s)
    table = _make_table("distributions", "", *QUANTILES, "mean")
    for name, values in rows.items():
        known = values[~np.isnan(values)]
        figures = [*np.quantile(known, [*QUANTILES.values()]), known.mean()] if len(known) else []
        table.add_row(name, *(f"{figure:.3g}" for figure in figures))
    return table


def _make_table(title: str, *headings: str) -> Table:
    """Start a table with few lines, for many of them."""
    from rich.box import SIMPLE_HEAD

    table = new_table(title, *headings)
    table.box, table.padding, table.show_header = SIMPLE_HEAD, (0, 1, 0, 0), any(headings)
    table.title_justify = table.caption_justify = "left"
    return table


def load_table(problem: Problem) -> Table:
    """Lay out the reference and, of a trace, the load that it brings."""
    reference, workload = problem.objective.reference, problem.workload
    table = _make_table(f"load on {problem.cluster.name}", "", "")
    table.add_row("reference makespan a task [s]", f"{reference.makespan_s:.4g}")
    table.add_row("reference energy a task [J]", f"{reference.energy_j:.4g}")
    if not workload.in_order:
        table.add_row("arrivals", "Poisson at the load asked for")
        return table
    gaps_s = workload.gaps_s(workload.mean_gap_s)[1:]
    table.add_row("span [h]", f"{gaps_s.sum() / 3_600:.4g}")
    if gaps_s.any():
        load = reference.makespan_s / workload.mean_gap_s
        table.add_row("load as in the trace (--load trace)", f"{load:.3g}")
        variation = gaps_s.std() / gaps_s.mean()
        table.add_row("variation of gaps (Poisson: 1)", f"{variation:.3g}")
    return table


def roofline_table(problem: Problem) -> Table:
    """Lay out which roof of each kind of device tasks lie under."""
    headings = ("ridge [FLOP/B]", "memory-bound", "compute-bound", "at the roof*")
    table = _make_table("roofline, share of tasks", "device", *headings)
    for device in distinct(problem.cluster.devices)[0]:
        table.add_row(device.name, *_roofline_row(problem, device))
    table.caption = "* median of the roofline's time / time with launch and transfer"
    return table


def _roofline_row(problem: Problem, device: Device) -> tuple[str, ...]:
    pool = problem.workload.pool
    ridge = device.flops / device.memory_bandwidth
    memory_bound = (pool.intensity_flop_per_byte < ridge).mean()
    rate = np.minimum(device.flops, pool.intensity_flop_per_byte * device.memory_bandwidth)
    roof_s = pool.size_flop / rate
    time_s = device.launch_s + pool.memory_bytes / device.link_bandwidth + roof_s
    return (
        f"{ridge:.3g}",
        f"{memory_bound:.0%}",
        f"{1 - memory_bound:.0%}",
        f"{np.median(roof_s / time_s):.0%}",
    )


def placement_table(problem: Problem, placements: dict[str, npt.NDArray[np.intp]]) -> Table:
    """Lay out which share of tasks, and of their work, is better where."""
    title = f"better on, energy weight {problem.objective.energy_weight:g}"
    table = _make_table(title, "share of tasks (of FLOP)", *PLACEMENTS)
    size_flop = problem.workload.pool.size_flop
    for name, placement in placements.items():
        cells = []
        for index in range(len(PLACEMENTS)):
            here = placement == index
            work = size_flop[here].sum() / size_flop.sum()
            cells.append(f"{here.mean():.1%} ({work:.1%})")
        table.add_row(name, *cells)
    fit = (problem.costs.num_feasible == len(problem.gpu_fractions)).mean()
    table.caption = f"{fit:.1%} of the tasks fit the GPUs whole"
    return table


main = entry_point(parse_arguments, execute)

if __name__ == "__main__":
    sys.exit(main())
