"""All that a training needs to go on after it was killed, in one file.

The file is a zip archive of JSON, safetensors and plain arrays; reading it runs no code. It is
replaced as a whole, so there is always a whole one.
"""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from gymnasium import spaces
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.buffers import ReplayBuffer
from torch.optim import Optimizer

from cpu_gpu_env.agents.saving import read_json_member, tensors_from_bytes, tensors_to_bytes
from cpu_gpu_env.checks import check_count, check_field, check_flag
from cpu_gpu_env.errors import HybridClusterError, not_allowed, unknown_name
from cpu_gpu_env.io.atomic_files import write_bytes_atomically
from cpu_gpu_env.io.bounded_files import open_zip, read_array, read_member

FORMAT_VERSION = 2
COUNTERS = ("num_timesteps", "_n_updates", "_n_calls", "_episode_num")
"""Attributes of an algorithm that count what has been done."""
REPLAY_ARRAYS = ("observations", "next_observations", "actions", "rewards", "dones", "timeouts")
MAX_FILE_BYTES = 2**34
_STATE, _WEIGHTS, _OPTIMIZER = "state.json", "weights.safetensors", "optimizer.safetensors"
_ARRAY_HEADER_BYTES, _TENSORS_HEADER_BYTES = 2**12, 2**20
_MOMENTS = 4
"""An optimiser remembers less than this many numbers of each weight."""


def save_checkpoint(model: BaseAlgorithm, progress: dict[str, Any], path: Path) -> None:
    """Write weights, optimiser, counters and replay buffer, whole or not at all.

    Beside them `progress`: whatever else is needed, JSON values.
    """
    write_bytes_atomically(path, checkpoint_to_bytes(model, progress))


def checkpoint_to_bytes(model: BaseAlgorithm, progress: dict[str, Any]) -> bytes:
    """Make the content of the file that `save_checkpoint` writes."""
    state = {
        "format_version": FORMAT_VERSION,
        "progress": progress,
        "counters": {name: getattr(model, name) for name in COUNTERS if hasattr(model, name)},
    }
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
        archive.writestr(_WEIGHTS, tensors_to_bytes(model.policy.state_dict()))
        archive.writestr(_OPTIMIZER, tensors_to_bytes(_tensors_of(model.policy.optimizer)))
    return content.getvalue()


def read_progress(source: Path | bytes) -> dict[str, Any]:
    """Read what was given to `save_checkpoint` as `progress`, from its file or its content.

    Raises:
        HybridClusterError: If there is no such file, or it is damaged or of another version.
    """
    if isinstance(source, Path) and not source.exists():
        raise HybridClusterError(f"{source}: nothing to resume: no such file")
    with open_zip(source, MAX_FILE_BYTES, "checkpoint", "not a checkpoint") as archive:
        return check_field(_STATE, _read_state(archive), "progress", dict)


def restore_checkpoint(model: BaseAlgorithm, source: Path | bytes) -> None:
    """Bring a newly built algorithm to where `save_checkpoint` found it, by file or content.

    Raises:
        HybridClusterError: If the file is damaged, or of another algorithm or version.
    """
    policy = model.policy
    complaint = "not a checkpoint of this training"
    with open_zip(source, MAX_FILE_BYTES, "checkpoint", complaint) as archive:
        state = _read_state(archive)
        # What is larger than this net can need is not unpacked.
        needed = sum(tensor.nbytes for tensor in policy.state_dict().values())
        limit = _MOMENTS * needed + _TENSORS_HEADER_BYTES
        _restore_optimizer(policy.optimizer, read_member(archive, _OPTIMIZER, limit))
        weights = read_member(archive, _WEIGHTS, needed + _TENSORS_HEADER_BYTES)
        policy.load_state_dict(tensors_from_bytes(weights, policy.state_dict(), _WEIGHTS))
        buffer = getattr(model, "replay_buffer", None)
        if buffer is not None:
            _restore_replay(buffer, check_field(_STATE, state, "replay", dict), archive)
        for name, value in check_field(_STATE, state, "counters", dict).items():
            if name not in COUNTERS:
                raise unknown_name("counter", name, COUNTERS)
            setattr(model, name, check_count(f"counter {name!r}", value, low=0))


def _read_state(archive: zipfile.ZipFile) -> dict[str, Any]:
    return read_json_member(archive, _STATE, FORMAT_VERSION, unsaid=1)


def _tensors_of(optimizer: Optimizer) -> dict[str, torch.Tensor]:
    """What an optimiser remembers of each parameter, ``"INDEX.NAME"`` -> tensor."""
    return {
        f"{index}.{name}": torch.as_tensor(value)
        for index, values in optimizer.state_dict()["state"].items()
        for name, value in values.items()
    }


def _restore_optimizer(optimizer: Optimizer, content: bytes) -> None:
    """Bring a new optimiser to where another was; the parameters are left at any values.

    Its settings are its own: the training decides them, and sets the rate before it steps.
    """
    if content == tensors_to_bytes({}):  # saved before the first step
        return
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            parameter.grad = torch.zeros_like(parameter)
    optimizer.step()  # so that it has all that there is to fill in
    optimizer.zero_grad()
    given = tensors_from_bytes(content, _tensors_of(optimizer), _OPTIMIZER)
    whole = optimizer.state_dict()
    for index, values in whole["state"].items():
        for name, value in values.items():
            tensor = given[f"{index}.{name}"]
            values[name] = tensor if isinstance(value, torch.Tensor) else tensor.item()
    optimizer.load_state_dict(whole)


def _check_values(name: str, array: npt.NDArray[Any], actions: spaces.Space[Any]) -> None:
    """Refuse what no environment can have given: the first gradient step would spread it."""
    if name == "actions" and isinstance(actions, spaces.Discrete):
        last = actions.start + actions.n - 1
        possible, allowed = (actions.start <= array) & (array <= last), f"{actions.start} to {last}"
    elif name in ("dones", "timeouts"):
        possible, allowed = (array == 0) | (array == 1), "0 or 1"
    else:
        possible, allowed = np.isfinite(array), "finite numbers"
    if not possible.all():
        raise not_allowed(f"a value of array {name!r}", array[~possible][0].item(), allowed)


def _restore_replay(buffer: ReplayBuffer, place: dict[str, Any], archive: zipfile.ZipFile) -> None:
    full = check_flag("field 'full'", place.get("full"))
    pos = check_count("field 'pos'", place.get("pos"), buffer.buffer_size - 1, low=0)
    for name in REPLAY_ARRAYS:
        array = getattr(buffer, name)
        stored = read_array(archive, name, array.nbytes + _ARRAY_HEADER_BYTES)
        target = array if full else array[:pos]
        if (stored.shape, stored.dtype) != (target.shape, target.dtype):
            found = f"{stored.dtype} {stored.shape}"
            raise not_allowed(f"array {name!r}", found, f"{target.dtype} {target.shape}")
        _check_values(name, stored, buffer.action_space)
        target[:] = stored
    buffer.pos, buffer.full = pos, full
