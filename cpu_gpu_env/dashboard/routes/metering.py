"""Counting of requests, around everything."""

from __future__ import annotations

import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cpu_gpu_env.dashboard.services.telemetry import Telemetry

_METHODS = frozenset(("GET", "HEAD", "POST", "DELETE", "OPTIONS", "PUT", "PATCH"))
_UNKNOWN = "other"


class RequestMeter:
    """Counts requests by route, never by path: those that strangers think up are one.

    Args:
        app: What answers them.
        telemetry: Where they are counted.
    """

    def __init__(self, app: ASGIApp, telemetry: Telemetry) -> None:
        self._app, self._telemetry = app, telemetry

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begin_s, code = time.perf_counter(), 500

        async def noting(message: Message) -> None:
            nonlocal code
            if message["type"] == "http.response.start":
                code = int(message["status"])
            await send(message)

        try:
            await self._app(scope, receive, noting)
        finally:
            route = getattr(scope.get("route"), "path", _UNKNOWN)
            method = scope["method"] if scope["method"] in _METHODS else _UNKNOWN
            took_s = time.perf_counter() - begin_s
            self._telemetry.requests.labels(route, method, str(code)).inc()
            self._telemetry.request_s.labels(route, method).observe(took_s)
