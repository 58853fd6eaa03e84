"""Schedulers that are not trained by reinforcement, and the yardsticks that all are held against.

The fixed schedulers by name stand here; `oracle`, `bounds`, `imitation`, `evaluation` and `report`
are rooms of their own.
"""

from cpu_gpu_env.baselines.schedulers import SCHEDULERS, make_scheduler

__all__ = ["SCHEDULERS", "make_scheduler"]
