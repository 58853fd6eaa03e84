"""Linear programs whose lower bound does not rest on the solver's tolerances.

HiGHS solves to absolute tolerances, so its optimum may lie above the true one. Its duals do not
have to be exact to be of use: for any prices ``y >= 0`` of the inequalities and ``v`` of the
equalities, and any x that satisfies them, ``cost @ x`` is at least ``v @ b_eq - y @ b_ub +
reduced_cost @ x`` with ``reduced_cost = cost + y @ A_ub - v @ A_eq`` (weak duality; Neumaier &
Shcherbina, "Safe bounds in linear and mixed-integer linear programming", Mathematical Programming
99, 2004). With upper bounds on x the last term is bounded, too.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.optimize import linprog

from cpu_gpu_env.model.tasks import FloatArray, IntArray

Entries = list[tuple[npt.ArrayLike, npt.ArrayLike, npt.ArrayLike]]
"""Of a block of rows: row in the block, column, value; each triple is broadcast."""


class SolverError(RuntimeError):
    """HiGHS gave up."""


@dataclass
class Rows:
    """Rows of a sparse constraint matrix, as they are added."""

    rows: list[IntArray] = field(default_factory=list)
    columns: list[IntArray] = field(default_factory=list)
    values: list[FloatArray] = field(default_factory=list)
    sides: list[FloatArray] = field(default_factory=list)
    count: int = 0

    def add(self, entries: Entries, side: npt.ArrayLike) -> None:
        """Add a block of rows: entries and right-hand sides; entries of one place add up."""
        for row, column, value in entries:
            row, column, value = np.broadcast_arrays(row, column, np.asarray(value, dtype=float))
            self.rows.append(self.count + row.ravel())
            self.columns.append(column.ravel())
            self.values.append(value.ravel())
        self.sides.append(np.atleast_1d(np.asarray(side, dtype=float)))
        self.count += len(self.sides[-1])

    def copy(self) -> Rows:
        """Rows that may be added to without changing these."""
        return Rows(
            list(self.rows), list(self.columns), list(self.values), list(self.sides), self.count
        )

    def matrix(self, columns: int) -> sparse.csr_array:
        """All rows so far."""
        index = np.concatenate(self.rows), np.concatenate(self.columns)
        return sparse.csr_array((np.concatenate(self.values), index), shape=(self.count, columns))


@dataclass(frozen=True, eq=False)
class Solution:
    """A solution, and prices that prove how good any other can be."""

    values: FloatArray
    """(columns,): x, as exact as the solver is."""
    base: float
    """``v @ b_eq - y @ b_ub``: see the module."""
    reduced_cost: FloatArray
    """(columns,): whatever the constraints admit costs at least ``base + reduced_cost @ x``."""


def solve(cost: FloatArray, at_most: Rows, equal: Rows) -> Solution:
    """Minimise ``cost @ x`` over x >= 0 under the rows.

    Raises:
        SolverError: If HiGHS finds no optimum.
    """
    upper, exact = at_most.matrix(len(cost)), equal.matrix(len(cost))
    upper_side, exact_side = np.concatenate(at_most.sides), np.concatenate(equal.sides)
    solution = linprog(
        cost, A_ub=upper, b_ub=upper_side, A_eq=exact, b_eq=exact_side, method="highs"
    )
    if solution.status != 0:
        raise SolverError(f"HiGHS found no optimum: {solution.message}")
    # What a right-hand side more would save: negative for <=, by SciPy's convention.
    price = np.maximum(-solution.ineqlin.marginals, 0.0)
    exact_price = solution.eqlin.marginals
    return Solution(
        solution.x,
        float(exact_price @ exact_side - price @ upper_side),
        cost + price @ upper - exact_price @ exact,
    )
