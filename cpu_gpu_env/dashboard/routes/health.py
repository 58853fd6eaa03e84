"""Whether the server lives and can do its work, and its metrics."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST

from cpu_gpu_env.dashboard.errors import UnavailableError
from cpu_gpu_env.dashboard.routes.dependencies import ServicesOfApp
from cpu_gpu_env.dashboard.schemas.base import Answer, Refusal

router = APIRouter(tags=["health"])


class Health(Answer):
    """That all is well."""

    status: Literal["ok"] = "ok"


@router.get("/healthz")
async def get_health() -> Health:
    """Tell that the process lives."""
    return Health()


@router.get("/readyz", responses={503: {"model": Refusal}})
async def get_readiness(services: ServicesOfApp) -> Health:
    """Tell that the store can be read; 503: it cannot."""
    trouble = (await services.live.state()).server.trouble
    if trouble is not None:
        raise UnavailableError(trouble)
    return Health()


@router.get("/metrics", response_class=Response)
async def get_metrics(services: ServicesOfApp) -> Response:
    """Metrics in Prometheus' text format."""
    content = services.telemetry.exposition(await services.live.state())
    return Response(content, media_type=CONTENT_TYPE_LATEST)
