"""The oracle: a schedule made with the whole episode in view, and the bound that certifies it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cpu_gpu_env.baselines.bounds.lower import MAX_LP_TASKS, LowerBoundProgram, lower_bound
from cpu_gpu_env.baselines.bounds.proof import LowerBound, Proof
from cpu_gpu_env.baselines.oracle.beam_search import BeamSearch, PriceVector
from cpu_gpu_env.baselines.oracle.dispatch_pattern import pool_patterns, relax_pattern
from cpu_gpu_env.baselines.oracle.exact import exact_schedule
from cpu_gpu_env.baselines.oracle.local_search import anneal
from cpu_gpu_env.model.tasks import FloatArray, IntArray
from cpu_gpu_env.results.gap import gap_to_bound
from cpu_gpu_env.sim.instance import Instance


@dataclass(frozen=True)
class Effort:
    """How hard the oracle searches."""

    beam_width: int = 300
    """Partial schedules kept by a beam search."""
    leads: tuple[float, ...] = (1.0, 2.0, 4.0)
    """Beam searches with critical tasks, by their lead in mean lengths of a GPU share."""
    rounds: int = 3
    """How often new dispatch patterns are taken up, rounded and annealed."""
    chains: int = 1024
    """Schedules annealed at once."""
    sweeps: tuple[tuple[int | None, int], ...] = ((100, 15), (None, 8))
    """Annealing in each round: how many of the last tasks may change (None: all), and how many
    steps."""
    exact_nodes: int = 500_000
    """Partial schedules looked at, at most, to solve a small episode exactly; 0: not tried."""


FULL_EFFORT = Effort()
QUICK_EFFORT = Effort(beam_width=200, leads=(4.0,), rounds=0)
"""About a tenth of the time for about a point of gap more: for many training examples."""

CPU_SHARES = (-0.15, -0.075, 0.0, 0.075, 0.15)
"""Price vectors: the CPUs' share in the price, relative to that at the fluid optimum."""
CRITICAL_SHARES = (0.2, 0.5)
"""Parts of the price put on a critical task."""
TIGHTEN_GAP = 0.003
"""Above this gap the bound is worth tightening with the schedule found: the gap is then due to a
large task late in the stream, which the plain program does not see."""
MAX_CRITICAL = 2
"""Critical tasks at most."""
PATIENT_TASKS = 1_200
"""Longer episodes get one round, of `NUM_PATTERNS`: their programs are slow and their gap small."""
NUM_PATTERNS = 2
"""Dispatch patterns taken up in a round, after the first, which takes the best of each beam."""
KEPT_PATTERNS = 2
"""Of these, how many are rounded: those of the least cost."""
PATTERN_POOL = 40
"""They are those of this many best schedules."""
NUM_ROUNDED = 2_000
"""Schedules rounded from them in a round, some from each."""
NUM_ELITE = 16
"""The best schedules, which are annealed, many copies of each."""
BEAM_TEMPERATURE = 0.1
"""In units of the objective of one task."""
ANNEALING_TEMPERATURE = 0.05
"""In units of the objective of one task."""
PRICE_TEMPERATURE, HOT_TASKS = 0.25, 50
"""Annealing tries actions e times less often for each such amount of reduced cost [objective of one
task]; in shorter episodes than four times `HOT_TASKS`, where prices tell less, for larger ones."""


@dataclass(frozen=True, eq=False)
class OracleSchedule:
    """A schedule of one episode with its certificate."""

    actions: IntArray
    """(num_tasks,)."""
    objective: float
    """Its J."""
    bound: float
    """No schedule has a smaller J."""
    proof: Proof | None
    """What proves the bound; None: the schedule is an optimum, as branch and bound proves anew."""
    any_device: bool = False
    """Whether the bound holds for schedules as well that choose the device of each share."""

    @property
    def exact(self) -> bool:
        """Whether it is proved to be an optimum: the bound is then J, but for rounding."""
        return self.proof is None

    @property
    def gap(self) -> float:
        """By what part of the bound the schedule may be worse than the optimum."""
        return float(gap_to_bound(self.objective, self.bound))


def solve_episode(
    instance: Instance, effort: Effort = FULL_EFFORT, seed: int = 0, any_device: bool = False
) -> OracleSchedule:
    """Find a schedule close to the optimum, and the bound that says how close.

    The linear program's solution, rounded, and several beam searches give a population of
    schedules. Then, in rounds, the best schedules of new dispatch patterns are found anew by linear
    programs, rounded and annealed. A small episode is then solved exactly, which takes the less
    time the better the schedule found.

    Args:
        instance: All that is to come.
        effort: How hard to search.
        seed: Of the random choices: the same seed gives the same schedule.
        any_device: Whether to bound schedules as well that choose the device of each share, where
            those of the environment give it to the one that is free first.
    """
    rng = np.random.default_rng(seed)
    program = None
    if instance.num_tasks <= MAX_LP_TASKS:
        program = LowerBoundProgram(instance, any_device)
    relaxed = lower_bound(instance) if program is None else program.solve()
    beams = [relaxed.shares.argmax(axis=1)[None]]
    for vectors, lead_s in _searches(instance, relaxed, effort):
        found = BeamSearch(instance, vectors, lead_s).run(effort.beam_width, BEAM_TEMPERATURE, rng)
        beams.append(found)
    population = _Population.of(instance, np.concatenate(beams))
    likely = _likely(relaxed.reduced_cost)
    tried: set[bytes] = set()
    starts = [_Population.of(instance, beam).best for beam in beams[1:]]
    patient = instance.num_tasks <= PATIENT_TASKS
    for number in range(effort.rounds if patient else min(effort.rounds, 1)):
        if number:
            starts = list(population.actions[population.value.argsort()[:PATTERN_POOL]])
        if program is not None:
            limit = len(starts) if patient and not number else NUM_PATTERNS
            rounded = _round_patterns(program, starts, limit, tried, rng)
            population = population.joined_by(_Population.of(instance, rounded))
        for last_tasks, steps in effort.sweeps:
            first = 0 if last_tasks is None else max(0, instance.num_tasks - last_tasks)
            temperature = ANNEALING_TEMPERATURE / instance.num_tasks
            elite = np.resize(population.value.argsort()[:NUM_ELITE], effort.chains)
            improved = anneal(
                instance, population.actions[elite], first, steps, temperature, likely, rng
            )
            best = np.array([population.value.argmin()])
            kept = _Population(population.actions[best], population.value[best])
            population = kept.joined_by(_Population(*improved))
    optimum = None
    if not any_device:
        optimum = exact_schedule(instance, population.best, effort.exact_nodes)
    if optimum is not None:
        return OracleSchedule(optimum.actions, optimum.objective, optimum.bound, None)
    objective = float(population.value.min())
    if program is not None and objective > relaxed.objective * (1.0 + TIGHTEN_GAP):
        tightened = program.tighten(objective)
        if tightened.objective > relaxed.objective:
            relaxed = tightened
    return OracleSchedule(population.best, objective, relaxed.objective, relaxed.proof, any_device)


