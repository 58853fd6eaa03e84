"""The application: routes, services and repositories put together."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool

from cpu_gpu_env import __version__
from cpu_gpu_env.dashboard.openapi import describe
from cpu_gpu_env.dashboard.refusals import handle_errors
from cpu_gpu_env.dashboard.routes import control, health, live, page, runs, tasks
from cpu_gpu_env.dashboard.routes.metering import RequestMeter
from cpu_gpu_env.dashboard.security import Guard
from cpu_gpu_env.dashboard.services.container import Services, make_services
from cpu_gpu_env.dashboard.settings import DashboardSettings

ROUTERS = (runs.router, tasks.router, control.router, live.router, health.router, page.router)
"""Of everything that can be asked for."""


class Application(FastAPI):
    """A server that describes itself with the refusals of its routes and its socket's messages."""

    def openapi(self) -> dict[str, Any]:
        """Describe it."""
        if self.openapi_schema is None:
            self.openapi_schema = describe(self, self.state.settings.token is not None)
        return self.openapi_schema


@asynccontextmanager
async def _live(app: FastAPI) -> AsyncIterator[None]:
    """Start the engine, if there is to be one, and end it with the server."""
    services: Services = app.state.services
    if services.engine.describe().may_start:
        await run_in_threadpool(services.engine.start)
    try:
        yield
    finally:
        await run_in_threadpool(services.close)


def make_app(settings: DashboardSettings) -> Application:
    """Build the application of a server; nothing is opened or started before it begins to serve.

    Args:
        settings: Its set-up.

    Raises:
        HybridClusterError: If the store is neither a path nor a URL.
    """
    app = Application(
        title="HybridCluster",
        version=__version__,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=_live,
    )
    app.state.settings = settings
    app.add_middleware(Guard, settings=settings)
    handle_errors(app)
    app.state.services = make_services(settings)
    for router in ROUTERS:
        app.include_router(router)
    app.add_middleware(RequestMeter, telemetry=app.state.services.telemetry)
    return app
