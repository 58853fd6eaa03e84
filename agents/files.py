"""Agents on disk: one zip file with settings as JSON and weights as tensors.

Nothing in it is run on loading: the settings are JSON and the weights go through
``torch.load(weights_only=True)``, so a file from a stranger is safe to open.
"""

from __future__ import annotations

import io
import json
import os
import zipfile
from typing import Any

import torch
from gymnasium import spaces
from stable_baselines3.common.policies import BasePolicy

from cpu_gpu_env.agents.algorithms import policy_class
from cpu_gpu_env.atomic_file import write_bytes_atomically
from cpu_gpu_env.errors import HybridClusterError

FORMAT_VERSION = 1
BEST_AGENT = "best.zip"
"""Name of the best agent in the folder of a training."""
_SETTINGS, _WEIGHTS = "settings.json", "weights.pt"


def save_agent(policy: BasePolicy, settings: dict[str, Any], path: str | os.PathLike[str]) -> None:
    """Write an agent, whole or not at all.

    Args:
        policy: The trained policy.
        settings: What made it, JSON values; must hold ``algo`` and ``net_arch`` for `load_agent`.
        path: File to write, ``*.zip``.
    """
    weights = io.BytesIO()
    torch.save(policy.state_dict(), weights)
    observation_space, action_space = policy.observation_space, policy.action_space
    assert isinstance(action_space, spaces.Discrete)
    header = {
        "format_version": FORMAT_VERSION,
        "observation_size": int((observation_space.shape or (0,))[0]),
        "num_actions": int(action_space.n),
        **settings,
    }
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr(_SETTINGS, json.dumps(header, indent=2))
        archive.writestr(_WEIGHTS, weights.getvalue())
    write_bytes_atomically(path, content.getvalue())


def load_agent(path: str | os.PathLike[str]) -> tuple[BasePolicy, dict[str, Any]]:
    """Load an agent: a policy with SB3's `predict`, and its settings.

    Raises:
        HybridClusterError: If the file is missing, damaged, or not an agent.
    """
    settings, weights = _read(path)
    try:
        policy = policy_class(settings["algo"])(
            spaces.Box(0.0, 1.0, (int(settings["observation_size"]),)),
            spaces.Discrete(int(settings["num_actions"])),
            lambda _: 0.0,
            net_arch=settings["net_arch"],
        )
        state = torch.load(io.BytesIO(weights), map_location="cpu", weights_only=True)
        policy.load_state_dict(state)
    except Exception as error:
        raise HybridClusterError(f"{path}: not a usable agent: {error}") from None
    policy.set_training_mode(False)
    return policy, settings


def _read(path: str | os.PathLike[str]) -> tuple[dict[str, Any], bytes]:
    try:
        with zipfile.ZipFile(path) as archive:
            settings = json.loads(archive.read(_SETTINGS))
            weights = archive.read(_WEIGHTS)
    except OSError as error:
        raise HybridClusterError(f"{path}: cannot read the agent: {error.strerror}") from None
    except (zipfile.BadZipFile, KeyError, ValueError) as error:
        raise HybridClusterError(f"{path}: not an agent file: {error}") from None
    if not isinstance(settings, dict) or settings.get("format_version") != FORMAT_VERSION:
        version = settings.get("format_version") if isinstance(settings, dict) else settings
        raise HybridClusterError(
            f"{path}: field 'format_version' is {version!r}; allowed: {FORMAT_VERSION}"
        )
    return settings, weights
