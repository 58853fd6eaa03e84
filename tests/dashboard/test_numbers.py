"""Numbers of the answers that JSON does not have."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

pytest.importorskip("pydantic")

from cpu_gpu_env.dashboard.schemas.base import Answer, Number


class _Holder(Answer):
    value: Number


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (1.5, 1.5),
        (0, 0.0),
        (None, None),
        (math.nan, None),
        (math.inf, "inf"),
        (-math.inf, "-inf"),
        ("Infinity", "inf"),  # as the store has it
        ("-Infinity", "-inf"),
        ("inf", "inf"),
    ],
)
def test_numbers_that_json_does_not_have_are_written_as_the_contract_says(
    value: Any, written: Any
) -> None:
    """Nothing infinite turns into null on its way out."""
    answer = _Holder(value=value).model_dump_json()
    assert json.loads(answer) == {"value": written}
    assert _Holder.model_validate_json(answer).value == written
