"""What all answers share."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict

from cpu_gpu_env.results.gap import INFINITY


def _number_json(value: Any) -> Any:
    """Write nan as null and an infinite number, or the name that the store has for it, as "inf"."""
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else "-inf" if value < 0 else "inf"
    return value.replace(INFINITY, "inf") if isinstance(value, str) else value


Number = Annotated[float | Literal["inf", "-inf"] | None, BeforeValidator(_number_json)]
"""A number; null: there is none, "inf": it is infinite."""


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


Json = dict[str, Any]
"""An object that is kept as it was recorded."""
