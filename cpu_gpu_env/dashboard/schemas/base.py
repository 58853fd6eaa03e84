"""What all answers share."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from cpu_gpu_env.checks import MAX_FLOAT
from cpu_gpu_env.results.gap import INFINITY


def _plain(value: Any) -> Any:
    """Write what is infinite, or what a store has in its place, as a text; nan is no number."""
    if value in (INFINITY, f"-{INFINITY}"):
        value = float(value)
    if not isinstance(value, float) or math.isfinite(value):
        return value
    return None if math.isnan(value) else str(value)


# Strict: a text is no number, above all not "Infinity", which would become one.
_Float = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Number = Annotated[_Float | Literal["inf", "-inf"] | None, BeforeValidator(_plain)]
"""A number; null: there is none, "inf": it is infinite."""


def _plain_list(values: Any) -> Any:
    """Do what `_plain` does for each value of a list, of which nearly all are finite."""
    if not isinstance(values, list):
        return values
    return [v if type(v) is float and -MAX_FLOAT <= v <= MAX_FLOAT else _plain(v) for v in values]


Numbers = Annotated[list[_Float | Literal["inf", "-inf"] | None], BeforeValidator(_plain_list)]
"""Many numbers, as `Number` has one."""


class Answer(BaseModel):
    """A JSON object of known fields."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Refusal(Answer):
    """Why a request was refused."""

    error: str
    """One line: which argument, its value, what is allowed."""


class Measure(Answer):
    """A metric of `cpu_gpu_env.results.metrics`: how the page names and writes its values."""

    key: str
    label: str
    unit: str
    shown_unit: str
    scale: float
    """Values in the shown unit are this many times those of the answers."""
    digits: int
    lower_is_better: bool
    in_radar: bool
    """Whether it is an axis of the radar."""
    over_episodes: Literal["mean", "tasks", "sum"]
    """Its value over many episodes: the mean of theirs, that of all their tasks, or their sum."""


Json = dict[str, Any]
"""An object that is kept as it was recorded."""
