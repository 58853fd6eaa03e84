"""Single decisions: what was seen, what was chosen, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cpu_gpu_env.dashboard.repositories.decisions import read_decisions, read_newest, rows_in
from cpu_gpu_env.dashboard.repositories.source import StoreSource
from cpu_gpu_env.dashboard.schemas.tasks import DecisionPage, DecisionRow, Share
from cpu_gpu_env.dashboard.services.clusters import find_devices
from cpu_gpu_env.errors import HybridClusterError
from cpu_gpu_env.results.store import tables
from cpu_gpu_env.results.store.reading import NO_END, StoreReader

MAX_DECISIONS = 2_000
"""Decisions of a page at most."""


class DecisionService:
    """Tells of decisions.

    Args:
        source: The store.
    """

    def __init__(self, source: StoreSource) -> None:
        self._source = source

    def page(
        self,
        run: int,
        scheduler: str,
        first: int | None = None,
        last: int | None = None,
        before: int | None = None,
        limit: int = 200,
    ) -> DecisionPage:
        """Read decisions of a scheduler in order: the newest, unless `first` is given.

        Args:
            run: Number of the run.
            scheduler: Name of the scheduler.
            first: Sequence of the first; None: the newest are asked for.
            last: How many of the newest; None: `limit`.
            before: The newest are those before this sequence.
            limit: How many from the first on.

        Raises:
            NotFoundError: If there is no such run, or the scheduler did not take part.
            HybridClusterError: If both the first and the newest are asked for.
        """
        if first is not None and (last is not None or before is not None):
            raise HybridClusterError("'first' goes with neither 'last' nor 'before'; allowed: one")
        with self._source.reading() as reader:
            row = reader.run_row(run)
            reader.check_scheduler(run, scheduler)
            if first is not None:
                rows = read_decisions(reader, run, scheduler, first, limit)
            else:
                end = NO_END if before is None else before
                rows = rows_in(read_newest(reader, run, scheduler, last or limit, end))
            return DecisionPage(
                run=run,
                scheduler=scheduler,
                decisions=decision_rows(reader, row, rows),
                next=_following(reader, run, scheduler, rows),
            )


def _following(
    reader: StoreReader, run: int, scheduler: str, rows: list[dict[str, Any]]
) -> int | None:
    """Sequence of the decision after those of a page; None: there is none."""
    if not rows:
        return None
    _, high = reader.ends(tables.decisions, run, scheduler)
    after: int = rows[-1]["sequence"] + 1
    return after if after <= high else None


def decision_rows(
    reader: StoreReader, run_row: Mapping[str, Any], rows: list[dict[str, Any]]
) -> list[DecisionRow]:
    """Tell of decisions, given by their rows of the table."""
    num_cpus = find_devices(reader, run_row).num_cpus if rows else 0
    found = []
    for row in rows:
        cpu, gpu = _share(row, "cpu", 0), _share(row, "gpu", num_cpus)
        shares = [share for share in (cpu, gpu) if share is not None]
        if not shares:
            raise reader.store.error(f"it is damaged: task {row['sequence']} ran nowhere")
        found.append(
            DecisionRow(
                **{name: row[name] for name in _COPIED},
                cpu=cpu,
                gpu=gpu,
                wait_s=min(share.start_s for share in shares) - row["arrival_s"],
                response_s=max(share.finish_s for share in shares) - row["arrival_s"],
            )
        )
    return found


_COPIED = [name for name in DecisionRow.model_fields if name in tables.decisions.c]


def _share(row: Mapping[str, Any], pool: str, first_device: int) -> Share | None:
    device, start_s, finish_s = (
        row[f"{pool}_{name}"] for name in ("device", "start_s", "finish_s")
    )
    if device is None or start_s is None or finish_s is None:
        return None
    return Share(device=first_device + device, start_s=start_s, finish_s=finish_s)
