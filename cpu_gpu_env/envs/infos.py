"""What infos hold where there is nothing to tell: the same keys and types as ever."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from cpu_gpu_env.model.tasks import FloatArray
from cpu_gpu_env.sim.episode import NOT_APPLICABLE, InfoArrays


def reset_info(arrays: InfoArrays) -> dict[str, Any]:
    """The info of a reset: no task is placed yet."""
    task, utilisation, mask = arrays
    return {
        "task": task,
        "cpu": -1,
        "gpu": -1,
        "start_s": NOT_APPLICABLE,
        "finish_s": NOT_APPLICABLE,
        "time_s": NOT_APPLICABLE,
        "energy_j": NOT_APPLICABLE,
        "fallback": False,
        "action_mask": mask,
        "makespan_s": NOT_APPLICABLE,
        "total_energy_j": NOT_APPLICABLE,
        "objective": NOT_APPLICABLE,
        "utilisation": utilisation,
    }


class VectorInfos:
    """Makes the infos of environments none of whose episodes has just terminated.

    Args:
        num_envs: Number of sub-environments.
    """

    def __init__(self, num_envs: int) -> None:
        self._no_results = np.full(num_envs, NOT_APPLICABLE)
        self._every = np.ones(num_envs, dtype=bool)

    def __call__(self, action_mask: npt.NDArray[np.int8]) -> dict[str, Any]:
        """Make the infos with a mask (num_envs, actions), in memory of their own."""
        # One array for all results: there is nothing to tell them apart, and memory is time.
        no_results, every = self._no_results.copy(), self._every.copy()
        return {
            "action_mask": action_mask,
            "makespan_s": no_results,
            "total_energy_j": no_results,
            "objective": no_results,
            "_action_mask": every,
            "_makespan_s": every,
            "_total_energy_j": every,
            "_objective": every,
        }


def results_where(
    terminated: npt.NDArray[np.bool_], results: dict[str, FloatArray]
) -> dict[str, FloatArray]:
    """Results of those episodes that have terminated, each (num_envs,)."""
    return {key: np.where(terminated, all_, NOT_APPLICABLE) for key, all_ in results.items()}
