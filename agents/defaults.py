"""What a training is unless told otherwise; without torch, so that a command line can tell it."""

from importlib.util import find_spec

ALGORITHM_NAMES: tuple[str, ...] = ("dqn", "ppo", "a2c")
"""Those that Stable-Baselines3, and sb3-contrib if it is installed, train."""
if find_spec("sb3_contrib") is not None:
    ALGORITHM_NAMES += ("qrdqn", "maskable-ppo")

DEFAULT_STEPS = 1_000_000
"""Environment steps of a training."""
NUM_TRAINING_ENVS = 128
"""Environments stepped together."""
