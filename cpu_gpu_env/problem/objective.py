"""The objective, and the weights of the dense reward that sums to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

from cpu_gpu_env.errors import HybridClusterError
from cpu_gpu_env.model.cluster import Cluster
from cpu_gpu_env.model.tasks import FloatArray
from cpu_gpu_env.problem.fluid import FluidProblem, PoolPrices
from cpu_gpu_env.problem.front import MIN_ENERGY_J, Front

Number = TypeVar("Number", float, FloatArray)


@dataclass(frozen=True)
class Reference:
    """Makespan and energy per task of the fluid schedule with the least energy-delay product.

    The energy-delay product (Horowitz, Indermaur & Gonzalez, "Low-power digital design", 1994)
    weighs both without a unit, so the reference belongs to cluster and workload alone. It minimises
    J at energy_weight 0.5, where the least J of a fluid schedule is therefore 1. At any other
    weight the reference has J = 1, too, but another fluid schedule may have less.
    """

    makespan_s: float
    """T_ref per task [s]."""
    energy_j: float
    """E_ref per task [J], idle power included."""


@dataclass(frozen=True)
class Objective:
    """J = (1 - w) makespan / T_ref + w energy / E_ref for a cluster and a workload.

    The dense reward is potential-based (Ng, Harada & Russell, "Policy invariance under reward
    transformations", ICML 1999). With P the objective's price of a second of makespan and l_d the
    fluid program's dual price of a second of device d (sum of l_d over the devices = P), the
    potential is P * makespan - sum of l_d * (finish time of d), and 0 at the end of an episode. In
    the sum the makespan cancels: placing a task costs ``l_d`` for each second by which it moves the
    finish time of a device, plus its active energy, and the last step pays what is left of the
    potential.
    """

    energy_weight: float
    """w in [0, 1]."""
    reference: Reference
    """Scales of makespan and energy."""
    idle_power_w: float
    """Power of the idle cluster [W]."""
    prices: PoolPrices
    """Dual price of a second of each type of CPU and of each type of GPU [objective of one task per
    s]."""

    @property
    def makespan_price(self) -> float:
        """What a second of makespan costs, idle energy included [objective of one task per s]."""
        w = self.energy_weight
        return (1 - w) / self.reference.makespan_s + self.energy_price * self.idle_power_w

    @property
    def energy_price(self) -> float:
        """What a joule costs [objective of one task per J]."""
        return self.energy_weight / self.reference.energy_j

    def total_energy_j(self, makespan_s: Number, active_energy_j: Number) -> Number:
        """Energy of a schedule: idle power over the makespan and the energy above idle [J]."""
        return self.idle_power_w * makespan_s + active_energy_j

    def value(self, makespan_s: Number, active_energy_j: Number, num_tasks: int) -> Number:
        """J of a schedule, or of many, of `num_tasks` tasks."""
        price = self.makespan_price * makespan_s + self.energy_price * active_energy_j
        return price / num_tasks

    def results(
        self, makespan_s: Number, active_energy_j: Number, num_tasks: int
    ) -> dict[str, Number]:
        """What a schedule, or each of many, has come to, keyed as in the ``info`` of an episode."""
        return {
            "makespan_s": makespan_s,
            "total_energy_j": self.total_energy_j(makespan_s, active_energy_j),
            "objective": self.value(makespan_s, active_energy_j, num_tasks),
        }


def solve_reference(fluid: FluidProblem, cluster: Cluster) -> Reference:
    """Find the fluid schedule with the least energy-delay product.

    A descent from the fastest schedule ends in a local optimum; `Front.least_product` looks for a
    better one. If the most frugal schedule takes no energy at all, the least product is 0, which is
    no scale: then the local optimum is the reference.

    Raises:
        HybridClusterError: If the descent comes to a schedule without energy, which has no scale.
    """
    path = Front(fluid, cluster.idle_power_w).descend_from_fastest()
    last = path[-1]
    if last.energy_j < MIN_ENERGY_J:
        raise HybridClusterError(
            f"cluster {cluster.name!r} can do the tasks with {last.energy_j} J each; allowed: at "
            f"least {MIN_ENERGY_J} J (give its devices idle_power_w or active_power_w)"
        )
    # A copy, so that the columns which the prices of the reward begin with stay those of the path.
    best = Front(fluid.copy(), cluster.idle_power_w).least_product(path)
    return Reference(best.makespan_s, best.energy_j)


def solve_objective(
    fluid: FluidProblem, cluster: Cluster, reference: Reference, energy_weight: float
) -> Objective:
    """Solve the fluid program at an energy weight for the prices of the reward."""
    unpriced = Objective(energy_weight, reference, cluster.idle_power_w, ((), ()))
    # A copy: the prices are the same whichever weights were asked for before.
    optimum = fluid.copy().solve(unpriced.makespan_price, unpriced.energy_price)
    return Objective(energy_weight, reference, cluster.idle_power_w, optimum.prices)
