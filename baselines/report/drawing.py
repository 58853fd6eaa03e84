"""What the figures of a report share: size, colours, legends, and how they become files.

matplotlib, which comes with the ``[train]`` extra, is imported when a figure is made.
"""

from __future__ import annotations

import io
import math
import os
import sys
import warnings
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cpu_gpu_env.io.atomic_files import write_bytes_atomically
from cpu_gpu_env.io.cache_folder import default_cache
from cpu_gpu_env.results.records import ORACLE, Comparison

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FORMATS = (".png", ".pdf", ".svg")
"""Endings of the files that `to_bytes` can write."""
WIDTH = 5.4
"""Width of a figure [inch]: its letters can still be read where a phone shows it whole."""
DPI = 120
MAX_NAME = 26
"""Letters of a name in a figure; longer ones are cut."""
MIN_PERCENT = 0.01
"""A logarithmic axis has no room for a gap of 0; it stands here."""


def load_matplotlib() -> None:
    """Import matplotlib whatever windows it is to open: nothing here opens one.

    It reads ``MPLBACKEND`` as it is imported, and fails if there is no such thing. Some versions
    fail, too, where there is no home for their cache.
    """
    if "matplotlib" in sys.modules:
        return
    caches, backend = default_cache().parent.absolute(), os.environ.pop("MPLBACKEND", None)
    if caches.is_relative_to(Path.cwd()):  # there is no home
        os.environ.setdefault("MPLCONFIGDIR", str(caches / "matplotlib"))
    import matplotlib

    if backend is not None:  # who opens windows finds all as it was
        os.environ["MPLBACKEND"] = backend
        with suppress(ValueError):
            matplotlib.rcParams["backend"] = backend


def to_bytes(figure: Figure, file_format: str) -> bytes:
    """Write a figure as ``"png"``, ``"svg"`` or ``"pdf"``: the same bytes for the same figure."""
    load_matplotlib()
    from matplotlib import rc_context

    dates = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}
    picture = io.BytesIO()
    with rc_context({"svg.hashsalt": "figure"}), warnings.catch_warnings():
        # A letter of a name that the font lacks becomes a box; tables have it.
        warnings.filterwarnings("ignore", "Glyph .* missing")
        figure.savefig(picture, format=file_format, dpi=DPI, metadata=dates.get(file_format))
    return picture.getvalue()


def write_figure(figure: Figure, path: Path) -> None:
    """Write a figure to a file, whole or not at all; its ending is one of `FORMATS`."""
    write_bytes_atomically(path, to_bytes(figure, path.suffix[1:].lower()))


def blank_figure(height: float, width: float = WIDTH) -> Figure:
    """Make a figure without axes that no window knows of; height and width in inches."""
    load_matplotlib()
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def make_figure(height: float, **properties: Any) -> tuple[Figure, Axes]:
    """Make a figure with axes.

    Args:
        height: Of the figure [inch].
        **properties: Of the axes, as `Figure.add_subplot` has them; their letters are small.
    """
    figure = blank_figure(height)
    axes = figure.add_subplot(**properties)
    for text in (axes.title, axes.xaxis.label, axes.yaxis.label):
        text.set_fontsize(9)
    return figure, axes


def scheduler_colours(comparison: Comparison) -> dict[str, Any]:
    """A colour for each scheduler, the same in every figure."""
    load_matplotlib()
    from matplotlib import colormaps

    palette = [colormaps["tab20"](index) for index in range(20)]
    # Full colours first; the pale half of the palette only where there are more than those.
    order = [*palette[::2], *palette[1::2]]
    green = order.pop(2)
    others = [result.name for result in comparison.results if result is not comparison.oracle]
    colours = {name: order[index % len(order)] for index, name in enumerate(others)}
    return {**colours, ORACLE: green} if comparison.oracle else colours


def add_legend(figure: Figure, handles: Sequence[Any], names: Sequence[str]) -> None:
    """Write a legend of schedulers below, and make room for it."""
    columns = 3 if max(map(len, names)) <= MAX_NAME * 2 // 3 else 2
    figure.set_figheight(figure.get_figheight() + 0.19 * math.ceil(len(names) / columns) + 0.1)
    # Labels that begin with an underscore would be left out.
    write_legend(figure, handles, [f" {short_name(name)}" for name in names], columns, 8)


def write_legend(
    figure: Figure, handles: Sequence[Any], labels: Sequence[str], columns: int, size: int
) -> None:
    """Write a legend below, in letters of this size [point]."""
    style: dict[str, Any] = {"ncols": columns, "fontsize": size, "frameon": False}
    figure.legend(handles, labels, loc="outside lower center", **style)


def short_name(name: str) -> str:
    """Cut the middle of a name that would leave no room for the figure; see `literal`."""
    cut = f"{name[: MAX_NAME // 2]}…{name[-MAX_NAME // 2 + 1 :]}"
    return literal(name if len(name) <= MAX_NAME else cut)


def literal(text: str) -> str:
    """Text of which matplotlib reads nothing as mathematics: names may come from files."""
    return text.replace("$", r"\$")
