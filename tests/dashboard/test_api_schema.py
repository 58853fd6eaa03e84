"""schemathesis asks for all that the OpenAPI document allows, and for much that it does not."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from dashboard_process import Dashboard
from dashboard_stores import fill

pytest.importorskip("schemathesis")

TOKEN = "a-token-for-the-tests-0123456789"
CONFIG = """
[checks.not_a_server_error]
expected-statuses = ["2xx", "3xx", "4xx", "503"]  # 503: the store cannot be read at the moment
"""
CHECKS = (
    "not_a_server_error,status_code_conformance,content_type_conformance,"
    "response_headers_conformance,response_schema_conformance,negative_data_rejection,"
    "unsupported_method,ignored_auth"
)


def ask_for_everything(dashboard: Dashboard, folder: Path, examples: int, phases: str) -> None:
    """Run schemathesis against a server; what it finds is the message of the assertion."""
    config = folder / "schemathesis.toml"
    config.write_text(CONFIG)
    words = ["--config-file", config, "run", f"{dashboard.url}/openapi.json", "--phases", phases]
    words += ["--checks", CHECKS, "--max-examples", examples, "--generation-database", "none"]
    words += ["--seed", 1, "--request-timeout", 60, "--max-response-time", 60, "--no-color"]
    if dashboard.token:
        words += ["--header", f"Authorization: Bearer {dashboard.token}"]
    done = subprocess.run(
        [str(Path(sys.executable).with_name("schemathesis")), *map(str, words)],
        cwd=folder,
        env={**os.environ, "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert dashboard.process.poll() is None
    assert "Traceback" not in "\n".join(dashboard.lines)


def test_of_a_store_with_runs_of_every_kind(filled_store: Path, tmp_path: Path) -> None:
    with Dashboard(filled_store, "--no-engine", token=TOKEN) as dashboard:
        ask_for_everything(dashboard, tmp_path, 5, "examples,fuzzing")


@pytest.mark.slow
def test_each_bound_of_each_argument(filled_store: Path, tmp_path: Path) -> None:
    with Dashboard(filled_store, "--no-engine", token=TOKEN) as dashboard:
        ask_for_everything(dashboard, tmp_path, 40, "coverage,fuzzing")


@pytest.mark.slow
def test_of_a_store_that_is_not_there(tmp_path: Path) -> None:
    with Dashboard(tmp_path / "none.sqlite", "--no-engine") as dashboard:
        ask_for_everything(dashboard, tmp_path, 10, "coverage,fuzzing")


@pytest.mark.slow
def test_for_longer_while_an_engine_writes(store_url: str, tmp_path: Path) -> None:
    fill(store_url, tmp_path / "curves")
    line = ["--schedulers", "myopic,random", "--bound", "none", "--speed", "10x"]
    with Dashboard(store_url, "--", *line, "--output", tmp_path / "curves") as dashboard:
        ask_for_everything(dashboard, tmp_path, 200, "examples,coverage,fuzzing,stateful")
