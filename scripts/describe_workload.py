"""Describe a workload on a cluster: distributions, load, roofline, and where its tasks belong."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from dataclasses import dataclass
from pathlib import Path

if __name__ == "__main__":  # Ctrl-C during the imports below
    signal.signal(signal.SIGINT, lambda *_: os._exit(130))

import numpy as np
import numpy.typing as npt

from cpu_gpu_env.baselines.report.tables import TextTable, lay_out
from cpu_gpu_env.model.cluster import Device, device_types
from cpu_gpu_env.model.cost_tables import CostTables, build_cost_tables
from cpu_gpu_env.model.profile import DEFAULT_CLUSTER
from cpu_gpu_env.model.tasks import FloatArray
from cpu_gpu_env.model.workload import DEFAULT_WORKLOAD
from cpu_gpu_env.problem.problem import Problem, make_problem
from cpu_gpu_env.scripts.command import check_output, entry_point, make_parser
from cpu_gpu_env.scripts.terminal import print_tables

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
    from cpu_gpu_env.baselines.report.drawing import FORMATS, write_figure
    from cpu_gpu_env.baselines.report.workload_figure import workload_figure

    check_output(arguments.output, "file", FORMATS)
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
    fits = (problem.costs.num_feasible == len(problem.gpu_fractions)).mean()
    print_tables(
        lay_out(distribution_table(problem, alone), "distributions"),
        lay_out(load_table(problem), f"load on {problem.cluster.name}"),
        lay_out(
            roofline_table(problem),
            "roofline, share of tasks",
            ("* median of the roofline's time / time with launch and transfer",),
        ),
        lay_out(
            placement_table(problem, placements),
            f"better on, energy weight {problem.objective.energy_weight:g}",
            (f"{fits:.1%} of the tasks fit the GPUs whole",),
        ),
    )
    cheapest = placements["cheapest in the fluid optimum"]
    write_figure(workload_figure(problem, cheapest, PLACEMENTS), arguments.output)
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
        gpu_s = np.where(costs.num_feasible == 2, costs.gpus.time_s[0, :, 1], np.nan)
        return TimesAlone(costs.cpus.time_s[0, :, 0], gpu_s)


def fastest_placement(costs: CostTables) -> npt.NDArray[np.intp]:
    """Index into `PLACEMENTS` of the fraction that ends first on idle devices, (tasks,)."""
    time_s = np.maximum(*(pool.time_s.min(axis=0) for pool in costs.pools))
    return _placement(costs, time_s)


def fluid_placement(problem: Problem) -> npt.NDArray[np.intp]:
    """Index into `PLACEMENTS` of the fraction that is cheapest at the fluid prices, (tasks,).

    The prices (`cpu_gpu_env.problem.objective.Objective`) count what a second of a device and a
    joule cost when all devices are wanted, so this is where a task belongs under load.
    """
    costs, objective = problem.costs, problem.objective
    return _placement(costs, costs.cheapest(objective.prices, objective.energy_price))


def _placement(costs: CostTables, score: FloatArray) -> npt.NDArray[np.intp]:
    """Which pools the action of least score (tasks, actions) uses, as an index (tasks,)."""
    best = score.argmin(axis=1)
    tasks = np.arange(len(best))
    uses_cpu = costs.cpus.time_s[0, tasks, best] >= 0
    uses_gpu = costs.gpus.time_s[0, tasks, best] >= 0
    return np.asarray(np.where(uses_cpu & uses_gpu, 1, np.where(uses_gpu, 2, 0)), dtype=np.intp)


def distribution_table(problem: Problem, alone: TimesAlone) -> TextTable:
    """The quantiles of what tasks bring and of the time that they take."""
    workload = problem.workload
    pool = workload.pool
    columns = {
        "size [TFLOP]": pool.size_flop / 1e12,
        "intensity [FLOP/B]": pool.intensity_flop_per_byte,
        "memory [GB]": pool.memory_bytes / 1e9,
        f"time on {problem.cluster.cpus[0].name} [s]": alone.cpu_s,
        f"time on {problem.cluster.gpus[0].name} [s]": alone.gpu_s,
        "CPU time / GPU time": alone.cpu_s / alone.gpu_s,
    }
    if workload.in_order and len(pool) > 1:
        columns["interarrival time [s]"] = np.diff(pool.arrival_s)
    rows = tuple((name, *_summary(values[~np.isnan(values)])) for name, values in columns.items())
    return TextTable(("", *QUANTILES, "mean"), rows)


def _summary(values: FloatArray) -> list[str]:
    """Quantiles and mean, if there are values."""
    if not len(values):
        return [""] * (len(QUANTILES) + 1)
    return [f"{v:.3g}" for v in [*np.quantile(values, [*QUANTILES.values()]), values.mean()]]


def load_table(problem: Problem) -> TextTable:
    """The reference and, of a trace, the load that it brings."""
    reference, workload = problem.objective.reference, problem.workload
    rows = [
        ("reference makespan a task [s]", f"{reference.makespan_s:.4g}"),
        ("reference energy a task [J]", f"{reference.energy_j:.4g}"),
    ]
    if not workload.in_order:
        rows.append(("arrivals", "Poisson at the load asked for"))
        return TextTable(("", ""), tuple(rows))
    interarrival_s = workload.interarrivals_s(workload.mean_interarrival_s)[1:]
    rows.append(("span [h]", f"{interarrival_s.sum() / 3_600:.4g}"))
    if interarrival_s.any():
        load = reference.makespan_s / workload.mean_interarrival_s
        rows.append(("load as in the trace (--load trace)", f"{load:.3g}"))
        variation = interarrival_s.std() / interarrival_s.mean()
        rows.append(("variation of interarrival times (Poisson: 1)", f"{variation:.3g}"))
    return TextTable(("", ""), tuple(rows))


def roofline_table(problem: Problem) -> TextTable:
    """Which roof of each device type tasks lie under."""
    headings = ("device", "ridge [FLOP/B]", "memory-bound", "compute-bound", "at the roof*")
    devices = device_types(problem.cluster.devices)[0]
    return TextTable(
        headings, tuple((device.name, *_roofline_row(problem, device)) for device in devices)
    )


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


def placement_table(problem: Problem, placements: dict[str, npt.NDArray[np.intp]]) -> TextTable:
    """Which share of tasks, and of their work, is better where."""
    size_flop = problem.workload.pool.size_flop
    rows = []
    for name, placement in placements.items():
        cells = []
        for index in range(len(PLACEMENTS)):
            here = placement == index
            work = size_flop[here].sum() / size_flop.sum()
            cells.append(f"{here.mean():.1%} ({work:.1%})")
        rows.append((name, *cells))
    return TextTable(("share of tasks (of FLOP)", *PLACEMENTS), tuple(rows))


main = entry_point(parse_arguments, execute)

if __name__ == "__main__":
    sys.exit(main())
