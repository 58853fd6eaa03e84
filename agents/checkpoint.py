"""All that a training needs to go on after it was killed, in one file.

The file is a zip archive of JSON, tensors and plain arrays; reading it runs no code. It is replaced
as a whole, so there is always a whole one.
"""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.buffers import ReplayBuffer

from cpu_gpu_env.errors import HybridClusterError
from cpu_gpu_env.io.atomic_files import write_bytes_atomically

COUNTERS = ("num_timesteps", "_n_updates", "_n_calls", "_episode_num")
"""Attributes of an algorithm that count what has been done."""
REPLAY_ARRAYS = ("observations", "next_observations", "actions", "rewards", "dones", "timeouts")
_STATE, _WEIGHTS = "state.json", "weights.pt"


def save_checkpoint(model: BaseAlgorithm, progress: dict[str, Any], path: Path) -> None:
    """Write weights, optimiser, counters and replay buffer, whole or not at all.

    Args:
        model: The algorithm in training.
        progress: Whatever else is needed, JSON values.
        path: File to write or replace.
    """
    state = {
        "progress": progress,
        "counters": {name: getattr(model, name) for name in COUNTERS if hasattr(model, name)},
    }
    weights = io.BytesIO()
    torch.save(
        {"policy": model.policy.state_dict(), "optimizer": model.policy.optimizer.state_dict()},
        weights,
    )
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        buffer = getattr(model, "replay_buffer", None)
        if buffer is not None:
            state["replay"] = {"pos": buffer.pos, "full": buffer.full}
            filled = buffer.buffer_size if buffer.full else buffer.pos
            for name in REPLAY_ARRAYS:
                with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
                    np.save(file, getattr(buffer, name)[:filled], allow_pickle=False)
        archive.writestr(_STATE, json.dumps(state))
        archive.writestr(_WEIGHTS, weights.getvalue())
    write_bytes_atomically(path, content.getvalue())


def read_progress(path: Path) -> dict[str, Any]:
    """Read what was given to `save_checkpoint` as `progress`.

    Raises:
        HybridClusterError: If there is no such file, or it is damaged.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            progress: dict[str, Any] = dict(json.loads(archive.read(_STATE))["progress"])
    except OSError as error:
        raise HybridClusterError(f"{path}: nothing to resume: {error.strerror}") from None
    except Exception as error:  # a damaged file makes the readers raise whatever they like
        raise HybridClusterError(f"{path}: not a checkpoint: {error}") from None
    return progress


def restore_checkpoint(model: BaseAlgorithm, path: Path) -> None:
    """Bring a newly built algorithm to where `save_checkpoint` found it.

    Raises:
        HybridClusterError: If the file is damaged or of another algorithm.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            state = json.loads(archive.read(_STATE))
            saved = torch.load(io.BytesIO(archive.read(_WEIGHTS)), weights_only=True)
            model.policy.load_state_dict(saved["policy"])
            model.policy.optimizer.load_state_dict(saved["optimizer"])
            buffer = getattr(model, "replay_buffer", None)
            if buffer is not None:
                _restore_replay(buffer, state["replay"], archive)
        for name, value in state["counters"].items():
            if name not in COUNTERS:
                raise ValueError(f"unknown counter {name!r}")
            setattr(model, name, int(value))
    except Exception as error:  # as above
        reason = str(error).partition("\n")[0]
        raise HybridClusterError(f"{path}: not a checkpoint of this training: {reason}") from None


def _restore_replay(buffer: ReplayBuffer, place: dict[str, Any], archive: zipfile.ZipFile) -> None:
    for name in REPLAY_ARRAYS:
        # An archive's member cannot seek as np.load wants it.
        stored = np.load(io.BytesIO(archive.read(f"{name}.npy")), allow_pickle=False)
        getattr(buffer, name)[: len(stored)] = stored
    buffer.pos, buffer.full = int(place["pos"]), bool(place["full"])
    if not 0 <= buffer.pos < buffer.buffer_size:
        raise ValueError(f"the replay buffer goes on at {buffer.pos} of {buffer.buffer_size}")
