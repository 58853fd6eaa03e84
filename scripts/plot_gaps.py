"""Draw the gap of every scheduler to the certified bound."""

from __future__ import annotations

import argparse
import math
import os
import signal
import sys
from pathlib import Path
from typing import Any

if __name__ == "__main__":  # Ctrl-C during the imports below
    signal.signal(signal.SIGINT, lambda *_: os._exit(130))

from cpu_gpu_env.baselines.report.comparison_figures import Gap, gap_figure
from cpu_gpu_env.baselines.report.drawing import FORMATS, write_figure
from cpu_gpu_env.checks import check_count, check_field, check_name, check_number
from cpu_gpu_env.errors import HybridClusterError
from cpu_gpu_env.io.bounded_files import read_json
from cpu_gpu_env.results.gap import INFINITY
from cpu_gpu_env.results.metrics import GAP
from cpu_gpu_env.results.provenance import Provenance
from cpu_gpu_env.scripts import command, outputs

MAX_ROWS = 500
"""Schedulers of a picture as high as matplotlib can draw."""
MAX_GAP = 1e300
MAX_BYTES = 2**25
"""Of a comparison, unless told otherwise; a hundred episodes of all schedulers take one million."""


def parse_arguments(argv: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = command.Parser(
        "plot-gaps",
        "Draw the gaps of a comparison, with 95 % intervals, as a PNG, PDF or SVG.",
        "--comparison runs/comparison/comparison.json",
    )
    parser.add(
        "--comparison", command.path, "runs/comparison/comparison.json", "what compare.py wrote"
    )
    parser.add("--output", command.path, "runs/gaps.png", "file to write")
    parser.add(
        "--max-bytes",
        command.whole_number(1, 2**40),
        MAX_BYTES,
        "bytes that the comparison may have at most; it may take forty times as much memory",
    )
    return parser.parse_args(argv)


@command.entry_point(parse_arguments)
def main(arguments: argparse.Namespace) -> int:
    """Read the comparison and draw it."""
    outputs.check_output(arguments.output, "file", FORMATS)
    title, gaps = read_comparison(arguments.comparison, arguments.max_bytes)
    write_figure(gap_figure(gaps, title), arguments.output)
    outputs.tell_written(arguments.output)
    return 0


def read_comparison(path: Path, max_bytes: int = MAX_BYTES) -> tuple[str, list[Gap]]:
    """Read what compare.py wrote: a title for the picture, and the gaps, the least first.

    Raises:
        HybridClusterError: If it is missing, damaged, or was made without bounds.
    """
    content = read_json(path, max_bytes, "comparison", "; run compare.py first")
    try:
        provenance = check_field("comparison", content, "provenance", dict)
        title = Provenance.from_json(provenance).describe()
        check_name("title", title)
        rows = check_field("comparison", content, "schedulers", list)
        check_count("number of schedulers", len(rows), MAX_ROWS)
        return title, sorted(map(_parse_gap, rows), key=lambda gap: gap.mean)
    except KeyError as error:
        raise HybridClusterError(f"{path}: not a comparison: field {error} is missing") from None
    except (OverflowError, TypeError, ValueError) as error:  # HybridClusterError is the last
        raise HybridClusterError(f"{path}: not a comparison with gaps: {error}") from None


def _parse_gap(row: Any) -> Gap:
    """Read a row; an interval of null is that of a single episode, or of an infinite gap."""
    name = check_field("scheduler", row, "scheduler", str)
    check_name("name of a scheduler", name)
    if GAP.key not in row:
        raise HybridClusterError("made with --bound none, so there are no gaps to draw")
    mean = math.inf
    if row[GAP.key] != INFINITY:
        mean = check_number(f"field {GAP.key!r}", row[GAP.key], -MAX_GAP, MAX_GAP)
    half_width = check_field("scheduler", row, GAP.ci_key, object)
    if half_width is None:
        return Gap(name, mean, math.nan)
    return Gap(name, mean, check_number(f"field {GAP.ci_key!r}", half_width, 0, MAX_GAP))


if __name__ == "__main__":
    sys.exit(main())
