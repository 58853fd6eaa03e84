"""The fluid optimum against the whole linear program, and what the objective makes of it."""

import dataclasses
import math

import numpy as np
import pytest
from conftest import CPU, GPU, MIXED, PLAIN
from scipy.optimize import linprog

from cpu_gpu_env import Cluster, HybridClusterEnv, HybridClusterError
from cpu_gpu_env.model.cost_tables import CostTables, build_cost_tables
from cpu_gpu_env.model.traces.loading import resolve_workload
from cpu_gpu_env.problem.fluid import FluidOptimum, FluidProblem

FRACTIONS = (0.0, 0.3, 0.7, 1.0)


def small_table(cluster: Cluster) -> CostTables:
    pool = resolve_workload("lognormal").pool
    return build_cost_tables(cluster, pool.take(np.arange(25), np.zeros(25)), FRACTIONS)


def solve_in_full(costs: CostTables, time_cost: float, energy_cost: float) -> float:
    """One unknown for each (pair of device types, task, fraction), and the makespan."""
    cpu_types, (gpu_types, tasks, actions) = len(costs.cpus.time_s), costs.gpus.time_s.shape
    shape = (cpu_types, gpu_types, tasks, actions)
    work = np.zeros((cpu_types + gpu_types, *shape))
    for c in range(cpu_types):
        work[c, c] = np.maximum(costs.cpus.time_s[c], 0)
    for g in range(gpu_types):
        work[cpu_types + g, :, g] = np.maximum(costs.gpus.time_s[g], 0)
    devices = [costs.cpus.device_type.count(k) for k in range(cpu_types)]
    devices += [costs.gpus.device_type.count(k) for k in range(gpu_types)]
    one_each = np.zeros((tasks, *shape))
    for task in range(tasks):
        one_each[task, :, :, task] = 1.0
    powers_w = [*costs.cpus.power_w, *costs.gpus.power_w]  # (tasks, actions) of each type
    energy = sum(work_s * power_w for work_s, power_w in zip(work, powers_w, strict=True))
    solution = linprog(
        np.r_[energy_cost * energy.ravel(), time_cost],
        A_ub=np.c_[work.reshape(len(work), -1), -np.array(devices)],
        b_ub=np.zeros(len(work)),
        A_eq=np.c_[one_each.reshape(tasks, -1), np.zeros(tasks)],
        b_eq=np.ones(tasks),
    )
    return float(solution.fun) / tasks


@pytest.mark.parametrize("energy_cost", [0.0, 0.001, 0.1])
def test_column_generation_finds_the_optimum_of_the_whole_program(
    cluster: Cluster, energy_cost: float
) -> None:
    costs = small_table(cluster)
    optimum = FluidProblem(costs).solve(1.0, energy_cost)
    value = optimum.makespan_s + energy_cost * optimum.active_energy_j
    assert value == pytest.approx(solve_in_full(costs, 1.0, energy_cost), rel=2e-6)


def assert_proven(
    costs: CostTables, optimum: FluidOptimum, time_cost: float, energy_cost: float
) -> None:
    """Weak duality: each task at its cheapest under the prices is a lower bound, here tight."""
    cpu, gpu = np.array(optimum.prices[0]), np.array(optimum.prices[1])
    assert min(cpu.min(), gpu.min()) >= 0.0  # without which the rest proves nothing
    count = sum(cpu[k] for k in costs.cpus.device_type) + sum(
        gpu[k] for k in costs.gpus.device_type
    )
    assert count == pytest.approx(time_cost, rel=1e-9)
    cpu_s = np.maximum(costs.cpus.time_s, 0.0)
    gpu_s = np.maximum(costs.gpus.time_s, 0.0)
    cpu_j, gpu_j = cpu_s * costs.cpus.power_w, gpu_s * costs.gpus.power_w
    price = (cpu[:, None, None] * cpu_s + energy_cost * cpu_j).min(axis=0)
    price += (gpu[:, None, None] * gpu_s + energy_cost * gpu_j).min(axis=0)
    bound = price.min(axis=1).mean()
    value = time_cost * optimum.makespan_s + energy_cost * optimum.active_energy_j
    assert bound <= value * (1 + 1e-9)
    assert bound == pytest.approx(value, rel=2e-6)


@pytest.mark.parametrize("energy_cost", [0.0, 0.001, 0.1])
def test_prices_prove_the_optimum(cluster: Cluster, energy_cost: float) -> None:
    costs = small_table(cluster)
    assert_proven(costs, FluidProblem(costs).solve(1.0, energy_cost), 1.0, energy_cost)


LARGE = [
    "epyc-7763 + t4",
    "epyc-7763:16 + t4:16",
    "epyc-7763 + t4:500",
    "epyc-7763:500 + t4",
    "xeon-6248 + h200-141gb:500",
    "xeon-6248:500 + h200-141gb",
    "epyc-9654:100 + a100-80gb:100",
    "xeon-6248:512 + mi300x:512",
    "core-i9-13900hx:8 + epyc-7763:32 + a100-80gb:2 + t4:50",
    "epyc-7763:3 + epyc-9654:5 + xeon-8480:2 + v100-32gb:16 + h100-80gb:2 + l4:40",
]


