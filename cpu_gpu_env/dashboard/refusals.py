"""How a request is refused: `{"error": "one line"}` with the code that fits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.routing import Match

from cpu_gpu_env.dashboard.errors import ConflictError, NotFoundError, UnavailableError
from cpu_gpu_env.dashboard.schemas.base import Refusal
from cpu_gpu_env.errors import HybridClusterError, not_allowed, printable

REFUSALS = {
    400: "An argument is not valid.",
    401: "The token is missing or wrong.",
    403: "The request is from another site, or for a host that this server is not.",
    404: "There is no such run, scheduler, task or page.",
    405: "The method is not allowed.",
    408: "The body did not come in time.",
    409: "It cannot be done as things are.",
    413: "The body is too large.",
    422: "An argument is missing, of the wrong type or out of range.",
    503: "The store cannot be read at the moment.",
}
"""Codes of refusals, and what each means."""
_OF_BODIES = (408, 409, 413)
_ANY_METHOD = 405
_METHODS = ("DELETE", "GET", "HEAD", "POST")
_CODES = {NotFoundError: 404, ConflictError: 409, UnavailableError: 503}


def refusal(code: int, why: object, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """Build the answer that refuses a request, in one line."""
    error = str(HybridClusterError(why))
    return JSONResponse(Refusal(error=error).model_dump(), code, headers=headers)


def documented(method: str) -> dict[str, str]:
    """Codes of the refusals that a request of some method can meet, and what each means."""
    left_out = (_ANY_METHOD, *(_OF_BODIES if method == "get" else ()))
    return {str(code): what for code, what in REFUSALS.items() if code not in left_out}


def handle_errors(app: FastAPI) -> None:
    """Let an application answer every error that it knows with a refusal."""
    app.add_exception_handler(HybridClusterError, _refuse_known)
    app.add_exception_handler(RequestValidationError, _refuse_arguments)
    app.add_exception_handler(HTTPException, _refuse_http)
    app.add_exception_handler(ValidationError, _refuse_rows)


async def _refuse_known(request: Request, error: Exception) -> JSONResponse:
    code = next((code for kind, code in _CODES.items() if isinstance(error, kind)), 400)
    return refusal(code, error)


async def _refuse_arguments(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    return refusal(422, _complaint(first))


async def _refuse_rows(request: Request, error: Exception) -> JSONResponse:
    """Of an answer that cannot be made: what a store holds is not believed."""
    assert isinstance(error, ValidationError)
    first = error.errors(include_url=False)[0]
    field = " ".join(printable(str(part)) for part in first["loc"])
    return refusal(503, f"the store holds what no run has: {field} of {error.title}")


def _complaint(error: Mapping[str, Any]) -> str:
    """Say which argument is wrong, its value, and what is allowed."""
    kind, place = error["type"], [str(part) for part in error["loc"]]
    name = " ".join(printable(part) for part in place[1:]) or place[0]
    allowed = str(error["msg"])
    if kind == "json_invalid":
        return f"body is no JSON: {error.get('ctx', {}).get('error', allowed)}"
    if kind == "missing":
        return f"{name} is missing"
    if kind == "extra_forbidden":
        return f"{name} is unknown; allowed: the fields that /openapi.json names"
    return str(not_allowed(name, error.get("input"), allowed[:1].lower() + allowed[1:]))


async def _refuse_http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    headers, path = dict(error.headers or {}), request.url.path
    if error.status_code == 404 and error.detail == "Not Found":
        return refusal(404, f"there is nothing at {path}", headers)
    if error.status_code == 405:
        headers["Allow"] = ", ".join(_allowed_methods(request))
        return refusal(405, f"{request.method} of {path}; allowed: {headers['Allow']}", headers)
    return refusal(error.status_code, error.detail, headers)


def _allowed_methods(request: Request) -> list[str]:
    """All methods of a path: Starlette names those of the first route alone."""
    scopes = {method: {**request.scope, "method": method} for method in _METHODS}
    routes = request.app.router.routes
    return [
        method
        for method, scope in scopes.items()
        if any(route.matches(scope)[0] is Match.FULL for route in routes)
    ]
