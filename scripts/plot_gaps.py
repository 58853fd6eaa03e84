"""Draw the gap of every scheduler to the certified bound."""

from __future__ import annotations

import argparse
import json
import math
import os
import signal
import sys
from pathlib import Path
from typing import Any

if __name__ == "__main__":  # Ctrl-C during the imports below
    signal.signal(signal.SIGINT, lambda *_: os._exit(130))

from cpu_gpu_env.baselines.report.drawing import FORMATS, write_figure
from cpu_gpu_env.baselines.report.ranking_figures import Gap, gap_figure
from cpu_gpu_env.errors import HybridClusterError
from cpu_gpu_env.results.metrics import GAP
from cpu_gpu_env.results.provenance import Provenance
from cpu_gpu_env.scripts.command import check_output, make_parser, run

MAX_ROWS = 500
"""Schedulers of a picture as high as matplotlib can draw."""
MAX_GAP = 1e9
MAX_BYTES = 2**30
"""Of a comparison; a larger file reads as one cut short."""


def parse_arguments(argv: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = make_parser(
        "Draw the gaps of a comparison, with 95 % intervals, as a PNG, PDF or SVG.",
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
    check_output(arguments.output, "file", FORMATS)
    title, gaps = read_comparison(arguments.comparison)
    write_figure(gap_figure(gaps, title), arguments.output)
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
        title = Provenance.from_json(content["provenance"]).describe()
        rows = content["schedulers"]
        if not isinstance(rows, list) or not 1 <= len(rows) <= MAX_ROWS:
            raise ValueError(f"field 'schedulers' has no 1 to {MAX_ROWS} rows")
        if any(GAP.key not in row for row in rows):
            raise ValueError("made with --bound none, so there are no gaps to draw")
        return title, sorted(map(_parse_gap, rows), key=lambda gap: gap.mean)
    except OSError as error:
        raise HybridClusterError(
            f"{path}: cannot read the comparison: {error.strerror}; run compare.py first"
        ) from None
    except KeyError as error:
        raise HybridClusterError(f"{path}: not a comparison: field {error} is missing") from None
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        raise HybridClusterError(f"{path}: not a comparison with gaps: {error}") from None


def _parse_gap(row: dict[str, Any]) -> Gap:
    """Read a row; an interval of null is that of a single episode."""
    for name in (GAP.key, GAP.ci_key):
        value = row[name]
        is_number = isinstance(value, (int, float)) and abs(value) <= MAX_GAP
        if not is_number and not (value is None and name == GAP.ci_key):
            raise ValueError(f"field {name!r} is {value!r:.40}; allowed: at most {MAX_GAP:g}")
    half_width = math.nan if row[GAP.ci_key] is None else row[GAP.ci_key]
    return Gap(str(row["scheduler"]), row[GAP.key], half_width)


def main(argv: list[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    return run(execute, parse_arguments(argv))


if __name__ == "__main__":
    sys.exit(main())
