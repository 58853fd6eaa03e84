"""What describes the server: OpenAPI, with the refusals of every route and the socket's messages.

``python -m cpu_gpu_env.dashboard.openapi`` prints it; the page's types are made of it.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from cpu_gpu_env.dashboard.refusals import documented
from cpu_gpu_env.dashboard.schemas import runs, tasks
from cpu_gpu_env.dashboard.schemas.base import Measure, Refusal
from cpu_gpu_env.dashboard.schemas.live import Change, Snapshot

_ALSO: tuple[type[BaseModel], ...] = (
    *(Snapshot, Change, Refusal, Measure),
    *(runs.RunPage, runs.RunDetail, runs.ComparisonAnswer, runs.HistoryAnswer),
    *(runs.Confirmation, runs.Deleted),
    *(tasks.DecisionPage, tasks.AuditAnswer, tasks.StatisticsAnswer),
)
"""Models that are described whether or not a route answers with them."""
_REFERENCE = "#/components/schemas/{model}"


def describe(app: FastAPI, needs_token: bool) -> dict[str, Any]:
    """Describe an application: routes, refusals, and messages of its socket.

    Args:
        app: The application.
        needs_token: Whether every request must bring a token.
    """
    found = get_openapi(
        title=app.title, version=app.version, description=app.description, routes=app.routes
    )
    schemas: dict[str, Any] = found.setdefault("components", {}).setdefault("schemas", {})
    for name, schema in _model_schemas().items():
        if schemas.setdefault(name, schema) != schema:
            raise RuntimeError(f"{name} is two schemas")
    for path in found["paths"].values():
        for method, operation in path.items():
            for code, what in documented(method).items():
                operation["responses"][code] = _refusal(what)
    for name in ("HTTPValidationError", "ValidationError"):  # FastAPI's own, never answered
        schemas.pop(name, None)
    for schema in schemas.values():
        _require_constants(schema)
    if needs_token:
        found["components"]["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
        found["security"] = [{"token": []}]
    return found


def _model_schemas() -> dict[str, Any]:
    _, defined = models_json_schema(
        [(model, "serialization") for model in _ALSO], ref_template=_REFERENCE
    )
    schemas: dict[str, Any] = defined["$defs"]
    return schemas


def _refusal(what: str) -> dict[str, Any]:
    content = {"application/json": {"schema": {"$ref": _REFERENCE.format(model=Refusal.__name__)}}}
    return {"description": what, "content": content}


def _require_constants(schema: dict[str, Any]) -> None:
    """Say of fields that have one value, such as the type of a message, that they are there."""
    constant = [name for name, field in schema.get("properties", {}).items() if "const" in field]
    if constant:
        schema["required"] = sorted({*schema.get("required", ()), *constant})


def main() -> None:
    """Print the description of the server, the same each time."""
    from cpu_gpu_env.dashboard.app import make_app
    from cpu_gpu_env.dashboard.settings import DashboardSettings
    from cpu_gpu_env.results.store import DEFAULT_STORE

    app = make_app(DashboardSettings(DEFAULT_STORE))
    json.dump(app.openapi(), sys.stdout, indent=2, sort_keys=True)
    print()


if __name__ == "__main__":
    main()
