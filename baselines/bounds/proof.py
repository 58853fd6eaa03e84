"""A lower bound, and what proves it: few enough numbers to be kept and checked again.

A bound is not to be believed, but worked out again from its proof. *Any* numbers here give a valid
bound (`lower.proven_bound`): wrong ones a loose one, never a false one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from cpu_gpu_env.model.tasks import FloatArray

Cut: TypeAlias = tuple[int, int, int]
"""A dispatch-order cut: pool (0: CPUs, 1: GPUs), task i, and the task j whose release starts it."""


ROUNDING = 1e-9
"""Taken off each sum that proves a bound, as a part of what is added up: more than floats lose."""


MAX_PRICE = 1e100
"""Beyond any price, and products of it with works are finite."""


@dataclass(frozen=True)
class Stage:
    """Prices of the rows of the linear program, after some cuts were added."""

    known: float | None
    """J of a schedule: the bound is one of better schedules only; None: of all."""
    cuts: tuple[Cut, ...]
    """Added since the stage before."""
    rows: tuple[int, ...]
    """Rows that have a price, in the order in which they were added to the program."""
    prices: tuple[float, ...]
    """Their prices, at least 0."""


@dataclass(frozen=True)
class ThresholdPrices:
    """Prices of the Lagrangian bound of a long episode."""

    prices: tuple[tuple[float, ...], ...]
    """Of each device type and threshold, at least 0 [objective of one task per s]."""


Proof: TypeAlias = tuple[Stage, ...] | ThresholdPrices
"""Stages build on one another; the last one's bound counts."""


@dataclass(frozen=True, eq=False)
class LowerBound:
    """The bound, and the relaxed schedule that attains it."""

    objective: float
    """No schedule of this episode has a smaller J."""
    makespan_s: float
    """Makespan of the relaxed schedule [s]."""
    shares: FloatArray
    """(num_tasks, actions): how much of each action the relaxed schedule takes."""
    reduced_cost: FloatArray
    """(num_tasks, actions): what each action costs more than the task's best, at the prices that
    prove the bound [objective of one task]."""
    proof: Proof
    """What proves it."""


def to_content(proof: Proof) -> dict[str, Any]:
    """Write a proof as JSON content."""
    if isinstance(proof, ThresholdPrices):
        return {"prices": proof.prices}
    return {"stages": [vars(stage) for stage in proof]}


def from_content(content: Mapping[str, Any]) -> Proof:
    """Read a proof from JSON content; that its rows and cuts exist is for who uses it to see.

    Raises:
        ValueError: If it is no proof.
        KeyError: If something is missing.
        TypeError: If something is of another kind.
    """
    if "prices" in content:
        return ThresholdPrices(tuple(tuple(map(_price, row)) for row in content["prices"]))
    return tuple(
        Stage(
            None if stage["known"] is None else _price(stage["known"]),
            tuple(_cut(cut) for cut in stage["cuts"]),
            tuple(map(_index, stage["rows"])),
            tuple(map(_price, stage["prices"])),
        )
        for stage in content["stages"]
    )


def _cut(numbers: Sequence[object]) -> Cut:
    pool, task, since = map(_index, numbers)
    return pool, task, since


def _index(number: object) -> int:
    if type(number) is not int or number < 0:
        raise ValueError(f"{number!r} is no index")
    return number


def _price(number: object) -> float:
    if type(number) not in (int, float) or not 0.0 <= float(number) <= MAX_PRICE:  # type: ignore[arg-type]
        raise ValueError(f"{number!r} is no price")
    return float(number)  # type: ignore[arg-type]
