"""The DQN's net: one for all actions."""

from __future__ import annotations

from typing import Any

import torch
from stable_baselines3.common.torch_layers import create_mlp
from stable_baselines3.dqn.policies import DQNPolicy, QNetwork
from torch import nn


class ActionNetwork(QNetwork):
    """Values each action by what it does, see `agents.features`.

    The value of an action is what the look-ahead says it loses, which is given, and what a net
    makes of the queues as the action leaves them, the same net for every action: the value of an
    "after-state" (Sutton & Barto, Reinforcement Learning, 2nd ed. 2018, section 6.8). At first the
    net says next to nothing, so training begins with the look-ahead and corrects it (residual
    reinforcement learning; Johannink et al., ICRA 2019).
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.num_actions = int(self.action_space.n)
        self.action_size = self.features_dim // self.num_actions - 1
        layers = create_mlp(self.action_size, 1, self.net_arch, self.activation_fn)
        self.q_net = nn.Sequential(*layers)
        with torch.no_grad():
            layers[-1].weight.mul_(0.1)  # type: ignore[operator]
            layers[-1].bias.zero_()  # type: ignore[operator]

    def forward(self, obs: torch.Tensor) -> torch.Tensor:  # type: ignore[override]
        """Values of all actions, (n, num_actions), from the features (n, size)."""
        loss, after = self._split(obs)
        values: torch.Tensor = self.q_net(after).squeeze(2) - loss
        return values

    def values_of(self, obs: torch.Tensor, actions: torch.Tensor) -> torch.Tensor:
        """Values of one action each, (n, 1), from the features (n, size) and actions (n, 1)."""
        loss, after = self._split(obs)
        taken = after[torch.arange(len(obs)), actions[:, 0]]
        values: torch.Tensor = self.q_net(taken) - loss.gather(1, actions)
        return values

    def _split(self, obs: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Loss of each action (n, num_actions), and what describes it (n, num_actions, size)."""
        after = obs[:, self.num_actions :].reshape(-1, self.num_actions, self.action_size)
        return obs[:, : self.num_actions], after


class ActionDQNPolicy(DQNPolicy):
    """SB3's DQN policy with an `ActionNetwork`."""

    def make_q_net(self) -> ActionNetwork:
        """Build the network."""
        arguments = self._update_features_extractor(self.net_args, features_extractor=None)
        return ActionNetwork(**arguments).to(self.device)
