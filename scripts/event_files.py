"""Outputs of commands that TensorBoard reads."""

from __future__ import annotations

from pathlib import Path

from cpu_gpu_env.errors import HybridClusterError, printable
from cpu_gpu_env.scripts.command import check_output


def check_tensorboard(folder: Path) -> None:
    """Find out before the work that event files cannot be written to a folder.

    Raises:
        HybridClusterError: If so.
    """
    check_output(folder)
    try:
        str(folder).encode()
    except UnicodeEncodeError:
        raise HybridClusterError(
            f"output {str(folder)!r} is no text in UTF-8, as TensorBoard wants it; allowed: "
            "another name, or a locale that has these letters (LC_ALL=C.UTF-8)"
        ) from None


def tell_tensorboard(what: str, folder: Path) -> None:
    """Say how to look at event files."""
    print(f"{what}: tensorboard --logdir {printable(folder)}")
