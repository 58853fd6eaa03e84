"""The front of makespan and energy of a fluid program, and where on it their product is least.

No fluid schedule is both faster and more frugal than one on the front, a convex curve. The product
is quasi-concave: it may have a local minimum at each vertex of the curve, and a descent ends in one
of them. The best is found by branch and bound. A schedule that is least under some weights of
makespan and energy has a *tangent*, below which nothing lies; so nothing lies below the polygon of
all tangents known, and over that the product is least at a corner, where two of them meet. If no
corner is better than the best schedule known, nothing is.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

from cpu_gpu_env.errors import HybridClusterError
from cpu_gpu_env.problem.fluid import FluidProblem

Point = tuple[float, float]
"""Makespan [s] and energy [J], per task."""

MIN_ENERGY_J = 1e-100
"""The reference energy is divided by."""

LEAST_GAIN = 1e-6
"""A descent ends when a step lessens the product by a smaller part."""

MAX_STEPS = 50
"""Of a descent; it takes about three."""

TOLERANCE = 1e-5
"""The product found is the least but for this part; tangents are known to a tenth of it."""

MAX_TANGENTS = 300
"""Far more than were ever needed (about ten)."""


@dataclass(frozen=True)
class Tangent:
    """A fluid schedule that minimises ``makespan / unit_s + energy / unit_j``."""

    unit_s: float
    """Makespan that weighs as much as `unit_j`; infinite: makespan has no weight [s]."""
    unit_j: float
    """Energy that weighs as much as `unit_s`; infinite: energy has no weight [J]."""
    makespan_s: float
    """Makespan per task [s]."""
    energy_j: float
    """Energy per task, idle power included [J]."""

    @property
    def product(self) -> float:
        """Energy-delay product per task [J s]."""
        return self.makespan_s * self.energy_j

    def corner(self, other: Tangent) -> Point:
        """Where the tangent meets that of a more frugal schedule; without room between them, here.

        In units of the differences of the two schedules this one is at (0, 1) and the other one at
        (1, 0), and of the weights of a tangent there only the share of makespan matters.
        """
        longer_s = other.makespan_s - self.makespan_s
        saved_j = self.energy_j - other.energy_j
        if longer_s <= 0.0 or saved_j <= 0.0:
            return self.makespan_s, self.energy_j
        time, energy = longer_s / self.unit_s, saved_j / self.unit_j
        own = max(time / (time + energy), 0.5)  # but for rounding it is
        time, energy = longer_s / other.unit_s, saved_j / other.unit_j
        its = min(time / (time + energy), 0.5)
        if own == its:
            return self.makespan_s, self.energy_j
        right = (1.0 - own) * (1.0 - 2.0 * its) / (own - its)
        up = its * (2.0 * own - 1.0) / (own - its)
        return self.makespan_s + right * longer_s, other.energy_j + up * saved_j

    def crossing(self, corner: Point, product: float) -> Point:
        """Where the product falls to a value on the way along the tangent to a corner."""
        step_s, step_j = corner[0] - self.makespan_s, corner[1] - self.energy_j
        # After a part x of the way it is own product * (1 + slope x - bend x^2).
        slope = step_s / self.makespan_s + step_j / self.energy_j
        bend = -(step_s / self.makespan_s) * (step_j / self.energy_j)
        excess = max(1.0 - product / self.product, 0.0)
        root = math.sqrt(slope**2 + 4.0 * bend * excess)
        if slope > 0.0:
            part = (root + slope) / (2.0 * bend)
        else:  # the same, free of cancellation
            part = 2.0 * excess / (root - slope) if excess else 0.0
        return self.makespan_s + part * step_s, self.energy_j + part * step_j


@dataclass(frozen=True)
class Front:
    """The front of a fluid program."""

    fluid: FluidProblem
    """The program."""
    idle_power_w: float
    """Power of the idle cluster [W]."""

    def touch(self, unit_s: float, unit_j: float) -> Tangent:
        """Find the schedule that minimises ``makespan / unit_s + energy / unit_j``.

        Raises:
            HybridClusterError: If the devices differ too much for the solver.
        """
        optimum = self.fluid.solve(1 / unit_s + self.idle_power_w / unit_j, 1 / unit_j)
        energy_j = self.idle_power_w * optimum.makespan_s + optimum.active_energy_j
        return Tangent(unit_s, unit_j, optimum.makespan_s, energy_j)

    def descend_from_fastest(self) -> list[Tangent]:
        """Descend to a local optimum of the product, see `descend`, from the fastest schedule.

        Raises:
            HybridClusterError: If the devices differ too much for the solver.
        """
        return self.descend(self.touch(1.0, math.inf))

    def descend(self, start: Tangent) -> list[Tangent]:
        """Descend to a local optimum of the product.

        The logarithm of the product is concave in (makespan, energy), so replacing it by its
        linear approximation and minimising that, again and again, never ascends.

        Returns:
            `start` and what followed. The last is the optimum, or takes less than `MIN_ENERGY_J`.

        Raises:
            HybridClusterError: If the devices differ too much for the solver.
        """
        path = [start]
        for _ in range(MAX_STEPS):
            last = path[-1]
            if last.energy_j < MIN_ENERGY_J:
                break
            path.append(self.touch(last.makespan_s, last.energy_j))
            if path[-1].product >= last.product * (1 - LEAST_GAIN):
                break
        return path

    def least_product(self, path: list[Tangent]) -> Tangent:
        """Find the schedule of the least energy-delay product.

        Where the devices differ too much for the solver to find a tangent, the search goes on
        elsewhere.

        Args:
            path: What a descent from the fastest schedule went through. Its last schedule is
                returned unless another is better by more than `TOLERANCE`, and also if the most
                frugal one takes less than `MIN_ENERGY_J`: the least product is then no scale.
        """
        tangents, best = path[:], path[-1]
        unsolvable: set[tuple[Tangent, Tangent]] = set()
        found = self._explore(math.inf, 1.0, best)
        if not found or found[0].energy_j < MIN_ENERGY_J:
            return best
        while len(tangents) < MAX_TANGENTS:
            tangents += found
            if len(found) > 1:
                best = found[-1]
            goal, level = (best.product * (1 - part) for part in (TOLERANCE, TOLERANCE / 2))
            tangents.sort(key=lambda tangent: tangent.unit_s / tangent.unit_j)
            pairs = [pair for pair in pairwise(tangents) if pair not in unsolvable]
            corners = [one.corner(other) for one, other in pairs]
            products = [makespan_s * energy_j for makespan_s, energy_j in corners]
            if min(products, default=goal) >= goal:
                break
            # If nothing lies below the line through the points where the tangents fall to a level,
            # nothing better lies between them: the line is a chord of that level's convex curve.
            index = products.index(min(products))
            (one_s, one_j), (other_s, other_j) = (
                tangent.crossing(corners[index], level) for tangent in pairs[index]
            )
            found = self._explore(other_s - one_s, one_j - other_j, best)
            if not found:
                unsolvable.add(pairs[index])
        return best

    def _explore(self, unit_s: float, unit_j: float, best: Tangent) -> list[Tangent]:
        """Find a tangent, and descend from it if it is better; empty if that cannot be solved."""
        try:
            found = self.touch(unit_s, unit_j)
            better = found.product < best.product * (1 - TOLERANCE)
            return self.descend(found) if better else [found]
        except HybridClusterError:
            return []
