"""What describes the server: complete, the same each time, and true of the socket's messages."""

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from cpu_gpu_env.dashboard.app import make_app
from cpu_gpu_env.dashboard.settings import DashboardSettings

REFUSAL = {"$ref": "#/components/schemas/Refusal"}


def printed(seed: str) -> str:
    return subprocess.run(
        [sys.executable, "-m", "cpu_gpu_env.dashboard.openapi"],
        env={**os.environ, "PYTHONHASHSEED": seed},
        capture_output=True,
        text=True,
        check=True,
    ).stdout


@pytest.fixture(scope="module")
def description() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(printed("1"))
    return found


def test_it_is_printed_the_same_each_time(description: dict[str, Any]) -> None:
    assert json.loads(printed("2")) == description
    assert printed("3") == json.dumps(description, indent=2, sort_keys=True) + "\n"


def test_every_route_says_how_it_refuses(description: dict[str, Any]) -> None:
    for path, methods in description["paths"].items():
        for method, operation in methods.items():
            wanted = {"400", "401", "403", "404", "422", "503"}
            wanted |= set() if method == "get" else {"408", "409", "413"}
            for code in wanted:
                answer = operation["responses"][code]["content"]["application/json"]
                assert answer["schema"] == REFUSAL, (path, method, code)
            assert "500" not in operation["responses"]
            assert operation["summary"]
            assert operation["description"]


def test_the_messages_of_the_socket_are_described(description: dict[str, Any]) -> None:
    schemas = description["components"]["schemas"]
    assert schemas["Snapshot"]["required"] == ["sequence", "state", "type"]
    assert schemas["Change"]["required"] == ["sequence", "type"]
    assert schemas["Change"]["properties"]["type"]["const"] == "change"
    text = json.dumps(description)
    for name in set(json.loads(text)["components"]["schemas"]):
        assert text.count(f'#/components/schemas/{name}"') or name in ("Snapshot", "Change")
    assert "HTTPValidationError" not in schemas


def test_a_token_is_told_where_one_is_needed(tmp_path: Any) -> None:
    settings = {"store": str(tmp_path / "none.sqlite")}
    assert "security" not in make_app(DashboardSettings(**settings)).openapi()
    guarded = make_app(DashboardSettings(**settings, token="x" * 20)).openapi()
    assert guarded["security"] == [{"token": []}]
    assert guarded["components"]["securitySchemes"]["token"]["scheme"] == "bearer"
