"""Agents on disk: one zip file with settings as JSON and weights as safetensors.

Nothing in it is code, so a file from a stranger is safe to open. Nor is what it claims believed:
sizes are bounded, and settings and weights must fit one another.
"""

from __future__ import annotations

import io
import json
import os
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from gymnasium import spaces
from safetensors.torch import load, save
from stable_baselines3.common.policies import BasePolicy

from cpu_gpu_env.agents.agent import Agent, AgentSettings
from cpu_gpu_env.agents.algorithms import build_policy
from cpu_gpu_env.agents.features import feature_space
from cpu_gpu_env.agents.pretrained import PRETRAINED, pretrained_path
from cpu_gpu_env.checks import check_version
from cpu_gpu_env.errors import HybridClusterError
from cpu_gpu_env.io.atomic_files import write_bytes_atomically
from cpu_gpu_env.io.bounded_files import open_zip, parse_json, read_member
from cpu_gpu_env.io.paths import as_path

FORMAT_VERSION = 4
BEST_AGENT = "best.zip"
"""Name of the best agent in the folder of a training."""
MAX_JSON_BYTES = 2**20
MAX_WEIGHTS_BYTES = 2**28
"""Unless told otherwise; ours have some hundred thousand."""
_SETTINGS, _WEIGHTS = "settings.json", "weights.safetensors"

Tensors = Mapping[str, torch.Tensor]


@dataclass(frozen=True)
class SavedAgent:
    """An agent for any environment that it fits."""

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
    """Write an agent as ``*.zip``, whole or not at all."""
    write_bytes_atomically(path, agent_to_bytes(policy, settings))


def agent_to_bytes(policy: BasePolicy, settings: AgentSettings) -> bytes:
    """Make the content of an agent's file."""
    header = {"format_version": FORMAT_VERSION, **settings.to_json()}
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr(_SETTINGS, json.dumps(header, indent=2))
        archive.writestr(_WEIGHTS, tensors_to_bytes(policy.state_dict()))
    return content.getvalue()


def load_agent(
    path: str | os.PathLike[str] | bytes, max_bytes: int = MAX_WEIGHTS_BYTES
) -> SavedAgent:
    """Load an agent.

    Args:
        path: File that `save_agent` wrote, or its content; the folder of a training (its best agent
            is taken); or the name of a pretrained agent: "dqn", "dqn-queues".
        max_bytes: Bytes that the weights may have at most.

    Raises:
        HybridClusterError: If the file is missing, damaged, too large, or not an agent.
    """
    source = path if isinstance(path, bytes) else _find_agent(path)
    with open_zip(source, max_bytes + 2**21, "agent", "not a usable agent") as archive:
        settings = AgentSettings.parse(read_json_member(archive, _SETTINGS, FORMAT_VERSION))
        weights = read_member(archive, _WEIGHTS, max_bytes, " (argument max_bytes)")
        return SavedAgent(_build_policy(settings, weights), settings)


def _find_agent(path: str | os.PathLike[str]) -> Path:
    """Find the file that is meant."""
    file = as_path(path)
    if (file / BEST_AGENT).is_file():
        file = file / BEST_AGENT
    elif isinstance(path, str) and path in PRETRAINED and not file.is_file():
        file = pretrained_path(path)
    if file.suffix == ".npz":
        raise HybridClusterError(
            f"{file} is a forest, no agent: baselines.imitation.forest.load_forest"
        )
    return file


def _build_policy(settings: AgentSettings, weights: bytes) -> BasePolicy:
    """Build the net that the settings describe, and fill in the weights."""
    # A net that the file cannot fill is never allocated.
    if 4 * sum(low * high for low, high in pairwise(settings.layers)) > len(weights):
        raise HybridClusterError(
            f"field 'net_arch' is {list(settings.net_arch)}, which takes more weights than the "
            f"{len(weights)} bytes of {_WEIGHTS}"
        )
    policy = build_policy(
        settings.algo,
        feature_space(settings.num_features),
        spaces.Discrete(settings.num_actions),
        settings.net_arch,
    )
    policy.load_state_dict(tensors_from_bytes(weights, policy.state_dict(), _WEIGHTS))
    policy.set_training_mode(False)
    return policy


def read_json_member(
    archive: zipfile.ZipFile, name: str, version: int, unsaid: int | None = None
) -> dict[str, Any]:
    """Read a JSON object whose ``format_version``, `unsaid` if it has none, must be `version`.

    Raises:
        HybridClusterError: If it is missing, damaged, too large, no object, or of another version.
    """
    text = read_member(archive, name, MAX_JSON_BYTES)
    content: dict[str, Any] = parse_json(text, f"{name} is no JSON")
    check_version(name, content, "format_version", version, unsaid)
    return content


def tensors_to_bytes(tensors: Tensors) -> bytes:
    """Write tensors in the safetensors format: a list of names and shapes, then numbers."""
    form = torch.contiguous_format  # each apart and in order, as the format wants them
    return save({name: tensor.clone(memory_format=form) for name, tensor in tensors.items()})


def tensors_from_bytes(content: bytes, needed: Tensors, where: str) -> dict[str, torch.Tensor]:
    """Read tensors of the names, shapes and types that are needed; `where` is for messages.

    Raises:
        HybridClusterError: If they are damaged, others than needed, or not finite.
    """
    try:
        given = load(content)
    except Exception as error:  # a stranger's bytes make the reader raise whatever it likes
        reason = str(error).partition("\n")[0]
        raise HybridClusterError(f"{where} holds no tensors: {reason:.200}") from None
    for name in sorted(needed.keys() ^ given.keys()):
        state = "missing" if name in needed else "not of such a net"
        raise HybridClusterError(f"{where}: tensor {name!r:.80} is {state}")
    for name, tensor in needed.items():
        found = given[name]
        if found.shape != tensor.shape or found.dtype != tensor.dtype:
            raise HybridClusterError(
                f"{where}: tensor {name!r} is {found.dtype} {tuple(found.shape)}; allowed: "
                f"{tensor.dtype} {tuple(tensor.shape)}"
            )
        if not torch.isfinite(found).all():
            raise HybridClusterError(f"{where}: tensor {name!r} holds nan or infinity")
    return given
