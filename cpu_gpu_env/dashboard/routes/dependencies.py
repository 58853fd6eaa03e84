"""What routes are given, and the bounds of arguments that several of them take."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Path
from starlette.requests import HTTPConnection

from cpu_gpu_env.dashboard.schemas.control import MAX_RUN
from cpu_gpu_env.dashboard.services.container import Services


def services_of(connection: HTTPConnection) -> Services:
    """The services of the application that is asked, over HTTP or a socket."""
    services: Services = connection.app.state.services
    return services


ServicesOfApp = Annotated[Services, Depends(services_of)]
"""An argument of a route: all services."""
Run = Annotated[int, Path(ge=1, le=MAX_RUN, description="Number of a run.")]
"""An argument of a route: a run in its path."""
