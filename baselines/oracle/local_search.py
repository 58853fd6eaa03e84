"""Local search: simulated annealing of many schedules at once, in the batched simulator."""

from __future__ import annotations

import numpy as np

from cpu_gpu_env.model.tasks import FloatArray, IntArray
from cpu_gpu_env.sim.instance import Instance, PartialSchedules

MAX_CHANGES = 3
"""Tasks changed at once at most."""


def anneal(
    instance: Instance,
    actions: IntArray,
    first: int,
    num_steps: int,
    temperature: float,
    likely: FloatArray,
    rng: np.random.Generator,
) -> tuple[IntArray, FloatArray]:
    """Improve schedules by random changes (Kirkpatrick, Gelatt & Vecchi, Science 220, 1983).

    Args:
        instance: What is scheduled.
        actions: (n, num_tasks), the schedules to start from.
        first: Only tasks from this position on are changed: those before it are simulated once.
        num_steps: Steps, each of a change to every schedule.
        temperature: In units of J, at first; it falls to 0.
        likely: (num_tasks, actions), positive: how often each action is tried, relatively.
        rng: Source of the changes.

    Returns:
        The best state that each schedule was in (n, num_tasks), and its J (n,).
    """
    prefix = PartialSchedules(instance, len(actions))
    prefix.place(actions[:, :first])

    def value(tails: IntArray) -> FloatArray:
        partial = prefix.copy()
        partial.place(tails)
        return partial.objective()

    tails = actions[:, first:].copy()
    current = value(tails)
    best, best_tails = current.copy(), tails.copy()
    until = np.cumsum(likely[first:])
    for step in range(num_steps):
        candidates = _change(tails, until / until[-1], rng)
        outcome = value(candidates)
        heat = temperature * (1.0 - step / num_steps)
        accepted = outcome - current < heat * rng.standard_exponential(len(current))
        tails[accepted], current[accepted] = candidates[accepted], outcome[accepted]
        better = current < best
        best[better], best_tails[better] = current[better], tails[better]
    return np.concatenate([actions[:, :first], best_tails], axis=1), best


def _change(tails: IntArray, until: FloatArray, rng: np.random.Generator) -> IntArray:
    """Set one to `MAX_CHANGES` actions of each schedule.

    Args:
        tails: (n, tasks).
        until: Cumulated probability of each (task, action), flattened.
        rng: Source of the changes.
    """
    count, length = tails.shape
    changed = tails.copy()
    num_changes = rng.integers(1, MAX_CHANGES + 1, count)
    for change in range(MAX_CHANGES):
        rows = np.flatnonzero(change < num_changes)
        drawn = np.searchsorted(until, rng.random(len(rows)), side="right")
        task, action = np.divmod(drawn, len(until) // length)
        changed[rows, task] = action
    return changed
