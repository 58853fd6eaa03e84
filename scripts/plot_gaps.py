"""Draw the gap of every scheduler to the certified bound."""

from __future__ import annotations

import argparse
import json
import math
import sys
from pathlib import Path
from typing import Any

from cpu_gpu_env.errors import HybridClusterError
from cpu_gpu_env.scripts.command import check_output, make_parser, run


def parse_arguments(argv: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = make_parser(
        "Draw the gaps of a comparison, with 95 % intervals, as a PNG.",
        "python scripts/plot_gaps.py --comparison runs/comparison/comparison.json",
    )
    parser.add_argument(
        "--comparison",
        type=Path,
        default=Path("runs/comparison/comparison.json"),
        help="what compare.py wrote",
    )
    parser.add_argument("--output", type=Path, default=Path("runs/gaps.png"), help="file to write")
    return parser.parse_args(argv)


def execute(arguments: argparse.Namespace) -> int:
    """Read the comparison and draw it."""
    check_output(arguments.output, "file")
    content = read_comparison(arguments.comparison)
    draw(content["schedulers"], content["provenance"], arguments.output)
    print(f"written: {arguments.output}")
    return 0


def read_comparison(path: Path) -> dict[str, Any]:
    """Read what compare.py wrote.

    Raises:
        HybridClusterError: If it is missing, damaged, or was made without bounds.
    """
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        complete = all("gap" in row for row in content["schedulers"])
    except OSError as error:
        raise HybridClusterError(
            f"{path}: cannot read the comparison: {error.strerror}; run compare.py first"
        ) from None
    except (ValueError, KeyError, TypeError) as error:
        raise HybridClusterError(f"{path}: not a comparison: {error}") from None
    if not complete:
        raise HybridClusterError(f"{path}: made with --bound none, so there are no gaps to draw")
    return content


def draw(rows: list[dict[str, Any]], provenance: dict[str, Any], path: Path) -> None:
    """Draw a point and an interval a scheduler, the best on top, on a logarithmic axis."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.0, 0.32 * len(rows) + 1.3), layout="constrained")
    axes = figure.add_subplot()
    for height, row in enumerate(reversed(rows)):
        gap, half = row["gap"] * 100, (row["gap_ci95"] or math.nan) * 100
        color = "tab:green" if row["scheduler"] == "oracle" else "tab:blue"
        axes.errorbar(gap, height, xerr=half, fmt="o", color=color, capsize=3)
        axes.annotate(
            f"{gap:.3g}", (gap, height), (0, 6), textcoords="offset points", ha="center", fontsize=8
        )
    axes.set_yticks(range(len(rows)), [row["scheduler"] for row in reversed(rows)])
    axes.set_xscale("log")
    axes.set_xticks([1, 3, 10, 30, 100, 300], ["1", "3", "10", "30", "100", "300"])
    axes.set_xlabel("gap to the certified lower bound [%], mean and 95 % interval")
    axes.set_ylim(-0.6, len(rows) - 0.2)
    problem = provenance["problem"]
    axes.set_title(
        f"{problem['cluster']}, {problem['workload']}, {problem['num_tasks']} tasks, "
        f"{len(provenance['seeds'])} held-out episodes",
        fontsize=10,
    )
    axes.grid(axis="x", alpha=0.3)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=130)


def main(argv: list[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    return run(execute, parse_arguments(argv))


if __name__ == "__main__":
    sys.exit(main())
