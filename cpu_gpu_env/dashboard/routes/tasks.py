"""Single tasks of a run: what was decided on them, sums over them, and rows as files."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query
from fastapi.responses import StreamingResponse

from cpu_gpu_env.dashboard.routes.dependencies import (
    Run,
    Scheduler,
    Schedulers,
    ServicesOfApp,
    names_in,
)
from cpu_gpu_env.dashboard.schemas.live import LogLine
from cpu_gpu_env.dashboard.schemas.tasks import AuditAnswer, DecisionPage, StatisticsAnswer
from cpu_gpu_env.dashboard.services import decisions, statistics
from cpu_gpu_env.dashboard.services.exports import Format, Table

router = APIRouter(prefix="/api/runs/{run}", tags=["tasks"])

MAX_SEQUENCE = 2**53
"""Numbers up to here are exact in JSON."""
MEDIA_TYPES = {"csv": "text/csv; charset=utf-8", "parquet": "application/vnd.apache.parquet"}
Before = Annotated[
    int | None, Query(ge=0, le=MAX_SEQUENCE, description="The newest are those before this task.")
]


@router.get("/decisions")
def get_decisions(
    services: ServicesOfApp,
    run: Run,
    scheduler: Scheduler,
    first: Annotated[int | None, Query(ge=0, le=MAX_SEQUENCE)] = None,
    last: Annotated[int | None, Query(ge=1, le=decisions.MAX_DECISIONS)] = None,
    before: Before = None,
    limit: Annotated[int, Query(ge=1, le=decisions.MAX_DECISIONS)] = 200,
) -> DecisionPage:
    """Give decisions of a scheduler in order.

    They are the newest `last`, or `limit`, of those that are kept; with `first`, a page of at most
    `limit` from that task of the run on, which goes with neither `last` nor `before`.
    """
    services.audit.warm_up()  # whoever looks at tasks clicks one of them next
    return services.decisions.page(run, scheduler, first, last, before, limit)


@router.get("/decisions/{task}")
def get_audit(
    services: ServicesOfApp,
    run: Run,
    task: Annotated[int, Path(ge=0, le=MAX_SEQUENCE, description="Number within the run.")],
) -> AuditAnswer:
    """Tell what each scheduler saw, predicted, chose and got for a task, and what that cost."""
    return services.audit.audit(run, task)


@router.get("/statistics")
def get_statistics(
    services: ServicesOfApp,
    run: Run,
    scheduler: Scheduler,
    last: Annotated[int, Query(ge=1, le=statistics.MAX_DECISIONS)] = 5_000,
    before: Before = None,
) -> StatisticsAnswer:
    """Sum up the newest decisions of a scheduler."""
    return services.statistics.sum_up(run, scheduler, last, before)


@router.get("/log")
def get_log(services: ServicesOfApp, run: Run) -> list[LogLine]:
    """Tell what happened in a run: the newest lines, the oldest of them first."""
    return services.log.lines(run)


@router.get(
    "/export",
    response_class=StreamingResponse,
    responses={
        200: {
            "description": "A file with a row an episode or a decision.",
            "content": {
                media.partition(";")[0]: {"schema": {"type": "string", "format": "binary"}}
                for media in MEDIA_TYPES.values()
            },
        }
    },
)
def get_export(
    services: ServicesOfApp,
    run: Run,
    table: Table = "episodes",
    format: Format = "csv",
    schedulers: Schedulers = None,
) -> StreamingResponse:
    """Give all rows of a table as a file, which is sent as it is made."""
    export = services.exports.export(run, table, format, names_in(schedulers))
    return StreamingResponse(
        export.blocks,
        media_type=MEDIA_TYPES[format],
        headers={"Content-Disposition": f'attachment; filename="{export.name}"'},
    )
