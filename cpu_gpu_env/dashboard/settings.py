"""How a server is set up."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field

from cpu_gpu_env.checks import check_count
from cpu_gpu_env.errors import HybridClusterError, not_allowed

DEFAULT_HOST, DEFAULT_PORT = "127.0.0.1", 8000
MIN_TOKEN, MAX_TOKEN = 16, 256
"""Characters of a token."""
TOKEN_VARIABLE = "HYBRIDCLUSTER_TOKEN"
"""Variable of the environment with the token."""
MAKE_TOKEN = "python -c 'import secrets; print(secrets.token_urlsafe())' > token"
"""What makes a file with a token."""
_TOKEN = re.compile(r"[A-Za-z0-9\-._~+/]+=*")  # RFC 6750, section 2.1
_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9_]([a-z0-9._-]*[a-z0-9])?)(:[0-9]{1,5})?")


@dataclass(frozen=True)
class DashboardSettings:
    """Where a server listens, what it reads, and whom it lets in.

    Raises:
        HybridClusterError: If a field is not valid, or others than this machine are let in without
            a token.
    """

    store: str = field(repr=False)
    """Path or URL of the results store."""
    host: str = DEFAULT_HOST
    """Address that it binds to."""
    port: int = DEFAULT_PORT
    """0: any that is free."""
    token: str | None = field(default=None, repr=False)
    """What every request must bring; None: only loopback may be bound to."""
    allowed_hosts: tuple[str, ...] = ()
    """Names by which it is reached besides loopback's and `host`, as in the header ``Host``."""
    engine: tuple[str, ...] | None = None
    """Arguments of stream.py for the engine that it starts; None: it starts none."""
    replay: int | None = None
    """Number of a stored run to play; None: it watches what engines write."""

    def __post_init__(self) -> None:
        check_count("port", self.port, 65535, low=0)
        if self.replay is not None:
            check_count("replay", self.replay, 2**31 - 1)
        if self.token is not None:
            check_token("token", self.token)
        elif not is_loopback(self.host):
            raise HybridClusterError(
                f"host is {self.host!r}, which other machines reach: that takes a token; make one "
                f"with {MAKE_TOKEN}, and give it with --token-file token, or in {TOKEN_VARIABLE}"
            )
        for name in self.allowed_hosts:
            if not _HOST.fullmatch(name.lower()):
                raise not_allowed(
                    "allowed host", name, "a name or address as in dash.example.org, or with a port"
                )


def is_loopback(host: str) -> bool:
    """Whether a name or address is this machine's own, which no other reaches."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def check_token(what: str, token: str) -> str:
    """Check that a token is long enough, and can stand in a header; errors do not show it.

    Raises:
        HybridClusterError: If it is not.
    """
    if not MIN_TOKEN <= len(token) <= MAX_TOKEN:
        raise HybridClusterError(
            f"{what} has {len(token)} characters; allowed: {MIN_TOKEN} to {MAX_TOKEN}; "
            f"one is made with {MAKE_TOKEN}"
        )
    if not _TOKEN.fullmatch(token):
        raise HybridClusterError(
            f"{what} has a character that no header takes; allowed: letters, digits and -._~+/, "
            f"and = at the end; one is made with {MAKE_TOKEN}"
        )
    return token
