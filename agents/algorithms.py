"""The learning algorithms by name, and the settings they are trained with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from typing import Any

import torch
from gymnasium import spaces
from stable_baselines3 import A2C, PPO
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.policies import ActorCriticPolicy, BasePolicy
from stable_baselines3.common.utils import LinearSchedule
from stable_baselines3.common.vec_env import VecEnv
from torch import nn

from cpu_gpu_env.agents.action_dqn import ActionDQN, ActionDQNPolicy
from cpu_gpu_env.errors import HybridClusterError, shown, unknown_name

NUM_QUANTILES = 25
"""Of QR-DQN: the loss takes their square, and SB3's 200 make it a hundred times slower."""
ROLLOUT_STEPS = 64
"""Steps of each environment between PPO's trainings: SB3's 2,048 are for a single one."""
HIDDEN_LAYERS = (128, 128)
"""Units of each layer. Two of 256 take twice the time and reach the same."""

ALGORITHMS: dict[str, tuple[type[BaseAlgorithm], type[BasePolicy], dict[str, Any]]] = {
    "dqn": (ActionDQN, ActionDQNPolicy, {"activation_fn": nn.SiLU}),
    "ppo": (PPO, ActorCriticPolicy, {}),
    "a2c": (A2C, ActorCriticPolicy, {}),
}
"""Name -> algorithm, its policy, and the policy's arguments besides the layers."""

if find_spec("sb3_contrib") is not None:
    from sb3_contrib import QRDQN, MaskablePPO
    from sb3_contrib.common.maskable.policies import MaskableActorCriticPolicy
    from sb3_contrib.qrdqn.policies import QRDQNPolicy

    ALGORITHMS |= {
        "qrdqn": (QRDQN, QRDQNPolicy, {"n_quantiles": NUM_QUANTILES}),
        "maskable-ppo": (MaskablePPO, MaskableActorCriticPolicy, {}),
    }


@dataclass(frozen=True)
class DQNSettings:
    """Settings of SB3's DQN (and of sb3-contrib's QR-DQN), found by measurement.

    Measured on validation seeds with 200 tasks on the reference node, one torch thread.
    """

    learning_rate: float = 3e-3
    """Adam's step, decaying linearly to a fiftieth over the training."""
    gamma: float = 0.9
    """Discount. The reward looks ahead by itself (`agents.training_env`), so a horizon of ten tasks
    does: 0.8 is worse, 0.98 noisier."""
    buffer_size: int = 150_000
    """Transitions kept for replay."""
    learning_starts: int = 1_280
    """Steps before the first gradient."""
    batch_size: int = 128
    """Transitions a gradient step."""
    train_freq: int = 1
    """Steps of each environment between trainings."""
    gradient_steps: int = 4
    """Gradient steps a training. Many steps of many environments and few gradients for each did
    better than the reverse in the same time."""
    tau: float = 0.005
    """Part of the way that the target network goes at each training. It is an average over the
    latest networks, steadier than each of them, so it is also what acts in the end."""
    exploration_initial_eps: float = 0.1
    """Share of random actions at first: the net starts with a good policy, and what comes after
    many blunders is not worth knowing."""
    exploration_fraction: float = 0.1
    """Share of the training over which exploration decays."""
    exploration_final_eps: float = 0.02
    """Share of random actions after that: the queues must look as they will in use."""


def build_policy(
    algo: str, features: spaces.Space[Any], actions: spaces.Space[Any], net_arch: Sequence[int]
) -> BasePolicy:
    """Build the policy of an algorithm for acting alone, with weights that mean nothing yet."""
    _, policy, kwargs = ALGORITHMS[algo]
    if issubclass(policy, ActorCriticPolicy):
        kwargs = {**kwargs, "ortho_init": False}  # takes a minute for the largest nets
    with torch.random.fork_rng(devices=[]):  # a training that goes on keeps its random numbers
        return policy(features, actions, lambda _: 0.0, net_arch=list(net_arch), **kwargs)


def learns_from_replay(algo: str) -> bool:
    """Whether an algorithm is one of the DQNs."""
    return algo in ("dqn", "qrdqn")


def make_algorithm(
    algo: str,
    env: VecEnv,
    net_arch: tuple[int, ...] = HIDDEN_LAYERS,
    seed: int | None = None,
    settings: DQNSettings | None = None,
    device: str = "cpu",
) -> BaseAlgorithm:
    """Build an algorithm to be trained in an environment.

    Args:
        algo: A key of `ALGORITHMS`.
        env: Where it trains, on `AgentFeatures`.
        net_arch: Units of each hidden layer.
        seed: Of everything random in it, the environment included.
        settings: Of the DQNs; the other algorithms run with SB3's defaults, but for PPO's rollouts.
        device: Where it trains, see `check_device`.

    Raises:
        HybridClusterError: If there is no algorithm of that name.
    """
    if algo not in ALGORITHMS:
        raise unknown_name("algorithm", algo, ALGORITHMS)
    algorithm, policy, kwargs = ALGORITHMS[algo]
    policy_kwargs = {"net_arch": list(net_arch), **kwargs}
    if algo != "a2c":  # trains with RMSprop, which has no fused step
        policy_kwargs["optimizer_kwargs"] = {"fused": True}  # takes a tenth off a gradient step
    own: dict[str, Any] = {}
    if learns_from_replay(algo):
        own = asdict(settings or DQNSettings())
        rate = own["learning_rate"]
        own["learning_rate"] = LinearSchedule(rate, rate / 50, 1.0)
        own["target_update_interval"] = env.num_envs * own["train_freq"]
    elif algo in ("ppo", "maskable-ppo"):
        own = {"n_steps": ROLLOUT_STEPS, "batch_size": min(512, ROLLOUT_STEPS * env.num_envs)}
    return algorithm(policy, env, policy_kwargs=policy_kwargs, seed=seed, device=device, **own)


def check_device(name: str) -> None:
    """Check that torch sees a device, such as ``"cpu"``, ``"cuda"`` or ``"cuda:1"``.

    Raises:
        HybridClusterError: If it does not.
    """
    try:
        torch.zeros(1, device=name).item()
    except (RuntimeError, TypeError, ValueError, AssertionError) as error:
        why = (str(error).splitlines() or [type(error).__name__])[0]
        raise HybridClusterError(
            f"device {shown(name)} cannot be used: {why:.200}; allowed: 'cpu', or a GPU that torch "
            "sees, such as 'cuda'"
        ) from None


def acting_weights(model: BaseAlgorithm) -> dict[str, Any]:
    """Weights of the policy that acts once training is over; for a DQN its target network's."""
    weights = model.policy.state_dict()
    return {
        name: weights.get(name.replace(".", "_target.", 1), own) for name, own in weights.items()
    }
