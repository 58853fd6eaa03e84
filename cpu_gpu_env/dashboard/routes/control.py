"""Steering an engine or a replay, and deleting a run."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from cpu_gpu_env.dashboard.routes.dependencies import Run, ServicesOfApp
from cpu_gpu_env.dashboard.schemas.control import (
    Accepted,
    OfRun,
    SeekRequest,
    SpeedRequest,
    StartRequest,
)
from cpu_gpu_env.dashboard.schemas.runs import Confirmation, Deleted

router = APIRouter(prefix="/api", tags=["control"])


@router.post("/pause", status_code=202)
def post_pause(services: ServicesOfApp, asked: OfRun) -> Accepted:
    """Let a run stand still."""
    return services.control.pause(asked.run)


@router.post("/resume", status_code=202)
def post_resume(services: ServicesOfApp, asked: OfRun) -> Accepted:
    """Let a run go on."""
    return services.control.resume(asked.run)


@router.post("/speed", status_code=202)
def post_speed(services: ServicesOfApp, asked: SpeedRequest) -> Accepted:
    """Set how fast a run is played."""
    return services.control.set_speed(asked.run, asked.speed)


@router.post("/seek", status_code=202)
def post_seek(services: ServicesOfApp, asked: SeekRequest) -> Accepted:
    """Let the replay go on from another episode."""
    return services.control.seek(asked.episode)


@router.post("/start", status_code=202)
def post_start(services: ServicesOfApp, asked: StartRequest) -> Accepted:
    """Start the engine that the server owns; the newest state tells how it is doing."""
    return services.control.start(asked)


@router.post("/stop", status_code=202)
def post_stop(services: ServicesOfApp, asked: OfRun) -> Accepted:
    """End an engine, once it has stored what it has played; by default the server's own."""
    return services.control.stop(asked.run)


@router.delete("/runs/{run}")
def delete_run(
    services: ServicesOfApp,
    run: Run,
    confirmation: Annotated[
        str | None,
        Query(max_length=64, description="Of the answer to the same request without it."),
    ] = None,
) -> Confirmation | Deleted:
    """Say what would be deleted of a run; with the confirmation that this gives, delete it."""
    if confirmation is None:
        return services.deletion.ask(run)
    return services.deletion.delete(run, confirmation)
