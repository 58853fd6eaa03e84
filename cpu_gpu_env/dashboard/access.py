"""Who is let in: the host that was asked for, the site that asks, and the token.

A browser sends requests for any page that it shows. Another site's page cannot read or write
anything here: its ``Origin`` is not the host that it asks (cross-site requests, WebSockets
included), and if its name was bound anew to this machine's address, ``Host`` is that name (DNS
rebinding). Programs that are no browsers send no ``Origin``; they come in as everybody does: with
the token, or without one from this machine alone.
"""

from __future__ import annotations

import base64
import hmac
import ipaddress
import re
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from cpu_gpu_env.dashboard.settings import DashboardSettings, is_loopback
from cpu_gpu_env.errors import not_allowed

SUBPROTOCOL = "hybridcluster"
"""What the socket speaks; a browser offers it together with ``token.`` and the token in base64url
without padding, as it can send no other header."""
_OPEN = re.compile(r"/|/index\.html|/assets/.*|/favicon\.(svg|ico)")
"""Paths of the page itself, which holds no data: they need no token."""
_AUTHORITY = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::([0-9]{1,5}))?")
_ORIGIN = re.compile(r"https?://([^/]+)")
_READS = ("GET", "HEAD")

Scope = Mapping[str, Any]


class RefusedError(Exception):
    """A request is refused, with a code of HTTP.

    Args:
        code: Of HTTP.
        why: In a line.
        headers: Of the answer.
    """

    def __init__(self, code: int, why: object, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(str(why))
        self.code, self.headers = code, dict(headers or {})


class Access:
    """Decides on each request before anything else looks at it.

    Args:
        settings: Of the server.
    """

    def __init__(self, settings: DashboardSettings) -> None:
        self._host = settings.host.lower()
        self._allowed = frozenset(name.lower() for name in settings.allowed_hosts)
        self._bearer = self._offered = None
        if settings.token is not None:
            self._bearer = settings.token.encode()
            coded = base64.urlsafe_b64encode(self._bearer).rstrip(b"=")
            self._offered = b"token." + coded

    def check(self, scope: Scope) -> None:
        """Check host, origin and token of a request or socket.

        Raises:
            RefusedError: If it is not let in.
        """
        headers: dict[str, list[str]] = defaultdict(list)
        for name, value in scope["headers"]:
            headers[name.decode("latin-1").lower()].append(value.decode("latin-1"))
        host = self._check_host(headers["host"], scope.get("server"))
        self._check_origin(headers["origin"], host)
        if scope["type"] == "websocket":
            self._check_offered(headers["sec-websocket-protocol"])
            return
        self._check_site(headers, scope["method"])
        if not (scope["method"] in _READS and _OPEN.fullmatch(scope["path"])):
            self._check_bearer(headers["authorization"])

    def _check_host(self, given: list[str], server: Any) -> str:
        if len(given) != 1:
            raise RefusedError(400, f"Host comes {len(given)} times; allowed: once")
        host = given[0].lower()
        match = _AUTHORITY.fullmatch(host)
        if match is None or not self._is_ours(host, match[1].strip("[]"), server):
            raise RefusedError(
                403,
                not_allowed("Host", given[0], "this server's names; --allow-host NAME adds one"),
            )
        return host

    def _is_ours(self, host: str, name: str, server: Any) -> bool:
        if is_loopback(name) or name == self._host or not self._allowed.isdisjoint((host, name)):
            return True
        # The address that was connected to: no other site can have it for a name.
        return server is not None and name == _plain_address(server[0])

    def _check_origin(self, given: list[str], host: str) -> None:
        if not given:
            return
        match = _ORIGIN.fullmatch(given[0].lower())
        # A proxy may have put its own name for this server into Host.
        if len(given) > 1 or match is None or match[1] not in {host, *self._allowed}:
            raise RefusedError(403, not_allowed("Origin", ", ".join(given), "this server's own"))

    def _check_site(self, headers: Mapping[str, list[str]], method: str) -> None:
        """Browsers say of requests without an origin, too, whether another site has made them."""
        is_followed_link = method in _READS and headers["sec-fetch-mode"] == ["navigate"]
        site = headers["sec-fetch-site"]
        if site and not is_followed_link and not {"same-origin", "none"}.issuperset(site):
            raise RefusedError(
                403, not_allowed("Sec-Fetch-Site", ", ".join(site), "same-origin or none")
            )

    def _check_bearer(self, given: list[str]) -> None:
        if self._bearer is None:
            return
        scheme, _, token = given[0].partition(" ") if len(given) == 1 else ("", "", "")
        right = hmac.compare_digest(token.strip().encode("latin-1"), self._bearer)
        if not right or scheme.lower() != "bearer":
            raise _no_token(given, "Authorization: Bearer TOKEN")

    def _check_offered(self, given: list[str]) -> None:
        if self._offered is None:
            return
        offers = [offer.strip() for line in given for offer in line.split(",")]
        tokens = [offer.encode("latin-1") for offer in offers if offer.startswith("token.")]
        right = len(tokens) == 1 and hmac.compare_digest(tokens[0], self._offered)
        if not right:
            wanted = f"Sec-WebSocket-Protocol: {SUBPROTOCOL}, token.BASE64URL"
            raise _no_token(tokens, wanted)


def _no_token(given: list[Any], wanted: str) -> RefusedError:
    what = "is not right" if given else "is missing"
    challenge = 'Bearer realm="HybridCluster"' + (', error="invalid_token"' if given else "")
    return RefusedError(
        401, f"the token {what}; allowed: {wanted}", {"WWW-Authenticate": challenge}
    )


def _plain_address(address: str) -> str:
    """Write an address as a browser does: one of IPv4 that came by IPv6 as IPv4."""
    try:
        mapped = getattr(ipaddress.ip_address(address), "ipv4_mapped", None)
    except ValueError:
        return address.lower()
    return address.lower() if mapped is None else str(mapped)
