"""A certified lower bound on the objective of one episode: no scheduler can beat it.

Which schedulers is a choice. The linear program of `relaxation` bounds all schedules without
pre-emption, whichever device each share is given to. Schedules of the environment give a share to
the device that is free first, which allows more constraints:

4. *Dispatch order*, for a whole pool of N devices of any types, work w_t, and tasks j <= i: shares
   are dispatched in order to the device that is free first, so their starts never decrease. When
   task i's share starts, at s, every other device is busy with at most the rest of one share that
   started at s or before. Between r_j and s the pool has N (s - r_j) seconds for the work of the
   tasks from j to i - 1, and for what earlier tasks left at r_j (carry-over), but for those rests.
   And ``M >= s + w_i``. So with z_t the rests of those N - 1 shares, ``sum of w_t over j <= t < i +
   sum of max(w_t - (r_j - r_t), 0) over t < j - sum of z_t <= N (M - w_i - r_j)``, ``z_t <= w_t``,
   ``z_t <= y_t * rest_t``, ``sum of y_t <= N - 1``, where rest_t is the longest placement of t.
   (Without a share of i this holds with s = M and no rests.) These are added for the tasks where
   the solution violates them: large tasks late in the stream, after the pool was idle for the last
   time.

Once a schedule is known, of cost U, let L be the program's value. A better schedule uses only
placements whose reduced costs add up to at most U - L, which bounds its work between any two tasks
from below (Lagrangian bound of a multiple-choice knapsack). If t's share is still running at s,
the other N - 1 devices have served all work between t and i since it started, but for the rests
R of N - 2 shares, so ``rest_t = (longest placement of t) - (that work - R) / (N - 1)`` will do in
constraint 4. With these `LowerBoundProgram.tighten` finds a bound that holds for every schedule
better than the known one; the smaller of it and U holds for all. As L rises the rests shrink, so
that is done a few times.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from cpu_gpu_env.baselines.bounds.dispatch_order import DispatchOrder
from cpu_gpu_env.baselines.bounds.dual import dual_bound, proven_by_prices
from cpu_gpu_env.baselines.bounds.linear_program import SolverError
from cpu_gpu_env.baselines.bounds.proof import Cut, LowerBound, Proof, Stage, ThresholdPrices
from cpu_gpu_env.baselines.bounds.relaxation import Relaxation
from cpu_gpu_env.sim.instance import Instance

MAX_LP_TASKS = 3_000
"""Longer episodes get the Lagrangian bound instead of the linear program."""
MAX_CUTS, CUTS_A_ROUND = 48, 6
"""Dispatch-order cuts: the most violated ones are added in rounds."""
MAX_TIGHTENED, LEAST_GAIN = 3, 1e-4
"""How often to tighten at most, as long as the bound rises by this part of it."""
MAX_STAGES = 16
"""Stages of a proof at most."""


def lower_bound(instance: Instance, any_device: bool = False) -> LowerBound:
    """Solve the relaxation of an episode; see the module for why it is a bound.

    Args:
        instance: What is to be bounded.
        any_device: Whether to bound schedules as well that choose the device of each share; the
            bound is then at most as high.
    """
    if instance.num_tasks > MAX_LP_TASKS:
        return dual_bound(instance)
    return LowerBoundProgram(instance, any_device).solve()


def proven_bound(instance: Instance, proof: Proof, any_device: bool = False) -> float:
    """Work out what a proof, whoever made it, proves of an episode: no J is below it.

    Args:
        instance: The episode.
        proof: Of it.
        any_device: Whether it is to hold for schedules that choose the device of each share.

    Raises:
        ValueError: If it is none of this episode.
    """
    if isinstance(proof, ThresholdPrices):
        bound = proven_by_prices(instance, proof)
    else:
        if not 0 < len(proof) <= MAX_STAGES or instance.num_tasks > MAX_LP_TASKS:
            raise ValueError(f"{len(proof)} stages for {instance.num_tasks} tasks")
        program = LowerBoundProgram(instance, any_device)
        for stage in proof:
            program.replay(stage)
        bound = program.proven()
    if not np.isfinite(bound):
        raise ValueError(f"prices that prove {bound}")
    return bound


class LowerBoundProgram(Relaxation):
    """The relaxation, and dispatch-order cuts as they are violated.

    Args:
        instance: What is to be bounded; at most `MAX_LP_TASKS` tasks are sensible.
        any_device: Whether to bound schedules as well that choose the device of each share; then
            there are no cuts, and `tighten` gains nothing.
    """

    def __init__(self, instance: Instance, any_device: bool = False) -> None:
        super().__init__(instance)
        self.any_device = any_device
        self.solved: LowerBound | None = None
        """What `solve` found; after `tighten`, of better schedules than the known ones only."""
        self.order = DispatchOrder(self)
        self._proof: tuple[Stage, ...] = ()
        self._weights, self._makespan_s = np.empty(0), 0.0

    def solve(self) -> LowerBound:
        """Solve the program, adding dispatch-order cuts as they are violated.

        If HiGHS fails, the bound is that of the program as it was solved last, or else of prices.
        """
        self._solve_stage(None, [])
        if self.solved is None:
            self.solved = dual_bound(self.instance)
        return self.solved

    def tighten(self, known: float) -> LowerBound:
        """Bound all schedules with the help of one that is known, after `solve`.

        If HiGHS fails, the bound is what was solved before.

        Args:
            known: J of a schedule.
        """
        assert self.solved is not None
        # Earlier cuts hold for schedules better than the one that was known then.
        self.known = min(known, self.known)
        for _ in range(0 if self.any_device else MAX_TIGHTENED):
            before = self.solved.objective
            self._begin(self.known)
            new = self._violated() if self._proof else []
            if not new or len(self._proof) == MAX_STAGES:
                break
            self._solve_stage(self.known, new)
            if self.solved.objective - before <= LEAST_GAIN * abs(before):
                break
        return replace(self.solved, objective=min(self.solved.objective, self.known))

    def replay(self, stage: Stage) -> None:
        """Prove what a stage of a proof proves, after those before it.

        Raises:
            ValueError: If its cuts or rows do not exist, or are more than there ever are.
        """
        self._begin(stage.known)
        if len(stage.cuts) > (0 if self.any_device else MAX_CUTS):
            raise ValueError(f"{len(stage.cuts)} cuts")
        self.order.add(stage.cuts)
        price = np.zeros(self.at_most.count)
        if len(stage.rows) != len(stage.prices) or max(stage.rows, default=0) >= len(price):
            raise ValueError("prices of other rows than there are")
        price[list(stage.rows)] = stage.prices
        self.prove(price)

    def proven(self) -> float:
        """J that the prices so far prove, of all schedules."""
        return min(self._unaided(), self.known)

    def _unaided(self) -> float:
        """J that the prices so far prove, of schedules better than the known one."""
        return max(self.proven_cost, 0.0) * self.unit_cost / self.instance.num_tasks

    def _begin(self, known: float | None) -> None:
        if known is not None:
            self.known = min(known, self.known)
            known_cost = self.known * self.instance.num_tasks / self.unit_cost
            slack = max(known_cost - self.proven_cost, 0.0) * (1 + 1e-6) + 1e-6
            self.order.tighten(slack)

    def _violated(self) -> list[Cut]:
        if self.any_device:
            return []
        return self.order.violated(self._weights, self._makespan_s, CUTS_A_ROUND)

    def _solve_stage(self, known: float | None, cuts: list[Cut]) -> None:
        """Solve with these and further cuts, for schedules better than a known one (None: all)."""
        earlier, new = self._proof, cuts
        cuts = []
        try:
            while True:
                self.order.add(new)
                cuts += new
                solution = self.solve_and_prove()
                self._weights = solution.values[self.placement]
                self._makespan_s = float(solution.values[self.makespan])
                rows = np.flatnonzero(solution.price)
                prices = solution.price[rows].tolist()
                stage = Stage(known, tuple(cuts), tuple(rows.tolist()), tuple(prices))
                self._proof = (*earlier, stage)
                self.solved = self._bound()
                new = self._violated()
                if not new or len(cuts) + len(new) > MAX_CUTS:
                    break
        except SolverError:
            # What was solved before is a bound, too; but these cuts have been added.
            if self._proof:
                self._proof = (*earlier, replace(self._proof[-1], known=known, cuts=tuple(cuts)))

    def _bound(self) -> LowerBound:
        return LowerBound(
            self._unaided(),
            self._makespan_s * self.unit_s,
            self.placements.by_action(self._weights),
            self.placements.least_by_action(self.reduced_cost) * self.unit_cost,
            self._proof,
        )
