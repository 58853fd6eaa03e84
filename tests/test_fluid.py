"""The fluid optimum against the whole linear program, and what the objective makes of it."""

import numpy as np
import pytest
from conftest import MIXED, PLAIN
from scipy.optimize import linprog

from cpu_gpu_env import Cluster, HybridClusterEnv, shipped_profiles
from cpu_gpu_env.costs import CostTables, build_cost_tables
from cpu_gpu_env.fluid import FluidProblem
from cpu_gpu_env.workload import resolve_workload

FRACTIONS = (0.0, 0.3, 0.7, 1.0)


def small_table(cluster: Cluster) -> CostTables:
    pool = resolve_workload("lognormal").pool
    return build_cost_tables(cluster, pool.take(np.arange(25), np.zeros(25)), FRACTIONS)


def solve_in_full(costs: CostTables, time_cost: float, energy_cost: float) -> float:
    """One unknown for each (pair of kinds, task, fraction), and the makespan."""
    cpu_kinds, (gpu_kinds, tasks, actions) = len(costs.cpu_time_s), costs.gpu_time_s.shape
    shape = (cpu_kinds, gpu_kinds, tasks, actions)
    work = np.zeros((cpu_kinds + gpu_kinds, *shape))
    for c in range(cpu_kinds):
        work[c, c] = np.maximum(costs.cpu_time_s[c], 0)
    for g in range(gpu_kinds):
        work[cpu_kinds + g, :, g] = np.maximum(costs.gpu_time_s[g], 0)
    devices = [costs.cpu_kind.count(k) for k in range(cpu_kinds)]
    devices += [costs.gpu_kind.count(k) for k in range(gpu_kinds)]
    one_each = np.zeros((tasks, *shape))
    for task in range(tasks):
        one_each[task, :, :, task] = 1.0
    energy = np.einsum("k,k...->...", np.r_[costs.cpu_power_w, costs.gpu_power_w], work)
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


def test_prices_share_out_the_price_of_a_second(cluster: Cluster) -> None:
    objective = HybridClusterEnv(cluster=cluster).objective
    costs = HybridClusterEnv(cluster=cluster).problem.costs
    prices = [objective.cpu_prices[k] for k in costs.cpu_kind]
    prices += [objective.gpu_prices[k] for k in costs.gpu_kind]
    assert sum(prices) == pytest.approx(objective.makespan_price)
    assert min(prices) >= 0.0


@pytest.mark.parametrize("name", [*shipped_profiles(), PLAIN, MIXED], ids=str)
def test_the_reference_is_a_fixed_point_with_objective_one(name: str | Cluster) -> None:
    problem = HybridClusterEnv(cluster=name).problem
    objective = problem.objective
    optimum = FluidProblem(problem.costs).solve(objective.makespan_price, objective.energy_price)
    value = objective.value(optimum.makespan_s, optimum.active_energy_j, 1)
    assert value == pytest.approx(1.0, rel=1e-5)


@pytest.mark.parametrize("energy_cost", [0.0, 0.001, 0.1])
def test_prices_prove_the_optimum(cluster: Cluster, energy_cost: float) -> None:
    costs = small_table(cluster)
    optimum = FluidProblem(costs).solve(1.0, energy_cost)
    cpu, gpu = np.array(optimum.cpu_prices), np.array(optimum.gpu_prices)
    assert min(cpu.min(), gpu.min()) >= 0.0
    count = sum(cpu[k] for k in costs.cpu_kind) + sum(gpu[k] for k in costs.gpu_kind)
    assert count == pytest.approx(1.0)
    # Weak duality: each task at its cheapest under the prices is a lower bound, here a tight one.
    cpu_s = np.maximum(costs.cpu_time_s, 0.0)[:, None]
    gpu_s = np.maximum(costs.gpu_time_s, 0.0)[None]
    energy_j = cpu_s * costs.cpu_power_w[:, None, None, None]
    energy_j = energy_j + gpu_s * costs.gpu_power_w[:, None, None]
    price = cpu[:, None, None, None] * cpu_s + gpu[None, :, None, None] * gpu_s
    price = price + energy_cost * energy_j
    bound = price.min(axis=(0, 1, 3)).mean()
    value = optimum.makespan_s + energy_cost * optimum.active_energy_j
    assert bound <= value * (1 + 1e-9)
    assert bound == pytest.approx(value, rel=2e-6)


@pytest.mark.parametrize("weight", [0.0, 0.25, 0.5, 1.0])
def test_prices_share_out_the_price_of_a_second_at_any_weight(
    cluster: Cluster, weight: float
) -> None:
    env = HybridClusterEnv(cluster=cluster, energy_weight=weight)
    objective, costs = env.objective, env.problem.costs
    prices = [objective.cpu_prices[k] for k in costs.cpu_kind]
    prices += [objective.gpu_prices[k] for k in costs.gpu_kind]
    assert min(prices) >= 0.0
    assert sum(prices) == pytest.approx(objective.makespan_price)
    reference = objective.reference
    second = (1 - weight) / reference.makespan_s
    second += weight * cluster.idle_power_w / reference.energy_j
    assert objective.makespan_price == pytest.approx(second)
    assert reference == HybridClusterEnv(cluster=cluster).objective.reference
