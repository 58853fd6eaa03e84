"""How a server is set up."""

from __future__ import annotations

from dataclasses import dataclass

DEFAULT_HOST, DEFAULT_PORT = "127.0.0.1", 8000


@dataclass(frozen=True)
class DashboardSettings:
    """Where a server listens, what it reads, and whom it lets in."""

    store: str
    """Path or URL of the results store."""
    host: str = DEFAULT_HOST
    """Address that it binds to."""
    port: int = DEFAULT_PORT
    """0: any that is free."""
    token: str | None = None
    """What every request must bring; None: only loopback may be bound to."""
    allowed_hosts: tuple[str, ...] = ()
    """Names by which it is reached besides loopback's and `host`, as in the header ``Host``."""
    engine: tuple[str, ...] | None = None
    """Arguments of stream.py for the engine that it starts; None: it starts none."""
    replay: int | None = None
    """Number of a stored run to play; None: it watches what engines write."""