@dataclass(frozen=True, eq=False)
class _Population:
    """Schedules."""

    actions: IntArray
    """(n, num_tasks)."""
    value: FloatArray
    """(n,): J."""

    @staticmethod
    def of(instance: Instance, actions: IntArray) -> _Population:
        return _Population(actions, instance.simulate(actions))

    @property
    def best(self) -> IntArray:
        return np.asarray(self.actions[self.value.argmin()])

    def joined_by(self, other: _Population) -> _Population:
        actions = np.concatenate([self.actions, other.actions])
        return _Population(actions, np.concatenate([self.value, other.value]))


def _likely(reduced_cost: FloatArray) -> FloatArray:
    """How often annealing tries each action: seldom where only one is any good."""
    temperature = float(np.clip(HOT_TASKS / len(reduced_cost), PRICE_TEMPERATURE, 1.0))
    weight = np.exp(-reduced_cost / temperature)
    total = weight.sum(axis=1, keepdims=True)
    return np.asarray(weight * (total - weight.max(axis=1, keepdims=True)) / total + 1e-12)


def _round_patterns(
    program: LowerBoundProgram,
    starts: list[IntArray],
    limit: int,
    tried: set[bytes],
    rng: np.random.Generator,
) -> IntArray:
    """Relax the dispatch patterns of schedules and round the best of the solutions.

    Args:
        program: The episode's program.
        starts: Schedules, the best first.
        limit: Patterns at most.
        tried: Patterns of earlier rounds, which are left out; these are added.
        rng: Source of the rounding.

    Returns:
        Rounded schedules, (n, num_tasks).
    """
    relaxations = []
    for actions in starts:
        patterns = pool_patterns(program.instance, actions)
        key = b"|".join(pattern.key for pattern in patterns if pattern is not None)
        if key in tried:
            continue
        tried.add(key)
        relaxation = relax_pattern(program, patterns)
        if relaxation is not None:
            relaxations.append(relaxation)
        limit -= 1
        if not limit:
            break
    relaxations.sort(key=lambda relaxation: relaxation[0])
    kept = relaxations[:KEPT_PATTERNS]
    rounded = [starts[0][None]]
    for _, shares in kept:
        count = NUM_ROUNDED // len(kept) // 2
        drawn = rng.random((count, len(shares), 1))
        rounded.append((drawn > shares.cumsum(axis=1)[:, :-1]).sum(axis=2))
        # A mixture of two actions costs much the same as one between them, which moves less work.
        mean = shares @ np.arange(shares.shape[1])
        mean = np.minimum(mean, shares.shape[1] - 1.0)
        rounded.append((mean + rng.random((count, len(shares)))).astype(np.intp))
    return np.concatenate(rounded)


def _searches(
    instance: Instance, relaxed: LowerBound, effort: Effort
) -> list[tuple[list[PriceVector], float]]:
    """Price vectors and lead [s] of each beam search."""
    objective, costs = instance.objective, instance.costs
    # With idle devices that draw nothing and w = 1, time is free and there is nothing to share out.
    price = objective.makespan_price or 1.0
    fluid = sum(objective.prices[0][index] for index in costs.cpus.device_type) / price
    shares = [min(max(fluid + offset, 0.0), 1.0) for offset in CPU_SHARES]
    plain = [PriceVector(share) for share in shares]
    searches = [(plain, 0.0)]
    gpu_s = (np.maximum(costs.gpus.time_s, 0.0).mean(axis=0) * relaxed.shares).sum(axis=1)
    critical = _critical_tasks(gpu_s, costs.gpus.num_devices, relaxed.makespan_s)
    if critical:
        aware = plain + [
            PriceVector(share, task, part)
            for task in critical
            for part in CRITICAL_SHARES
            for share in shares[::2]
        ]
        mean_s = float(gpu_s[gpu_s > 0].mean())
        searches += [(aware, lead * mean_s) for lead in effort.leads]
    return searches


def _critical_tasks(gpu_s: FloatArray, num_gpus: int, makespan_s: float) -> list[int]:
    """The tasks that would finish latest if all GPUs were free together when each is dispatched."""
    excess_s = (np.cumsum(gpu_s) - gpu_s) / num_gpus + gpu_s - makespan_s
    latest = np.argsort(-excess_s)[:MAX_CRITICAL]
    return [int(task) for task in latest if excess_s[task] > 0.0]
