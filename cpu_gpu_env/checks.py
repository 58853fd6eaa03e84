"""Checks that both environments share."""

from __future__ import annotations

import numbers
from collections.abc import Sequence
from typing import Any

import numpy as np

from cpu_gpu_env.errors import HybridClusterError, unknown_name


def no_task_error() -> HybridClusterError:
    """Build the error for acting before `reset` or after the end of an episode."""
    return HybridClusterError(
        "there is no task to place: call reset() first, and again after the end of an episode"
    )


def check_count(name: str, value: Any) -> int:
    """Check a whole number of at least 1.

    Raises:
        HybridClusterError: If it is not.
    """
    if isinstance(value, bool) or not isinstance(value, numbers.Integral) or value < 1:
        raise HybridClusterError(f"{name} is {value!r}; allowed: a whole number >= 1")
    return int(value)


def check_flag(name: str, value: Any) -> bool:
    """Check a truth value.

    Raises:
        HybridClusterError: If it is not one.
    """
    if not isinstance(value, (bool, np.bool_)):
        raise HybridClusterError(f"{name} is {value!r}; allowed: True or False")
    return bool(value)


def check_seed(seed: Any) -> int | None:
    """Check a seed.

    Raises:
        HybridClusterError: If it is neither None nor a whole number of at least 0.
    """
    if seed is None:
        return None
    if isinstance(seed, bool) or not isinstance(seed, numbers.Integral) or seed < 0:
        raise HybridClusterError(f"seed is {seed!r}; allowed: a whole number >= 0 or None")
    return int(seed)


def check_options(options: Any, known: Sequence[str]) -> dict[str, Any]:
    """Check the options of `reset`.

    Raises:
        HybridClusterError: If they are not a dict with known keys.
    """
    if options is None:
        return {}
    if not isinstance(options, dict):
        raise HybridClusterError(f"reset options are {options!r}; allowed: a dict or None")
    for key in options:
        if key not in known:
            raise unknown_name("reset option", key, known)
    return options


def check_render_mode(render_mode: str | None, known: Sequence[str]) -> None:
    """Check a render mode.

    Raises:
        HybridClusterError: If it is neither None nor known.
    """
    if render_mode is not None and not known:
        raise HybridClusterError(
            f"render_mode is {render_mode!r}; allowed: None (a single environment renders)"
        )
    if render_mode is not None and render_mode not in known:
        raise unknown_name("render_mode", render_mode, known)
