"""Schedulers that are not trained by reinforcement, and the yardsticks that all are held against.

The fixed schedulers by name stand here; `oracle`, `bounds`, `imitation`, `evaluation` and `report`
are rooms of their own.
"""

if __name__ == "baselines":  # would load a second copy
    raise ImportError("this package is cpu_gpu_env.baselines; import it by that name")

from cpu_gpu_env.baselines.schedulers import SCHEDULERS, make_scheduler

__all__ = ["SCHEDULERS", "make_scheduler"]
