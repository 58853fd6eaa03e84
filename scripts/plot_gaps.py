"""Draw the gap of every scheduler to the certified bound."""

from __future__ import annotations

import argparse
import json
import math
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if __name__ == "__main__":  # Ctrl-C during the imports below
    signal.signal(signal.SIGINT, lambda *_: os._exit(130))

from cpu_gpu_env.errors import HybridClusterError
from cpu_gpu_env.io.atomic_files import write_bytes_atomically
from cpu_gpu_env.scripts.command import check_output, entry_point, make_parser

if TYPE_CHECKING:
    from cpu_gpu_env.baselines.report.figures import Gap

FORMATS = (".png", ".pdf", ".svg")
MAX_ROWS = 500
"""Schedulers of a picture as high as matplotlib can draw."""
MAX_GAP = 1e9
MAX_BYTES = 2**30
"""Of a comparison; a larger file reads as one cut short."""


def parse_arguments(argv: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = make_parser(
        "plot-gaps",
        "Draw the gaps of a comparison, with 95 % intervals, as a PNG, PDF or SVG.",
        "--comparison runs/comparison/comparison.json",
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
    from cpu_gpu_env.baselines.report.figures import gap_figure, to_bytes

    check_output(arguments.output, "file", FORMATS)
    title, gaps = read_comparison(arguments.comparison)
    picture = to_bytes(gap_figure(gaps, title), arguments.output.suffix[1:].lower())
    write_bytes_atomically(arguments.output, picture)
    print(f"written: {arguments.output}")
    return 0


def read_comparison(path: Path) -> tuple[str, list[Gap]]:
    """Read what compare.py wrote: a title for the picture, and the gaps, the least first.

    Raises:
        HybridClusterError: If it is missing, damaged, or was made without bounds.
    """
    try:
        with path.open("rb") as file:
            content = json.loads(file.read(MAX_BYTES))
        problem, seeds = content["provenance"]["problem"], content["provenance"]["seeds"]
        title = (
            f"{problem['cluster']}, {problem['workload']}, {problem['num_tasks']} tasks, "
            f"{len(seeds)} held-out episodes"
        )
        rows = content["schedulers"]
        if not isinstance(rows, list) or not 1 <= len(rows) <= MAX_ROWS:
            raise ValueError(f"field 'schedulers' has no 1 to {MAX_ROWS} rows")
        if any("gap" not in row for row in rows):
            raise ValueError("made with --bound none, so there are no gaps to draw")
        return title, sorted(map(_parse_gap, rows), key=lambda gap: gap.mean)
    except OSError as error:
        raise HybridClusterError(
            f"{path}: cannot read the comparison: {error.strerror}; run compare.py first"
        ) from None
    except KeyError as error:
        raise HybridClusterError(f"{path}: not a comparison: field {error} is missing") from None
    except (ValueError, TypeError, RecursionError) as error:
        raise HybridClusterError(f"{path}: not a comparison with gaps: {error}") from None


def _parse_gap(row: dict[str, Any]) -> Gap:
    """Read a row; an interval of null is that of a single episode."""
    from cpu_gpu_env.baselines.report.figures import Gap

    for name in ("gap", "gap_ci95"):
        value = row[name]
        is_number = isinstance(value, (int, float)) and abs(value) <= MAX_GAP
        if not is_number and not (value is None and name == "gap_ci95"):
            raise ValueError(f"field {name!r} is {value!r:.40}; allowed: at most {MAX_GAP:g}")
    half_width = math.nan if row["gap_ci95"] is None else row["gap_ci95"]
    return Gap(str(row["scheduler"]), row["gap"], half_width)


main = entry_point(parse_arguments, execute)

if __name__ == "__main__":
    sys.exit(main())
