"""Checks of arguments and of what files hold: one wording, and one idea of what a number is."""

from __future__ import annotations

import math
import numbers
import sys
from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from cpu_gpu_env.errors import HybridClusterError, is_printable, not_allowed, shown, unknown_name

MIN_FIGURE, MAX_FIGURE = 1e-100, 1e100
"""Figures of devices and tasks lie between these: float64 holds products and quotients of three."""
MAX_TIME_S = 1e30
"""Later arrivals and longer tasks are refused; float32 and sums of many are far from overflowing
here."""
MAX_FLOAT = sys.float_info.max
"""The largest finite number of float64."""
MAX_NAME = 1_000
"""Characters of a name at most."""

Value = TypeVar("Value")

_TEXT = (str, bytes, bytearray, memoryview)


def no_task_error() -> HybridClusterError:
    """Build the error for acting before `reset` or after the end of an episode."""
    return HybridClusterError(
        "there is no task to place: call reset() first, and again after the end of an episode"
    )


def is_number(value: Any) -> bool:
    """Whether something is a number (truth values and arrays are none)."""
    return isinstance(value, numbers.Real) and not isinstance(value, bool)


def is_whole(value: Any, low: int = 1, high: int | None = None) -> bool:
    """Whether something is a whole number (truth values are none) from `low` to `high`."""
    whole = isinstance(value, numbers.Integral) and not isinstance(value, bool)
    return whole and low <= value and (high is None or value <= high)


def as_number(text: Any) -> float:
    """Read a number; nan if a text, or what stands where one should, is none."""
    try:
        return float(text)
    except (TypeError, ValueError):
        return math.nan


def is_list(values: Any) -> bool:
    """Whether something holds values in order: a sequence that is no text, or an array."""
    if isinstance(values, np.ndarray):
        return values.ndim > 0
    return isinstance(values, Sequence) and not isinstance(values, _TEXT)


def check_number(
    name: str,
    value: Any,
    low: float,
    high: float = MAX_FLOAT,
    *,
    above: bool = False,
    also: float | None = None,
    hint: str = "",
) -> float:
    """Check a number in [low, high], or in (low, high] if it must lie `above`, or equal to `also`.

    Raises `HybridClusterError` if it is not; the message ends in `hint`.
    """
    # Compared before it is converted: a whole number may be too large for a float.
    in_range = is_number(value) and low <= value <= high and not (above and value == low)
    if in_range or (is_number(value) and value == also):
        return float(value)
    if high == MAX_FLOAT:
        allowed = f"a finite number {'>' if above else '>='} {low:g}"
    else:
        allowed = f"a number in {'(' if above else '['}{low:g}, {high:g}]"
    raise not_allowed(name, value, allowed + ("" if also is None else f" or {also:g}") + hint)


def check_ends(name: str, ends: Any) -> None:
    """Check a pair of positive numbers, low <= high, or raise `HybridClusterError`."""
    if not isinstance(ends, (tuple, list)) or len(ends) != 2:
        raise not_allowed(name, ends, "(low, high)")
    low, high = (check_number(name, end, MIN_FIGURE, 2 * MAX_FIGURE) for end in ends)
    if low > high:
        raise not_allowed(name, ends, "low <= high")


def check_count(name: str, value: Any, high: int | None = None, *, low: int = 1) -> int:
    """Check a whole number of at least `low` and at most `high`, or raise `HybridClusterError`."""
    if not is_whole(value, low, high):
        allowed = f"a whole number >= {low}" if high is None else f"a whole number, {low} to {high}"
        raise not_allowed(name, value, allowed)
    return int(value)


def check_version(
    where: str, content: Any, field: str, version: int, unsaid: int | None = None
) -> None:
    """Check a file's version, `unsaid` where no field tells, or raise `HybridClusterError`."""
    if not isinstance(content, dict):
        raise not_allowed(where, content, "a JSON object")
    found = content.get(field, unsaid)
    if not is_whole(found, version, version):
        raise not_allowed(f"field {field!r}", found, f"{version} (other versions are not read)")


def check_field(where: str, content: Any, field: str, kind: type[Value]) -> Value:
    """Take a field of type `kind` from an object in a file, or raise `HybridClusterError`."""
    if not isinstance(content, dict):
        raise not_allowed(where, content, "a JSON object")
    if field not in content:
        raise HybridClusterError(f"{where}: field {field!r} is missing")
    value = content[field]
    if not isinstance(value, kind):
        raise not_allowed(f"{where}: field {field!r}", value, f"a {kind.__name__}")
    return value


