"""The application: routes, services and repositories put together."""

from __future__ import annotations

from fastapi import FastAPI

from cpu_gpu_env import __version__
from cpu_gpu_env.dashboard.settings import DashboardSettings


def make_app(settings: DashboardSettings) -> FastAPI:
    """Build the application of a server; nothing is opened or started before it begins to serve.

    Args:
        settings: Its set-up.
    """
    app = FastAPI(title="HybridCluster", version=__version__, docs_url=None, redoc_url=None)
    app.state.settings = settings
    return app
