"""The DQN's net with two heads."""

from __future__ import annotations

from typing import Any

import torch
from stable_baselines3.common.torch_layers import create_mlp
from stable_baselines3.dqn.policies import DQNPolicy, QNetwork
from torch import nn


class DuelingHead(nn.Module):
    """Value of the state plus advantage of each action, less their mean (Wang et al., ICML 2016).

    Args:
        width: Units of the layer before.
        num_actions: Actions.
    """

    def __init__(self, width: int, num_actions: int) -> None:
        super().__init__()
        self.value = nn.Linear(width, 1)
        self.advantage = nn.Linear(width, num_actions)

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        """Values of all actions, (n, num_actions)."""
        advantage = self.advantage(hidden)
        values: torch.Tensor = self.value(hidden) + advantage - advantage.mean(1, keepdim=True)
        return values


class DuelingQNetwork(QNetwork):
    """SB3's Q-network with a `DuelingHead`: every transition tells about all actions of a state.

    Once exploration is over most actions are seldom taken, and what happens after them is mostly
    due to the state.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        layers = create_mlp(self.features_dim, -1, self.net_arch, self.activation_fn)
        width = self.net_arch[-1] if self.net_arch else self.features_dim
        self.q_net = nn.Sequential(*layers, DuelingHead(width, int(self.action_space.n)))


class DuelingDQNPolicy(DQNPolicy):
    """SB3's DQN policy with a `DuelingQNetwork`."""

    def make_q_net(self) -> DuelingQNetwork:
        """Build the network."""
        arguments = self._update_features_extractor(self.net_args, features_extractor=None)
        return DuelingQNetwork(**arguments).to(self.device)
