"""Tensors by name as bytes, in the safetensors format: a list of shapes, then numbers, no code."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from safetensors.torch import load, save

from cpu_gpu_env.errors import HybridClusterError

Tensors = Mapping[str, torch.Tensor]


def tensors_to_bytes(tensors: Tensors) -> bytes:
    """Write tensors."""
    # Each apart and in order, as the format wants them.
    return save(
        {name: t.clone(memory_format=torch.contiguous_format) for name, t in tensors.items()}
    )


def tensors_from_bytes(content: bytes, needed: Tensors, where: str) -> dict[str, torch.Tensor]:
    """Read tensors.

    Args:
        content: What `tensors_to_bytes` wrote.
        needed: Tensors of the same names, shapes and types.
        where: What holds them, for messages.

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
