"""What routes are given, and the bounds of arguments that several of them take."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Path, Query
from starlette.requests import HTTPConnection

from cpu_gpu_env.checks import MAX_NAME
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
Scheduler = Annotated[str, Query(max_length=MAX_NAME, description="Name of a scheduler.")]
"""An argument of a route: one scheduler."""
Schedulers = Annotated[
    str | None,
    # The head of a request has at most 16 KiB, in which a character takes up to twelve bytes.
    Query(max_length=MAX_NAME + 200, description="Names, separated by commas; none: all."),
]
"""An argument of a route: some schedulers."""


def names_in(schedulers: str | None) -> list[str] | None:
    """Names that an argument lists; None: all are meant."""
    return None if schedulers is None else [name.strip() for name in schedulers.split(",")]
