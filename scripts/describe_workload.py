"""Describe a workload on a cluster: distributions, load, roofline, and where its tasks belong."""

from __future__ import annotations

import argparse
import os
import signal
import sys

if __name__ == "__main__":  # Ctrl-C during the imports below
    signal.signal(signal.SIGINT, lambda *_: os._exit(130))

import numpy as np
import numpy.typing as npt

from cpu_gpu_env.baselines.report.drawing import FORMATS, write_figure
from cpu_gpu_env.baselines.report.tables import TextTable, lay_out
from cpu_gpu_env.baselines.report.workload_figure import workload_figure
from cpu_gpu_env.model.cluster import device_types
from cpu_gpu_env.model.cost_tables import CostTables, build_cost_tables
from cpu_gpu_env.model.costs import execution_time_s
from cpu_gpu_env.model.precision import DEFAULT_PRECISION, PRECISIONS
from cpu_gpu_env.model.tasks import FloatArray, Tasks
from cpu_gpu_env.problem.problem import Problem, make_problem
from cpu_gpu_env.scripts import command, outputs, terminal

QUANTILES = {"min": 0.0, "5 %": 0.05, "median": 0.5, "95 %": 0.95, "max": 1.0}
PLACEMENTS = ("CPU only", "split", "GPU only")


def parse_arguments(argv: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = command.Parser(
        "describe-workload",
        "Print and draw the distributions of a workload, its load, where its tasks lie on the\n"
        "roofline of a cluster, and which share is better on CPU, on GPU, or split.",
        "'azure-llm:PATH?part=0-0.7' --cluster a100-node",
    )
    parser.add_argument("workload", nargs="?", **command.ENV_ARGUMENTS["workload"])
    parser.add_argument("--cluster", **command.ENV_ARGUMENTS["cluster"])
    parser.add_argument("--energy-weight", **command.ENV_ARGUMENTS["energy_weight"])
    parser.add("--output", command.path, "runs/workload.png", "picture to write")
    return parser.parse_args(argv)


@command.entry_point(parse_arguments)
def main(arguments: argparse.Namespace) -> int:
    """Print the tables and write the picture."""
    outputs.check_output(arguments.output, "file", FORMATS)
    problem = make_problem(
        arguments.cluster, arguments.workload, 1, arguments.energy_weight, load=None
    )
    cheapest = fluid_placement(problem)
    placements = {
        "fastest when nothing else runs": fastest_placement(problem.costs),
        "cheapest in the fluid optimum": cheapest,
    }
    workload = problem.workload
    print(f"{workload.name}: {len(workload.pool):,} tasks")
    for note in problem.notes:
        print(f"  - {note}")
    roofline = []
    if workload.pool.measured is None:
        roofline.append(
            lay_out(
                roofline_table(problem),
                "roofline, share of tasks",
                ("* median of the roofline's time / time with launch and transfer",),
            )
        )
    fits = (problem.costs.num_feasible == len(problem.gpu_fractions)).mean()
    terminal.print_tables(
        lay_out(distribution_table(problem), "distributions"),
        lay_out(load_table(problem), f"load on {problem.cluster.name}"),
        *roofline,
        lay_out(
            placement_table(problem, placements),
            f"better on, energy weight {problem.objective.energy_weight:g}",
            (f"{fits:.1%} of the tasks fit the GPUs whole",),
        ),
    )
    write_figure(workload_figure(problem, cheapest, PLACEMENTS), arguments.output)
    outputs.tell_written(arguments.output)
    return 0


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


def distribution_table(problem: Problem) -> TextTable:
    """The quantiles of what tasks bring and of the time that they take."""
    workload, pool = problem.workload, problem.workload.pool
    # Of whole tasks, whatever GPU fractions the problem has.
    costs = build_cost_tables(problem.cluster, pool, (0.0, 1.0))
    cpu_s = costs.cpus.time_s[0, :, 0]
    gpu_s = np.where(costs.num_feasible == 2, costs.gpus.time_s[0, :, 1], np.nan)
    columns = {
        **_work_columns(pool),
        "memory [GB]": pool.memory_bytes / 1e9,
        f"time on {problem.cluster.cpus[0].name} [s]": cpu_s,
        f"time on {problem.cluster.gpus[0].name} [s]": gpu_s,
        "CPU time / GPU time": cpu_s / gpu_s,
    }
    if workload.in_order and len(pool) > 1:
        columns["interarrival time [s]"] = np.diff(pool.arrival_s)
    rows = tuple((name, *_summary(values[~np.isnan(values)])) for name, values in columns.items())
    return TextTable(("", *QUANTILES, "mean"), rows)


def _work_columns(pool: Tasks) -> dict[str, FloatArray]:
    """What tasks compute; nothing where only their times are known."""
    if pool.measured is not None:
        return {}
    columns = {
        "size [TFLOP]": pool.size_flop / 1e12,
        "intensity [FLOP/B]": pool.intensity_flop_per_byte,
    }
    if pool.serial_steps.any():
        columns["serial steps"] = pool.serial_steps
    if (pool.transfer_bytes < pool.memory_bytes).any():
        columns["moved over the link [GB]"] = (
            np.minimum(pool.transfer_bytes, pool.memory_bytes) / 1e9
        )
    return columns


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
    pool, rows = problem.workload.pool, []
    moved_bytes = np.minimum(pool.memory_bytes, pool.transfer_bytes)
    for device in device_types(problem.cluster.devices)[0]:
        for code, precision in enumerate(PRECISIONS):
            here = pool.precision == code
            if not here.any():
                continue
            ridge, flops = device.ridge(precision), device.attained_flops(precision)
            intensity = pool.intensity_flop_per_byte[here]
            memory_bound = (intensity < ridge).mean()
            roof_s = pool.size_flop[here] / np.minimum(flops, intensity * device.memory_bandwidth)
            steps_s = device.serial_step_s * pool.serial_steps[here]
            waiting_s = device.launch_s + moved_bytes[here] / device.link_bandwidth + steps_s
            shares = (memory_bound, 1 - memory_bound, np.median(roof_s / (waiting_s + roof_s)))
            name = (
                device.name
                if pool.precisions == (DEFAULT_PRECISION,)
                else f"{device.name} {precision}"
            )
            rows.append((name, f"{ridge:.3g}", *(f"{share:.0%}" for share in shares)))
    headings = ("device", "ridge [FLOP/B]", "memory-bound", "compute-bound", "at the roof*")
    return TextTable(headings, tuple(rows))


def placement_table(problem: Problem, placements: dict[str, npt.NDArray[np.intp]]) -> TextTable:
    """Which share of tasks, and of their work, is better where."""
    pool = problem.workload.pool
    work, unit = pool.size_flop, "FLOP"
    if pool.measured is not None:
        work, unit = execution_time_s(problem.cluster.cpus[0], 1.0, pool), "CPU time"
    rows = []
    for name, placement in placements.items():
        here = [placement == index for index in range(len(PLACEMENTS))]
        of_work = [work[tasks].sum() / work.sum() for tasks in here]
        cells = (f"{t.mean():.1%} ({w:.1%})" for t, w in zip(here, of_work, strict=True))
        rows.append((name, *cells))
    return TextTable((f"share of tasks (of {unit})", *PLACEMENTS), tuple(rows))


if __name__ == "__main__":
    sys.exit(main())
