"""SB3's DQN with one net for all actions, and the cheaper gradient step that it allows."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from stable_baselines3 import DQN
from stable_baselines3.common.torch_layers import create_mlp
from stable_baselines3.dqn.policies import DQNPolicy, QNetwork
from torch import nn
from torch.nn.functional import smooth_l1_loss
from torch.nn.utils import clip_grad_norm_


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
        taken = after[torch.arange(len(obs), device=obs.device), actions[:, 0]]
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


class ActionDQN(DQN):
    """DQN on an `ActionNetwork`: the same loss, in about half the time.

    A gradient needs the value of the action that was taken alone, where SB3 works out those of all.
    The target network does not change within a training, so the targets of all its gradient steps
    are worked out at once.
    """

    q_net: ActionNetwork

    def train(self, gradient_steps: int, batch_size: int = 100) -> None:
        """Take gradient steps on samples of the replay buffer."""
        self.policy.set_training_mode(True)
        self._update_learning_rate(self.policy.optimizer)
        count = gradient_steps * batch_size
        samples = self.replay_buffer.sample(count)  # type: ignore[union-attr]
        with torch.no_grad():
            best_next = self.q_net_target(samples.next_observations).amax(1, keepdim=True)
            targets = samples.rewards + (1 - samples.dones) * self.gamma * best_next
        losses = []
        for observations, actions, target in zip(
            samples.observations.split(batch_size),
            samples.actions.split(batch_size),
            targets.split(batch_size),
            strict=True,
        ):
            loss = smooth_l1_loss(self.q_net.values_of(observations, actions), target)
            self.policy.optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            clip_grad_norm_(self.q_net.parameters(), self.max_grad_norm)
            self.policy.optimizer.step()
            losses.append(loss.item())
        self._n_updates += gradient_steps
        self.logger.record("train/n_updates", self._n_updates, exclude="tensorboard")
        self.logger.record("train/loss", np.mean(losses))
