"""The learning algorithms by name, and the settings they are trained with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from stable_baselines3 import A2C, DQN, PPO
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.policies import ActorCriticPolicy, BasePolicy
from stable_baselines3.common.utils import LinearSchedule
from stable_baselines3.common.vec_env import VecEnv
from stable_baselines3.dqn.policies import DQNPolicy

from cpu_gpu_env.errors import unknown_name

ALGORITHMS: dict[str, tuple[type[BaseAlgorithm], type[BasePolicy]]] = {
    "dqn": (DQN, DQNPolicy),
    "ppo": (PPO, ActorCriticPolicy),
    "a2c": (A2C, ActorCriticPolicy),
}
"""Name -> (algorithm, policy)."""

NUM_TRAINING_ENVS = 16


@dataclass(frozen=True)
class DQNSettings:
    """Settings of SB3's DQN, found by measurement on training seeds."""

    learning_rate: float = 1e-3
    """Adam's step, decaying linearly to a twentieth over the training."""
    gamma: float = 0.9
    """Discount. The reward already carries the price of queueing, so a short horizon suffices."""
    buffer_size: int = 100_000
    """Transitions kept for replay."""
    learning_starts: int = 2_000
    """Steps before the first gradient."""
    batch_size: int = 256
    """Transitions a gradient step."""
    train_freq: int = 4
    """Steps of each environment between trainings."""
    gradient_steps: int = 8
    """Gradient steps a training."""
    target_update_interval: int = 1_600
    """Steps between copies of the network into the target network."""
    exploration_fraction: float = 0.4
    """Share of the training over which exploration decays."""
    exploration_final_eps: float = 0.05
    """Share of random actions after that."""


def policy_class(algo: str) -> type[BasePolicy]:
    """The policy of an algorithm.

    Raises:
        HybridClusterError: If there is no algorithm of that name.
    """
    if algo not in ALGORITHMS:
        raise unknown_name("algorithm", algo, ALGORITHMS)
    return ALGORITHMS[algo][1]


def make_algorithm(
    algo: str,
    env: VecEnv,
    net_arch: tuple[int, ...] = (256, 256),
    seed: int | None = None,
    tensorboard_log: str | None = None,
    settings: DQNSettings | None = None,
) -> BaseAlgorithm:
    """Build an algorithm to be trained in an environment.

    Args:
        algo: A key of `ALGORITHMS`.
        env: Where it trains.
        net_arch: Units of each hidden layer.
        seed: Of everything random in it, the environment included.
        tensorboard_log: Folder for its logs.
        settings: Of the DQN; the other algorithms run with SB3's defaults.

    Raises:
        HybridClusterError: If there is no algorithm of that name.
    """
    policy = policy_class(algo)
    common: dict[str, Any] = {
        "policy_kwargs": {"net_arch": list(net_arch)},
        "seed": seed,
        "tensorboard_log": tensorboard_log,
        "device": "cpu",
    }
    if algo == "dqn":
        chosen = dict(vars(settings or DQNSettings()))
        rate = chosen.pop("learning_rate")
        return DQN(
            DQNPolicy, env, learning_rate=LinearSchedule(rate, rate / 20, 1.0), **chosen, **common
        )
    return ALGORITHMS[algo][0](policy, env, **common)
