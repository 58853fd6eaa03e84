"""A training that takes a moment."""

from pathlib import Path
from typing import Any

from cpu_gpu_env.agents.algorithms import DQNSettings
from cpu_gpu_env.agents.training import TrainingPlan

SMALL = DQNSettings(learning_starts=64, batch_size=16, gradient_steps=1, buffer_size=400)


def small_plan(folder: Path, **changes: Any) -> TrainingPlan:
    arguments: dict[str, Any] = {
        "steps": 400,
        "num_envs": 4,
        "evaluations": 4,
        "validation_episodes": 2,
        "net_arch": (8,),
        "observe_queues": True,
        "problems": ({"num_tasks": 10},),
        "settings": SMALL,
    }
    return TrainingPlan(folder, **{**arguments, **changes})
