"""Runs: which there are, how their schedulers compare, and how they went."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from cpu_gpu_env.dashboard.repositories.runs import Order, Sort
from cpu_gpu_env.dashboard.routes.dependencies import Run, ServicesOfApp
from cpu_gpu_env.dashboard.schemas.base import Measure
from cpu_gpu_env.dashboard.schemas.runs import RunDetail, RunPage
from cpu_gpu_env.dashboard.services.measures import list_measures

router = APIRouter(prefix="/api", tags=["runs"])


@router.get("/measures")
def get_measures() -> list[Measure]:
    """List what is measured of schedulers."""
    return list_measures()


@router.get("/runs")
def get_runs(
    services: ServicesOfApp,
    offset: Annotated[int, Query(ge=0, le=2**31 - 1)] = 0,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    sort: Sort = "run",
    order: Order = "desc",
) -> RunPage:
    """List the runs of the store, a page of them; the newest first unless told otherwise."""
    return services.runs.page(offset, limit, sort, order)


@router.get("/runs/{run}")
def get_run(services: ServicesOfApp, run: Run) -> RunDetail:
    """Tell what a run is made of."""
    return services.runs.detail(run)
