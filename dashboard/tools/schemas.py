"""Print an OpenAPI document of what the server takes and gives: its pydantic models as components."""

from __future__ import annotations

import importlib
import inspect
import json
import pkgutil

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from cpu_gpu_env.dashboard import schemas


def _models() -> list[type[BaseModel]]:
    """All models of the package, by name."""
    found = {}
    for info in pkgutil.iter_modules(schemas.__path__):
        module = importlib.import_module(f"{schemas.__name__}.{info.name}")
        for name, value in inspect.getmembers(module, inspect.isclass):
            if issubclass(value, BaseModel) and value.__module__ == module.__name__:
                found[name] = value
    return [found[name] for name in sorted(found)]


def main() -> None:
    """Write the document to standard output."""
    inputs = [(model, "validation") for model in _models()]
    _, definitions = models_json_schema(inputs, ref_template="#/components/schemas/{model}")
    document = {
        "openapi": "3.1.0",
        "info": {"title": "HybridCluster", "version": "0"},
        "paths": {},
        "components": {"schemas": definitions["$defs"]},
    }
    print(json.dumps(document, sort_keys=True))


if __name__ == "__main__":
    main()
