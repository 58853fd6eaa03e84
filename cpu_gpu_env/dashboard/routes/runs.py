"""Runs: which there are, how their schedulers compare, and how they went."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from cpu_gpu_env.dashboard.repositories.runs import Order, Sort
from cpu_gpu_env.dashboard.routes.dependencies import (
    Run,
    Scheduler,
    Schedulers,
    ServicesOfApp,
    names_in,
)
from cpu_gpu_env.dashboard.schemas.base import Measure
from cpu_gpu_env.dashboard.schemas.runs import ComparisonAnswer, HistoryAnswer, RunDetail, RunPage
from cpu_gpu_env.dashboard.services.comparison import MAX_EPISODES, Span
from cpu_gpu_env.dashboard.services.history import MAX_GRANULARITY, MAX_GROUPS
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


@router.get("/runs/{run}/comparison")
def get_comparison(
    services: ServicesOfApp,
    run: Run,
    span: Span = "all",
    episodes: Annotated[int, Query(ge=1, le=MAX_EPISODES)] = 100,
    reference: Scheduler | None = None,
) -> ComparisonAnswer:
    """Compare the schedulers of a run by its newest episodes.

    That is over `episodes` of them in a window, else over all as far as 30,000 of all schedulers
    together go and 10,000 of each; the answer tells which they are.
    """
    return services.comparison.compare(run, span, episodes, reference)


@router.get("/runs/{run}/history")
def get_history(
    services: ServicesOfApp,
    run: Run,
    granularity: Annotated[int, Query(ge=1, le=MAX_GRANULARITY)] = 10,
    first: Annotated[int, Query(ge=0, le=2**53)] = 0,
    limit: Annotated[int, Query(ge=1, le=MAX_GROUPS)] = 200,
    schedulers: Schedulers = None,
) -> HistoryAnswer:
    """Sum up groups of episodes, a page of them from the group that has episode `first`.

    A page of large groups may have fewer than `limit`; `next` is where the one after it begins.
    """
    return services.history.page(run, granularity, first, limit, names_in(schedulers))
