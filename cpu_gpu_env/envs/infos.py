"""What infos hold where there is nothing to tell: the same keys and types as ever."""

from __future__ import annotations

from typing import Any

import numpy as np

from cpu_gpu_env.model.tasks import FloatArray
from cpu_gpu_env.sim.episode import NOT_APPLICABLE, InfoArrays

RESULTS = ("makespan_s", "total_energy_j", "objective")
"""What an episode has come to: keys of `Objective.results`."""


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


def no_results(num_envs: int) -> dict[str, FloatArray]:
    """Results of environments none of whose episodes has terminated, (num_envs,) each."""
    return dict(zip(RESULTS, np.full((len(RESULTS), num_envs), NOT_APPLICABLE), strict=True))
