"""Precisions: the number format that a task computes in, and whose rate it takes on a device."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from cpu_gpu_env.checks import is_list, is_whole
from cpu_gpu_env.errors import not_allowed

PRECISIONS = ("fp32", "fp64", "tf32", "fp16", "bf16", "fp8", "int8")
"""The formats: IEEE 754's of 64, 32 and 16 bits, NVIDIA's TensorFloat-32, bfloat16, the two of 8
bits of the OCP (E4M3 and E5M2), and whole numbers of 8 bits. A *code* is an index into these."""
DEFAULT_PRECISION = "fp32"

WIDER: dict[str, tuple[str, ...]] = {
    "fp64": (),
    "fp32": (),
    "tf32": ("fp32",),
    "fp16": ("tf32", "fp32"),
    "bf16": ("tf32", "fp32"),
    "fp8": ("fp16", "bf16", "tf32", "fp32"),
    "int8": ("fp16", "bf16", "tf32", "fp32"),
}
"""Of each format those that hold all of its numbers, the narrowest first. FP32 ends every list but
that of fp64: a device has a rate of it."""

Codes = npt.NDArray[np.uint8]


def precision_codes(precision: Any) -> Codes:
    """Turn precisions into their codes.

    Args:
        precision: One for all tasks or one a task: names, or codes, which stay what they are.

    Returns:
        uint8, of shape () or (num_tasks,).

    Raises:
        HybridClusterError: If there is no such precision.
    """
    if isinstance(precision, np.ndarray) and precision.dtype == np.uint8:
        if not precision.size or precision.max() < len(PRECISIONS):
            return precision
        precision = [int(precision.max())]
    values = list(precision) if is_list(precision) else [precision]
    codes = np.zeros(len(values), dtype=np.uint8)
    for place, value in enumerate(values):
        if isinstance(value, str) and value in PRECISIONS:
            codes[place] = PRECISIONS.index(value)
        elif is_whole(value, 0, len(PRECISIONS) - 1):
            codes[place] = value
        else:
            raise not_allowed("precision", value, ", ".join(map(repr, PRECISIONS)))
    return codes if is_list(precision) else codes.reshape(())
