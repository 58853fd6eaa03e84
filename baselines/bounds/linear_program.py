"""Sparse linear programs, built row by row and solved by HiGHS."""

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
    """A solution of a linear program, as exact as the solver is."""

    values: FloatArray
    """(columns,): x."""
    price: FloatArray
    """(rows at most,): dual prices of the inequalities, at least 0."""


def solve(cost: FloatArray, at_most: Rows, equal: Rows) -> Solution:
    """Minimise ``cost @ x`` over x >= 0 under the rows.

    Raises:
        SolverError: If HiGHS finds no optimum.
    """
    solution = linprog(
        cost,
        A_ub=at_most.matrix(len(cost)),
        b_ub=np.concatenate(at_most.sides),
        A_eq=equal.matrix(len(cost)),
        b_eq=np.concatenate(equal.sides),
        method="highs",
    )
    if solution.status != 0:
        raise SolverError(f"HiGHS found no optimum: {solution.message}")
    # What a right-hand side more would save: negative for <=, by SciPy's convention.
    return Solution(solution.x, np.maximum(-solution.ineqlin.marginals, 0.0))
