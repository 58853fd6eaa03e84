"""What the commands share: arguments of the environment, and how they end."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cpu_gpu_env.errors import HybridClusterError
from cpu_gpu_env.problem import (
    DEFAULT_GPU_FRACTIONS,
    DEFAULT_LOAD,
    DEFAULT_NUM_TASKS,
    LOAD_OF_TRACE,
)
from cpu_gpu_env.profile import DEFAULT_CLUSTER
from cpu_gpu_env.workload import DEFAULT_WORKLOAD

INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells have it."""


def make_parser(description: str, example: str) -> argparse.ArgumentParser:
    """Build a parser whose help shows defaults and an example."""
    return argparse.ArgumentParser(
        description=description,
        epilog=f"example:\n  {example}",
        formatter_class=_HelpFormatter,
    )


class _HelpFormatter(argparse.ArgumentDefaultsHelpFormatter, argparse.RawDescriptionHelpFormatter):
    pass


def add_env_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that choose the scheduling problem."""
    group = parser.add_argument_group("scheduling problem")
    group.add_argument(
        "--cluster",
        default=DEFAULT_CLUSTER,
        help="shipped profile, path of a profile, or devices such as 'epyc-7763:2 + a100-80gb:4'",
    )
    group.add_argument(
        "--workload",
        default=DEFAULT_WORKLOAD,
        help="name of a workload, or a trace such as 'azure-llm:PATH?part=0-0.7'",
    )
    group.add_argument("--num-tasks", type=int, default=DEFAULT_NUM_TASKS, help="tasks an episode")
    group.add_argument("--energy-weight", type=float, default=0.5, help="weight of energy, 0 to 1")
    group.add_argument(
        "--load",
        type=_load,
        default=DEFAULT_LOAD,
        help="arrival rate; 'none': all at time 0; 'trace': times of a trace as they are",
    )
    group.add_argument("--noise", type=float, default=0.0, help="sigma of execution times")
    group.add_argument(
        "--gpu-fractions",
        type=_fractions,
        default=DEFAULT_GPU_FRACTIONS,
        help="GPU fraction of each action, separated by commas",
    )


def env_kwargs(arguments: argparse.Namespace) -> dict[str, Any]:
    """Turn parsed arguments into those of the environment."""
    names = (
        "cluster",
        "workload",
        "num_tasks",
        "energy_weight",
        "load",
        "noise",
        "gpu_fractions",
    )
    return {name: getattr(arguments, name) for name in names}


def run(command: Callable[[argparse.Namespace], int], arguments: argparse.Namespace) -> int:
    """Run a command; turn bad input and Ctrl-C into a line on stderr and an exit code."""
    try:
        return command(arguments)
    except HybridClusterError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"error: {error.filename or 'output'}: {error.strerror or error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return interrupted()


def interrupted() -> int:
    """Say that Ctrl-C ended the command; return the exit code."""
    print("interrupted; what was finished is kept", file=sys.stderr)
    return INTERRUPTED


def check_output(path: Path, kind: str = "folder") -> None:
    """Find out before the work that an output cannot be written.

    Args:
        path: What is to be written.
        kind: ``"folder"`` or ``"file"``.

    Raises:
        HybridClusterError: If it cannot.
    """
    if path.exists() and path.is_dir() != (kind == "folder"):
        raise HybridClusterError(f"output {str(path)!r} exists and is no {kind}")
    candidates = [path, *path.absolute().parents]
    nearest = next(p for p in candidates if p.exists() and (p != path or kind == "folder"))
    if not nearest.is_dir() or not os.access(nearest, os.W_OK):
        raise HybridClusterError(
            f"cannot write output {str(path)!r}: {str(nearest)!r} is no folder open to writing"
        )


def positive(text: str) -> int:
    """Parse a whole number of at least 1."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a whole number >= 1")
    return value


def seed(text: str) -> int:
    """Parse a seed: a whole number of at least 0."""
    value = int(text)
    if value < 0:
        raise argparse.ArgumentTypeError(f"{text} is not a whole number >= 0")
    return value


def _load(text: str) -> float | str | None:
    if text.lower() in ("none", LOAD_OF_TRACE):
        return None if text.lower() == "none" else LOAD_OF_TRACE
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is neither a number nor 'none' nor 'trace'"
        ) from None


def _fractions(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a list of numbers such as 0,0.5,1"
        ) from None