def check_name(name: str, value: Any) -> None:
    """Check a text that tables, figures and files can hold, or raise `HybridClusterError`."""
    if not isinstance(value, str):
        raise not_allowed(name, value, "a str")
    if len(value) > MAX_NAME or not is_printable(value):
        raise not_allowed(name, value, f"at most {MAX_NAME} printable characters")


def as_array(name: str, values: Any) -> npt.NDArray[Any]:
    """Turn values into an array of any type.

    Raises `HybridClusterError` if they are text, rows differ in length, or entries are masked.
    """
    if isinstance(values, _TEXT):
        raise HybridClusterError(f"{name} are {shown(values)}; allowed: an array")
    if isinstance(values, np.ma.MaskedArray):
        raise HybridClusterError(f"{name} are a masked array; allowed: one without a mask")
    try:
        return np.asarray(values)
    except (TypeError, ValueError):
        raise HybridClusterError(f"{name} are ragged; allowed: rows of equal length") from None


def as_numbers(name: str, values: Any) -> npt.NDArray[np.float64]:
    """Copy values into an array of float64; what is too large for it is inf.

    Raises `HybridClusterError` if an entry is no number, rows differ in length, or one is masked.
    """
    array = as_array(name, values)
    if array.dtype.kind == "O" and all(is_number(value) for value in array.flat):
        # Whole numbers beyond 64 bits.
        floats = [float(v) if abs(v) <= MAX_FLOAT else np.inf for v in array.flat]
        return np.array(floats, dtype=np.float64).reshape(array.shape)
    if array.dtype.kind not in "iuf":
        raise HybridClusterError(f"{name} are {shown(values)}; allowed: numbers")
    return np.array(array, dtype=np.float64)


def check_within(name: str, column: npt.NDArray[np.floating[Any]], low: float, high: float) -> None:
    """Check that all of a column lies in [low, high], or raise `HybridClusterError`."""
    good = (column >= low) & (column <= high)
    if not good.all():
        row = int(np.argmin(good))
        raise HybridClusterError(
            f"{name}[{row}] is {column[row]}; allowed: a number in [{low:g}, {high:g}]"
        )


def as_flags(name: str, values: Any) -> npt.NDArray[np.bool_]:
    """Copy truth values, or 0 and 1, into an array of bool.

    Raises `HybridClusterError` if an entry is none.
    """
    array = as_array(name, values)
    if array.dtype.kind != "b" and not (array.dtype.kind in "iuf" and np.isin(array, (0, 1)).all()):
        raise HybridClusterError(f"{name} are {shown(values)}; allowed: True or False")
    return np.array(array, dtype=np.bool_)


def check_flag(name: str, value: Any) -> bool:
    """Check a truth value, or raise `HybridClusterError`."""
    if not isinstance(value, (bool, np.bool_)):
        raise not_allowed(name, value, "True or False")
    return bool(value)


def check_seed(seed: Any) -> int | None:
    """Check a seed, None or a whole number >= 0, or raise `HybridClusterError`."""
    if seed is None:
        return None
    if not is_whole(seed, low=0):
        raise not_allowed("seed", seed, "a whole number >= 0 or None")
    return int(seed)


def check_seeds(seed: Any, num_envs: int) -> list[int | None]:
    """Check a seed, from which those of the environments count up, or a list of one each.

    Raises `HybridClusterError` if it is neither.
    """
    if not is_list(seed):
        first = check_seed(seed)
        return [None if first is None else first + i for i in range(num_envs)]
    if len(seed) != num_envs:
        raise HybridClusterError(
            f"seed is a list of {len(seed)}; allowed: one seed for each of the {num_envs} "
            "sub-environments"
        )
    return [check_seed(one) for one in seed]


def check_options(options: Any, known: Sequence[str]) -> dict[str, Any]:
    """Check the options of `reset`, a dict with known keys, or raise `HybridClusterError`."""
    if options is None:
        return {}
    if not isinstance(options, dict):
        raise HybridClusterError(f"reset options are {shown(options)}; allowed: a dict or None")
    for key in options:
        if not isinstance(key, str) or key not in known:
            raise unknown_name("reset option", key, known)
    return options


def check_render_mode(render_mode: str | None, known: Sequence[str]) -> None:
    """Check a render mode, or raise `HybridClusterError`."""
    if render_mode is not None and not (isinstance(render_mode, str) and render_mode in known):
        raise unknown_name("render_mode", render_mode, known)
