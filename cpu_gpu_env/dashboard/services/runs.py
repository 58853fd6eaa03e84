"""Runs: a list of them, and what each is made of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cpu_gpu_env.baselines.report.stored_tables import describe_problem
from cpu_gpu_env.dashboard.repositories import runs as repository
from cpu_gpu_env.dashboard.repositories.runs import Order, Sort
from cpu_gpu_env.dashboard.repositories.source import StoreSource
from cpu_gpu_env.dashboard.schemas.runs import RunDetail, RunPage, RunSummary, StoredModelRow
from cpu_gpu_env.dashboard.services.clusters import find_devices, gpu_fractions_of, phases_of
from cpu_gpu_env.results.store.reading import StoreReader
from cpu_gpu_env.results.store.records import StoredModel


class RunService:
    """Tells of runs.

    Args:
        source: The store.
    """

    def __init__(self, source: StoreSource) -> None:
        self._source = source

    def page(
        self, offset: int = 0, limit: int = 50, sort: Sort = "run", order: Order = "desc"
    ) -> RunPage:
        """List runs in an order, a page of them."""
        with self._source.reading() as reader:
            rows = repository.read_runs(reader, offset, limit, sort, order)
            alive = repository.find_alive(reader, rows)
            total = repository.count_runs(reader)
        return RunPage(runs=[summary_of(row, row["run"] in alive) for row in rows], total=total)

    def summary(self, run: int) -> RunSummary:
        """Tell of a run in a few words.

        Raises:
            NotFoundError: If there is no such run.
        """
        with self._source.reading() as reader:
            return self._summary(reader, reader.run_row(run))

    def newest(self) -> int | None:
        """Number of the run that was begun last; None: there is none."""
        with self._source.reading() as reader:
            return repository.newest_run(reader)

    def detail(self, run: int) -> RunDetail:
        """Tell what a run is made of.

        Raises:
            NotFoundError: If there is no such run.
        """
        with self._source.reading() as reader:
            row = reader.run_row(run)
            devices = find_devices(reader, row)
            return RunDetail(
                summary=self._summary(reader, row),
                settings=row["settings"],
                provenance=row["provenance"],
                models=[_model_row(model) for model in reader.models(run)],
                phases=phases_of(row),
                kept=reader.kept_decisions(run),
                gpu_fractions=gpu_fractions_of(row),
                devices=list(devices.names),
                num_cpus=devices.num_cpus,
            )

    @staticmethod
    def _summary(reader: StoreReader, row: Mapping[str, Any]) -> RunSummary:
        return summary_of(row, row["run"] in repository.find_alive(reader, [row]))


def summary_of(row: Mapping[str, Any], is_alive: bool) -> RunSummary:
    """Tell of a run in a few words.

    Args:
        row: Of the table of runs; settings and measures are not needed.
        is_alive: Whether a process writes to it.
    """
    return RunSummary(
        run=row["run"],
        kind=row["kind"],
        status=row["status"],
        is_alive=is_alive,
        started_at=row["started_at"],
        ended_at=row["ended_at"],
        command=row["command"],
        schedulers=row["schedulers"],
        problem=describe_problem(row),
        tasks=row["tasks"],
        next_episode=row["next_episode"],
        clock_s=row["clock_s"],
        notes=row["notes"],
    )


def _model_row(model: StoredModel) -> StoredModelRow:
    return StoredModelRow(
        scheduler=model.scheduler,
        version=model.version,
        episode=model.episode,
        made_at=model.made_at,
        exploration=model.exploration,
        score=dict(model.score),
    )
