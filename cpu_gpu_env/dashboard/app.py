"""The application: routes, services and repositories put together."""

from __future__ import annotations

from fastapi import FastAPI

from cpu_gpu_env import __version__
from cpu_gpu_env.dashboard.routes import health, live, runs
from cpu_gpu_env.dashboard.routes.metering import RequestMeter
from cpu_gpu_env.dashboard.services.container import make_services
from cpu_gpu_env.dashboard.settings import DashboardSettings

ROUTERS = (health.router, live.router, runs.router)
"""Of everything that can be asked for."""


def make_app(settings: DashboardSettings) -> FastAPI:
    """Build the application of a server; nothing is opened or started before it begins to serve.

    Args:
        settings: Its set-up.

    Raises:
        HybridClusterError: If the store is neither a path nor a URL.
    """
    app = FastAPI(title="HybridCluster", version=__version__, docs_url=None, redoc_url=None)
    app.state.settings = settings
    app.state.services = make_services(settings)
    for router in ROUTERS:
        app.include_router(router)
    app.add_middleware(RequestMeter, telemetry=app.state.services.telemetry)
    return app
