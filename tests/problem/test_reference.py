"""The reference against the whole front of makespan and energy, from a program without columns."""

import math

import numpy as np
import pytest
from conftest import MIXED, PLAIN, VARIED
from scipy.optimize import linprog

from cpu_gpu_env import Cluster, Device, HybridClusterEnv, Tasks, shipped_profiles
from cpu_gpu_env.model.cost_tables import CostTables, build_cost_tables
from cpu_gpu_env.model.traces.loading import resolve_workload
from cpu_gpu_env.problem.fluid import FluidProblem
from cpu_gpu_env.problem.objective import Reference, solve_objective, solve_reference

Point = tuple[float, float]
"""Makespan [s] and energy [J], per task."""


class WholeProgram:
    """One unknown for each (CPU type, GPU type, task, fraction), and the makespan."""

    def __init__(self, costs: CostTables, idle_power_w: float) -> None:
        cpu_s, gpu_s = (np.maximum(pool.time_s, 0.0) for pool in costs.pools)
        (num_cpus, num_tasks, actions), num_gpus = cpu_s.shape, len(gpu_s)
        shape = (num_cpus, num_gpus, num_tasks, actions)
        work_s = np.zeros((num_cpus + num_gpus, *shape))
        energy_j = np.zeros(shape)
        for c in range(num_cpus):
            work_s[c, c] = cpu_s[c]
            energy_j[c] += cpu_s[c] * costs.cpus.power_w[c]
        for g in range(num_gpus):
            work_s[num_cpus + g, :, g] = gpu_s[g]
            energy_j[:, g] += gpu_s[g] * costs.gpus.power_w[g]
        devices = np.array([*costs.cpus.devices_by_type, *costs.gpus.devices_by_type])
        task = np.broadcast_to(np.arange(num_tasks)[:, None], shape).ravel()
        self.tasks = num_tasks
        self.unit_s = float(np.maximum(cpu_s.min(axis=0), gpu_s.min(axis=0)).min(axis=1).max())
        self.unit_j = float(energy_j.max()) + idle_power_w * self.unit_s
        self.scale = self.unit_s * self.unit_j / num_tasks**2
        self.work = work_s.reshape(len(work_s), -1) / devices[:, None] / self.unit_s
        self.energy = energy_j.ravel() / self.unit_j
        self.idle = idle_power_w * self.unit_s / self.unit_j
        self.one_each = (np.arange(num_tasks)[:, None] == task).astype(float)

    def minimise(self, time_weight: float, energy_weight: float) -> Point:
        """The vertex of the least weighted sum of makespan and energy, in this program's units."""
        makespan_cost = time_weight + energy_weight * self.idle
        cost = np.r_[energy_weight * self.energy, makespan_cost]
        solution = linprog(
            cost / cost.max(),
            A_ub=np.c_[self.work, -np.ones(len(self.work))],
            b_ub=np.zeros(len(self.work)),
            A_eq=np.c_[self.one_each, np.zeros(self.tasks)],
            b_eq=np.ones(self.tasks),
            options={"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10},
        )
        makespan = float((self.work @ solution.x[:-1]).max())
        return makespan, float(self.energy @ solution.x[:-1]) + self.idle * makespan

    def front(self) -> list[Point]:
        """All vertices of the lower left: each pair of neighbours has nothing below its chord."""
        done = [self.minimise(1.0, 1e-9)]
        ahead = [self.minimise(1e-9, 1.0)]
        while ahead:
            (fast_s, fast_j), (slow_s, slow_j) = done[-1], ahead[-1]
            longer, saved = slow_s - fast_s, fast_j - slow_j
            if longer > 1e-9 * slow_s and saved > 1e-9 * fast_j and len(done) + len(ahead) < 500:
                between = self.minimise(saved, longer)
                below = (slow_s - between[0]) / longer + (fast_j - between[1]) / saved - 1.0
                if below > 1e-7:
                    ahead.append(between)
                    continue
            done.append(ahead.pop())
        return done

    def least_product(self) -> float:
        """The least energy-delay product per task [J s]."""
        return min(makespan * energy for makespan, energy in self.front()) * self.scale


def random_problem(rng: np.random.Generator) -> tuple[Cluster, CostTables]:
    """Devices and a few tasks whose rates and powers differ by orders of magnitude."""

    def device(kind: str, number: int) -> Device:
        idle_w = float(rng.choice([0.0, 10 ** rng.uniform(-2, 1.5)]))
        active_w, memory_w = idle_w + 10 ** rng.uniform(-1, 3, size=2)
        return Device(
            f"{kind}-{number}",
            kind,  # type: ignore[arg-type]
            flops=10 ** rng.uniform(-1.5, 1.5),
            memory_bandwidth=10 ** rng.uniform(-1, 2),
            memory_bytes=math.inf,
            launch_s=float(rng.choice([0.0, 0.1])),
            idle_power_w=idle_w,
            active_power_w=active_w,
            memory_power_w=memory_w if rng.random() < 0.3 else None,
        )

    devices = [
        one
        for kind in ("cpu", "gpu")
        for number in range(rng.integers(1, 3))
        for one in [device(kind, number)] * int(rng.integers(1, 4))
    ]
    cluster = Cluster("random", tuple(devices))
    count = int(rng.integers(1, 6))
    sizes, intensities = 10 ** rng.uniform(-1, 1, size=(2, count))
    tasks = Tasks(np.zeros(count), sizes, intensities, np.ones(count))
    fractions = ((0.0, 1.0), (0.0, 0.5, 1.0), (0.0, 0.2, 0.4, 0.6, 0.8, 1.0))[rng.integers(3)]
    return cluster, build_cost_tables(cluster, tasks, fractions)


def product(reference: Reference) -> float:
    return reference.makespan_s * reference.energy_j


def local_product(costs: CostTables, cluster: Cluster) -> float:
    """Where repeated linear approximation ends that starts at the fastest schedule [J s]."""
    program = WholeProgram(costs, cluster.idle_power_w)
    makespan, energy = program.minimise(1.0, 1e-9)
    for _ in range(10):
        makespan, energy = program.minimise(1 / makespan, 1 / energy)
    return makespan * energy * program.scale


def test_the_reference_has_the_least_energy_delay_product() -> None:
    rng = np.random.default_rng(1)
    missed = 0
    for _ in range(40):
        cluster, costs = random_problem(rng)
        least = WholeProgram(costs, cluster.idle_power_w).least_product()
        reference = solve_reference(FluidProblem(costs), cluster)
        assert product(reference) == pytest.approx(least, rel=1.2e-5)
        missed += local_product(costs, cluster) > 1.001 * least
    assert missed >= 5  # of these problems, as many as a descent alone would fail


def one_task(cpu: Device, gpu: Device) -> tuple[CostTables, Cluster]:
    """A task of 1 FLOP that the CPU or the GPU does, or both together."""
    one = np.ones(1)
    tasks = Tasks(np.zeros(1), one, np.full(1, 1e9), one)
    cluster = Cluster("two", (cpu, gpu))
    return build_cost_tables(cluster, tasks, (0.0, 1.0)), cluster


def plain_device(
    kind: str, flops: float, active_power_w: float, idle_power_w: float = 0.0
) -> Device:
    return Device(
        kind,
        kind,  # type: ignore[arg-type]
        flops=flops,
        memory_bandwidth=1e9,
        memory_bytes=math.inf,
        launch_s=0.0,
        idle_power_w=idle_power_w,
        active_power_w=active_power_w,
    )


def test_a_frugal_device_that_is_five_times_slower() -> None:
    costs, cluster = one_task(plain_device("cpu", 1.0, 100.0), plain_device("gpu", 0.2, 1.0))
    reference = solve_reference(FluidProblem(costs), cluster)
    # All on the GPU: 5 s at 1 W. The fastest schedule, 5/6 s and 84.2 J, is a local optimum.
    assert reference.makespan_s == pytest.approx(5.0)
    assert reference.energy_j == pytest.approx(5.0)
    assert local_product(costs, cluster) == pytest.approx(5 / 6 * (500 / 6 + 5 / 6), rel=1e-6)


@pytest.mark.parametrize("cpu_w", [1e-12, 1.0, 1e12])
@pytest.mark.parametrize("slower", [1.0, 30.0, 1e6])
@pytest.mark.parametrize("thriftier", [1.0, 30.0, 1e6])
def test_one_task_against_a_fine_grid(cpu_w: float, slower: float, thriftier: float) -> None:
    gpu = plain_device("gpu", 1 / slower, cpu_w / slower / thriftier)
    costs, cluster = one_task(plain_device("cpu", 1.0, cpu_w), gpu)
    on_gpu = np.append(np.linspace(0.0, 1.0, 10_001), 1 / (1 + slower))  # both end together
    makespan_s = np.maximum(1 - on_gpu, on_gpu * slower)
    energy_j = cpu_w * (1 - on_gpu + on_gpu / thriftier)
    least = (makespan_s * energy_j).min()
    reference = solve_reference(FluidProblem(costs), cluster)
    assert product(reference) == pytest.approx(least, rel=1e-6)


def test_of_the_schedules_of_least_energy_the_fastest_counts() -> None:
    # Three CPUs of equal energy a task: only the makespan tells how the work is best shared out.
    cpus = (plain_device("cpu", 1.0, 1.0), *[plain_device("cpu", 0.5, 0.5)] * 2)
    cluster = Cluster("equal", (*cpus, plain_device("gpu", 100.0, 1e9)))
    one = np.ones(1)
    costs = build_cost_tables(cluster, Tasks(np.zeros(1), one, np.full(1, 1e9), one), (0.0, 1.0))
    reference = solve_reference(FluidProblem(costs), cluster)
    assert reference.energy_j == pytest.approx(1.0, rel=1e-5)
    assert reference.makespan_s == pytest.approx(0.5, rel=1e-5)


def test_energy_that_only_slow_devices_do_without_leaves_a_scale() -> None:
    costs, cluster = one_task(plain_device("cpu", 1.0, 100.0), plain_device("gpu", 0.2, 0.0))
    reference = solve_reference(FluidProblem(costs), cluster)
    assert product(reference) == pytest.approx(5 / 6 * 500 / 6, rel=1e-6)


def short(name: str | Cluster) -> str:
    return name if isinstance(name, str) else name.name


@pytest.mark.parametrize("weight", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("name", [*shipped_profiles(), PLAIN, MIXED, VARIED], ids=short)
def test_the_fluid_optimum_has_objective_one_at_equal_weights_and_less_at_others(
    name: str | Cluster, weight: float
) -> None:
    problem = HybridClusterEnv(cluster=name, energy_weight=weight).problem
    objective = problem.objective
    optimum = FluidProblem(problem.costs).solve(objective.makespan_price, objective.energy_price)
    value = objective.value(optimum.makespan_s, optimum.active_energy_j, 1)
    assert value <= 1 + 1e-5
    if weight == 0.5:
        assert value == pytest.approx(1.0, rel=1e-5)
    if (name, weight) == ("laptop-4090", 1.0):
        assert value == pytest.approx(0.961, abs=1e-3)  # as the documentation says


def test_prices_do_not_depend_on_the_weights_asked_for_before(cluster: Cluster) -> None:
    pool = resolve_workload("lognormal").pool.take(np.arange(300), np.zeros(300))
    fluid = FluidProblem(build_cost_tables(cluster, pool, (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)))
    reference = solve_reference(fluid, cluster)
    first = solve_objective(fluid, cluster, reference, 0.9)
    for weight in (0.0, 0.5, 1.0):
        solve_objective(fluid, cluster, reference, weight)
    assert solve_objective(fluid, cluster, reference, 0.9) == first
