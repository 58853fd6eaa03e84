"""Checks of what environments are given, single and vector."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from gymnasium.vector import AutoresetMode

from cpu_gpu_env.checks import as_array, check_count, is_list, is_whole
from cpu_gpu_env.errors import HybridClusterError, shown, unknown_name
from cpu_gpu_env.model.tasks import Tasks

MAX_NUM_ENVS = 10_000_000
MAX_TOTAL_TASKS = 100_000_000
"""Each task of each environment takes 16 bytes..."""
MIN_TASKS = 64
"""...and each environment as much as this many."""


def check_unpacked(name: str, value: Any) -> None:
    """Check that the only argument of an environment is no dict of all.

    Raises:
        HybridClusterError: If it is; RLlib hands over its ``env_config`` so.
    """
    if isinstance(value, Mapping):
        raise HybridClusterError(
            f"{name} is {shown(value)}; allowed: arguments by name (in RLlib: "
            "register_env('hybrid', lambda config: HybridClusterEnv(**config)))"
        )


def check_action(action: Any, num_actions: int) -> int:
    """Turn an action into an int.

    Raises:
        HybridClusterError: If it is no whole number from 0 to num_actions - 1.
    """
    if isinstance(action, np.integer) or (
        isinstance(action, np.ndarray)
        and action.shape == ()
        and not isinstance(action, np.ma.MaskedArray)
    ):
        action = action.item()
    if isinstance(action, bool) or not isinstance(action, int):
        allowed = "a whole number"
    elif 0 <= action < num_actions:
        return action
    else:
        allowed = "an index of gpu_fractions"
    raise HybridClusterError(
        f"action is {shown(action)}; allowed: {allowed}, 0 to {num_actions - 1}"
    )


def check_actions(actions: Any, num_envs: int, num_actions: int) -> npt.NDArray[np.int64]:
    """Turn the actions of a vector environment into an array (num_envs,).

    Raises:
        HybridClusterError: If they are not whole numbers from 0 to num_actions - 1 of that shape.
    """
    array = actions if actions.__class__ is np.ndarray else as_array("actions", actions)
    if array.shape != (num_envs,) or array.dtype.kind not in "iu":
        raise HybridClusterError(
            f"actions have dtype {array.dtype} and shape {array.shape}; allowed: whole numbers "
            f"of shape ({num_envs},)"
        )
    array = array.astype(np.int64, copy=False)
    # As unsigned numbers the negative ones are huge: one reduction checks both ends.
    if array.view(np.uint64).max() >= num_actions:
        wrong = int(np.argmax((array < 0) | (array >= num_actions)))
        raise HybridClusterError(
            f"actions[{wrong}] is {array[wrong]}; allowed: 0 to {num_actions - 1}"
        )
    return array


def check_reset_mask(mask: Any, num_envs: int) -> npt.NDArray[np.bool_]:
    """Check which environments are to be reset.

    Raises:
        HybridClusterError: If it is no array of truth values (num_envs,) with at least one True.
    """
    array = as_array("reset_mask", mask)
    if array.dtype != bool or array.shape != (num_envs,) or not array.any():
        raise HybridClusterError(
            f"reset_mask has dtype {array.dtype} and shape {array.shape}; allowed: bool "
            f"({num_envs},) with at least one True"
        )
    return array


def check_task_tables(tables: Any, num_envs: int) -> list[Tasks]:
    """Turn the tasks that are given to a vector environment into a table a sub-environment.

    Raises:
        HybridClusterError: If they are not as many tables as environments, of equal length.
    """
    if not is_list(tables):
        raise HybridClusterError(
            f"tasks are {shown(tables)}; allowed: {num_envs} tables, one a sub-environment"
        )
    tasks = [Tasks.from_table(table) for table in tables]
    if len(tasks) != num_envs or len({len(t) for t in tasks}) != 1:
        raise HybridClusterError(
            f"tasks are {len(tasks)} tables of {sorted({len(t) for t in tasks})} tasks; "
            f"allowed: {num_envs} tables, one a sub-environment, of equal length"
        )
    return tasks


def check_max_steps(max_episode_steps: Any) -> int | None:
    """Check the steps of an episode at most.

    Raises:
        HybridClusterError: If they are neither None nor a whole number >= 1.
    """
    if max_episode_steps is None:
        return None
    return check_count("max_episode_steps", max_episode_steps)


def check_autoreset_mode(mode: Any) -> AutoresetMode:
    """Turn the name of an autoreset mode into the mode.

    Raises:
        HybridClusterError: If there is none of that name.
    """
    try:
        return AutoresetMode(mode)
    except ValueError:
        known = [known.value for known in AutoresetMode]
        raise unknown_name("autoreset_mode", mode, known) from None


def check_total(num_envs: int, num_tasks: Any) -> None:
    """Check that the tasks of all environments, if it is a number, fit into memory.

    Raises:
        HybridClusterError: If there are more than `MAX_TOTAL_TASKS`.
    """
    if is_whole(num_tasks) and num_envs * max(num_tasks, MIN_TASKS) > MAX_TOTAL_TASKS:
        raise HybridClusterError(
            f"num_envs = {num_envs} environments with num_tasks = {shown(num_tasks)} tasks each; "
            f"allowed: at most {MAX_TOTAL_TASKS} tasks in all, {MIN_TASKS} an environment at least"
        )
