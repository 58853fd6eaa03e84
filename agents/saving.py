"""Agents on disk: one zip file with settings as JSON and weights as tensors.

Nothing in it is run on loading: the settings are JSON and the weights go through
``torch.load(weights_only=True)``, so a file from a stranger is safe to open. Nor is what it claims
believed: sizes are bounded, and settings and weights must fit one another.
"""

from __future__ import annotations

import io
import json
import os
import zipfile
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from gymnasium import spaces
from stable_baselines3.common.policies import BasePolicy

from cpu_gpu_env.agents.agent import Agent
from cpu_gpu_env.agents.algorithms import build_policy
from cpu_gpu_env.agents.features import feature_space
from cpu_gpu_env.agents.pretrained import PRETRAINED, pretrained_path
from cpu_gpu_env.agents.settings import AgentSettings
from cpu_gpu_env.errors import HybridClusterError
from cpu_gpu_env.io.atomic_files import write_bytes_atomically
from cpu_gpu_env.io.bounded_zip import read_members

FORMAT_VERSION = 3
BEST_AGENT = "best.zip"
"""Name of the best agent in the folder of a training."""
MAX_SETTINGS_BYTES = 2**20
MAX_WEIGHTS_BYTES = 2**28
_SETTINGS, _WEIGHTS = "settings.json", "weights.pt"
_LIMITS = {_SETTINGS: MAX_SETTINGS_BYTES, _WEIGHTS: MAX_WEIGHTS_BYTES}


@dataclass(frozen=True)
class SavedAgent:
    """A trained policy with its settings, to act in any environment that it fits."""

    policy: BasePolicy
    """Works on `AgentFeatures`."""
    settings: AgentSettings
    """What it was trained for."""

    def act_in(self, env: Any) -> Agent:
        """Build the scheduler.

        Raises:
            HybridClusterError: If the agent does not fit the environment.
        """
        return Agent(env, self.policy, self.settings)


def save_agent(policy: BasePolicy, settings: AgentSettings, path: str | os.PathLike[str]) -> None:
    """Write an agent, whole or not at all.

    Args:
        policy: The trained policy.
        settings: What it was trained for, and what made it.
        path: File to write, ``*.zip``.
    """
    weights = io.BytesIO()
    torch.save(policy.state_dict(), weights)
    header = {"format_version": FORMAT_VERSION, **settings.to_json()}
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr(_SETTINGS, json.dumps(header, indent=2))
        archive.writestr(_WEIGHTS, weights.getvalue())
    write_bytes_atomically(path, content.getvalue())


def load_agent(path: str | os.PathLike[str]) -> SavedAgent:
    """Load an agent.

    Args:
        path: File that `save_agent` wrote, the folder of a training (its best agent is taken), or
            the name of a pretrained agent: "dqn", "dqn-queues".

    Raises:
        HybridClusterError: If the file is missing, damaged, or not an agent.
    """
    best = os.path.join(path, BEST_AGENT)
    if os.path.isfile(best):
        path = best
    elif isinstance(path, str) and path in PRETRAINED and not os.path.isfile(path):
        path = pretrained_path(path)
    if str(path).endswith(".npz"):
        raise HybridClusterError(f"{path} is a forest, no agent: baselines.forest.load_forest")
    members = read_members(path, _LIMITS, "agent")
    try:
        settings = _parse_settings(members[_SETTINGS])
        return SavedAgent(_build_policy(settings, members[_WEIGHTS]), settings)
    except HybridClusterError as error:
        raise HybridClusterError(f"{path}: not a usable agent: {error}") from None


def _parse_settings(text: bytes) -> AgentSettings:
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise HybridClusterError(f"{_SETTINGS} is no JSON: {error}") from None
    version = content.get("format_version") if isinstance(content, dict) else None
    if isinstance(content, dict) and (isinstance(version, bool) or version != FORMAT_VERSION):
        raise HybridClusterError(
            f"field 'format_version' is {version!r:.40}; allowed: {FORMAT_VERSION}"
        )
    return AgentSettings.parse(content)


def _build_policy(settings: AgentSettings, weights: bytes) -> BasePolicy:
    """Build the net that the settings describe, and fill in the weights."""
    # A net that the file cannot fill is never allocated.
    if 4 * sum(low * high for low, high in pairwise(settings.layers)) > len(weights):
        raise HybridClusterError(
            f"field 'net_arch' is {list(settings.net_arch)}, which takes more weights than the "
            f"{len(weights)} bytes of {_WEIGHTS}"
        )
    given = _read_tensors(weights)
    policy = build_policy(
        settings.algo,
        feature_space(settings.num_features),
        spaces.Discrete(settings.num_actions),
        settings.net_arch,
    )
    needed = policy.state_dict()
    for name in sorted(needed.keys() ^ given.keys()):
        state = "missing" if name in needed else "not of such a net"
        raise HybridClusterError(f"{_WEIGHTS}: tensor {name!r:.80} is {state}")
    for name, tensor in needed.items():
        found = given[name]
        if found.shape != tensor.shape or found.dtype != tensor.dtype:
            raise HybridClusterError(
                f"{_WEIGHTS}: tensor {name!r} is {found.dtype} {tuple(found.shape)}; allowed by "
                f"{_SETTINGS}: {tensor.dtype} {tuple(tensor.shape)}"
            )
        if not torch.isfinite(found).all():
            raise HybridClusterError(f"{_WEIGHTS}: tensor {name!r} holds nan or infinity")
    policy.load_state_dict(given)
    policy.set_training_mode(False)
    return policy


def _read_tensors(weights: bytes) -> dict[str, torch.Tensor]:
    try:
        # torch unpacks whatever size a member claims; what it writes itself is never compressed.
        with zipfile.ZipFile(io.BytesIO(weights)) as archive:
            if any(info.file_size != info.compress_size for info in archive.infolist()):
                raise HybridClusterError("a member is compressed")
        tensors: dict[str, torch.Tensor] = torch.load(
            io.BytesIO(weights), map_location="cpu", weights_only=True
        )
    except Exception as error:  # a stranger's bytes make torch raise whatever they like
        reason = str(error).partition("\n")[0]
        raise HybridClusterError(f"{_WEIGHTS} holds no tensors alone: {reason}") from None
    dense = isinstance(tensors, dict) and all(
        isinstance(name, str) and isinstance(tensor, torch.Tensor) and _is_plain(tensor)
        for name, tensor in tensors.items()
    )
    if not dense:
        raise HybridClusterError(f"{_WEIGHTS} is no dictionary of dense tensors by name")
    return tensors


def _is_plain(tensor: torch.Tensor) -> bool:
    return (
        tensor.layout == torch.strided and tensor.device.type == "cpu" and not tensor.is_quantized
    )
