"""What our zip files hold: JSON with a version, and tensors in the safetensors format.

That is a list of names and shapes, then numbers. Nothing in such a file is code.
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from typing import Any

import torch
from safetensors.torch import load, save

from cpu_gpu_env.checks import check_version
from cpu_gpu_env.errors import HybridClusterError
from cpu_gpu_env.io.bounded_files import parse_json
from cpu_gpu_env.io.bounded_zip import read_member

MAX_JSON_BYTES = 2**20
Tensors = Mapping[str, torch.Tensor]


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
    """Write tensors."""
    # Each apart and in order, as the format wants them.
    return save(
        {name: t.clone(memory_format=torch.contiguous_format) for name, t in tensors.items()}
    )


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
