"""Writing a comparison down: CSV, JSON, TensorBoard and the terminal."""

from __future__ import annotations

import csv
import io
import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cpu_gpu_env.atomic_file import write_text_atomically
from cpu_gpu_env.baselines.comparison import Comparison, Entry

if TYPE_CHECKING:
    from rich.table import Table


def write_csv(comparison: Comparison, path: Path) -> None:
    """Write a row a scheduler, each with what made it."""
    problem = comparison.provenance["problem"]
    made_by = {
        "cluster_sha256": problem["cluster_sha256"],
        "workload_sha256": problem["workload_sha256"],
        "first_seed": comparison.provenance["seeds"][0],
        "versions": json.dumps(comparison.provenance["versions"]),
        "command": comparison.provenance["command"],
    }
    rows = [_without_nan({**row, **made_by}) for row in comparison.rows()]
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    write_text_atomically(path, text.getvalue())


def write_json(comparison: Comparison, path: Path) -> None:
    """Write summaries, every episode, the win matrix and the provenance."""
    content = {
        "provenance": comparison.provenance,
        "schedulers": comparison.rows(),
        "wins": {
            entry.name: dict(
                zip([other.name for other in comparison.entries], shares.tolist(), strict=True)
            )
            for entry, shares in zip(comparison.entries, comparison.wins(), strict=True)
        },
        "episodes": {entry.name: _episode_lists(entry) for entry in comparison.entries},
    }
    write_text_atomically(path, json.dumps(_without_nan(content), indent=2) + "\n")


def write_tensorboard(comparison: Comparison, folder: Path) -> None:
    """Write one run a scheduler, with the same tags in each, so that curves lie over one another.

    A scalar's step is the episode; the summary scalars have step 0.
    """
    from torch.utils.tensorboard import SummaryWriter

    fractions = np.array(comparison.provenance["problem"]["gpu_fractions"])
    for entry, row in zip(comparison.entries, comparison.rows(), strict=True):
        with SummaryWriter(str(folder / entry.name)) as writer:
            for name in ("objective", "makespan_s", "energy_j"):
                values = getattr(entry.episodes, name)
                for step, value in enumerate(values):
                    writer.add_scalar(f"episode/{name}", value, step)
                writer.add_scalar(f"mean/{name}", row[name], 0)
            if entry.gap is not None:
                for step, value in enumerate(entry.gap):
                    writer.add_scalar("episode/gap", value, step)
                writer.add_scalar("mean/gap", row["gap"], 0)
            for name in ("decision_p50_s", "decision_p99_s"):
                writer.add_scalar(f"mean/{name}", row[name], 0)
            chosen = fractions[entry.episodes.actions.ravel()]
            writer.add_histogram("gpu_fraction", chosen, 0)
            writer.add_text(
                "provenance", f"```\n{json.dumps(comparison.provenance, indent=1)}\n```"
            )


def make_table(comparison: Comparison) -> Table:
    """Lay the comparison out for the terminal."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    problem = comparison.provenance["problem"]
    table = Table(
        box=SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        title=f"{problem['cluster']}, {problem['workload']}, {problem['num_tasks']} tasks, "
        f"{len(comparison.provenance['seeds'])} held-out episodes\n"
        "(mean ± 95 % interval; time of a decision)",
    )
    table.add_column("scheduler", no_wrap=True)
    headings = ["J", "gap [%]", "makespan [s]", "energy [kJ]", "p50/99 µs"]
    has_gap = comparison.entries[0].gap is not None
    if not has_gap:
        headings.remove("gap [%]")
    for heading in headings:
        table.add_column(heading, justify="right", no_wrap=True)
    for row in comparison.rows():
        table.add_row(
            row["scheduler"],
            _interval(row["objective"], row["objective_ci95"], 3),
            *([_interval(row["gap"] * 100, row["gap_ci95"] * 100, 1)] if has_gap else []),
            _interval(row["makespan_s"], row["makespan_s_ci95"], 1),
            _interval(row["energy_j"] / 1e3, row["energy_j_ci95"] / 1e3, 1),
            "sees all" if math.isnan(row["decision_p50_s"]) else _decision(row),
        )
    return table


def _decision(row: dict[str, Any]) -> str:
    return f"{row['decision_p50_s'] * 1e6:.0f}/{row['decision_p99_s'] * 1e6:.0f}"


def _interval(mean: float, half_width: float, digits: int) -> str:
    """A mean with its interval; a single episode has none."""
    digits = max(digits - 1, 0) if mean >= 100 else digits
    text = f"{mean:.{digits}f}"
    return text if math.isnan(half_width) else f"{text}±{half_width:.{digits}f}"


def _episode_lists(entry: Entry) -> dict[str, list[float]]:
    names = ("objective", "makespan_s", "energy_j")
    lists = {name: getattr(entry.episodes, name).tolist() for name in names}
    return lists if entry.gap is None else {**lists, "gap": entry.gap.tolist()}


def _without_nan(value: Any) -> Any:
    """Replace nan (no interval from one episode) by None: JSON has no nan."""
    if isinstance(value, dict):
        return {key: _without_nan(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_nan(item) for item in value]
    return None if isinstance(value, float) and value != value else value