@pytest.mark.parametrize("workload", ["lognormal", pytest.param("pareto", marks=pytest.mark.slow)])
@pytest.mark.parametrize("composition", LARGE)
def test_large_and_lopsided_clusters(composition: str, workload: str) -> None:
    for weight in (0.0, 0.5, 1.0):
        env = HybridClusterEnv(cluster=composition, workload=workload, energy_weight=weight)
        costs, objective = env.problem.costs, env.objective
        time_cost, energy_cost = objective.makespan_price, objective.energy_price
        optimum = FluidProblem(costs).solve(time_cost, energy_cost)
        assert_proven(costs, optimum, time_cost, energy_cost)
        known = dataclasses.replace(optimum, prices=objective.prices)
        assert_proven(costs, known, time_cost, energy_cost)


def test_clusters_of_any_size_agree_in_units_of_their_size() -> None:
    costs, many = (small_table(Cluster("x", (CPU,) * n + (GPU,) * 2 * n)) for n in (1, 200))
    optimum, other = (FluidProblem(c).solve(1.0, 0.0) for c in (costs, many))
    assert other.makespan_s * 200 == pytest.approx(optimum.makespan_s, rel=2e-6)


@pytest.mark.parametrize("energy_cost", [0.0, 1.0])
@pytest.mark.parametrize("factor", [1e-12, 1e-6, 1e6, 1e12])
def test_units_do_not_matter(factor: float, energy_cost: float) -> None:
    fast = [
        dataclasses.replace(
            device,
            flops=device.flops * factor,
            memory_bandwidth=device.memory_bandwidth * factor,
            link_bandwidth=device.link_bandwidth * factor,
            launch_s=device.launch_s / factor,
        )
        for device in MIXED.devices
    ]
    optimum = FluidProblem(small_table(MIXED)).solve(1.0, energy_cost)
    other = FluidProblem(small_table(Cluster("fast", tuple(fast)))).solve(1.0, energy_cost)
    value = optimum.makespan_s + energy_cost * optimum.active_energy_j
    scaled = other.makespan_s + energy_cost * other.active_energy_j
    assert scaled * factor == pytest.approx(value, rel=3e-6)


def test_a_pool_that_is_far_too_slow_is_not_used() -> None:
    slow = dataclasses.replace(CPU, flops=1e4, memory_bandwidth=1e3)
    fast = dataclasses.replace(
        GPU, flops=1e20, memory_bandwidth=1e19, link_bandwidth=math.inf, memory_bytes=math.inf
    )
    costs = small_table(Cluster("lopsided", (slow, dataclasses.replace(fast, launch_s=0.0))))
    optimum = FluidProblem(costs).solve(1.0, 0.0)
    assert optimum.makespan_s == pytest.approx(costs.gpus.time_s[0, :, -1].mean(), rel=2e-6)
    assert_proven(costs, optimum, 1.0, 0.0)


@pytest.mark.parametrize("powerless", [("gpu",), ("cpu", "gpu")])
def test_energy_that_is_free_is_refused(powerless: tuple[str, ...]) -> None:
    devices = [
        dataclasses.replace(
            device,
            idle_power_w=0.0,
            active_power_w=0.0 if device.kind in powerless else 100.0,
            memory_bytes=math.inf,
        )
        for device in PLAIN.devices
    ]
    with pytest.raises(HybridClusterError, match=r"cluster 'free' .* idle_power_w"):
        HybridClusterEnv(cluster=Cluster("free", tuple(devices)))


def test_a_free_optimum_has_value_zero() -> None:
    free = dataclasses.replace(CPU, active_power_w=CPU.idle_power_w)
    optimum = FluidProblem(small_table(Cluster("free-cpu", (free, GPU)))).solve(0.0, 1.0)
    assert optimum.active_energy_j == 0.0
    assert optimum.prices[0] == optimum.prices[1] == (0.0,)


def test_types_too_slow_for_the_solver_are_left_idle() -> None:
    devices = list(MIXED.devices)
    devices[1] = dataclasses.replace(devices[1], flops=1e-12)
    devices[2] = dataclasses.replace(devices[2], memory_bandwidth=1e-12)
    costs = small_table(Cluster("very-mixed", tuple(devices)))
    for energy_cost in (0.0, 0.01):
        assert_proven(costs, FluidProblem(costs).solve(1.0, energy_cost), 1.0, energy_cost)


def test_idle_power_alone_is_energy() -> None:
    devices = [dataclasses.replace(d, active_power_w=d.idle_power_w) for d in PLAIN.devices]
    for weight in (0.0, 1.0):
        objective = HybridClusterEnv(
            cluster=Cluster("steady", tuple(devices)), energy_weight=weight
        ).objective
        reference = objective.reference
        assert reference.energy_j == pytest.approx(110.0 * reference.makespan_s)


@pytest.mark.parametrize("weight", [0.0, 0.25, 0.5, 1.0])
def test_prices_share_out_the_price_of_a_second_and_prove_the_optimum(
    cluster: Cluster, weight: float
) -> None:
    env = HybridClusterEnv(cluster=cluster, energy_weight=weight)
    objective, costs = env.objective, env.problem.costs
    prices = [objective.prices[0][k] for k in costs.cpus.device_type]
    prices += [objective.prices[1][k] for k in costs.gpus.device_type]
    assert sum(prices) == pytest.approx(objective.makespan_price)
    optimum = FluidProblem(costs).solve(objective.makespan_price, objective.energy_price)
    known = dataclasses.replace(optimum, prices=objective.prices)
    assert_proven(costs, known, objective.makespan_price, objective.energy_price)
    reference = objective.reference
    second = (1 - weight) / reference.makespan_s
    second += weight * cluster.idle_power_w / reference.energy_j
    assert objective.makespan_price == pytest.approx(second)
    assert reference == HybridClusterEnv(cluster=cluster).objective.reference
