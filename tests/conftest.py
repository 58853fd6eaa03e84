"""Small problems with round numbers."""

import itertools
import math
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cpu_gpu_env import Cluster, Device
from cpu_gpu_env.scripts.temporary_postgresql import Server, find_binaries, temporary_server

pytest.register_assert_rewrite(
    *("dashboard_page", "dashboard_process", "dashboard_stores"),
    *("playing", "store_units", "tiny_episodes", "writing_process"),
)

CPU = Device("cpu", "cpu", 1e12, 100e9, math.inf, 0.5, 50.0, 150.0)
SLOW_CPU = Device("slow-cpu", "cpu", 0.5e12, 50e9, math.inf, 0.0, 20.0, 70.0)
GPU = Device("gpu", "gpu", 10e12, 1e12, 10e9, 0.25, 30.0, 330.0, link_bandwidth=10e9)
SMALL_GPU = Device("small-gpu", "gpu", 4e12, 0.3e12, 4e9, 0.1, 10.0, 80.0, link_bandwidth=5e9)

PLAIN = Cluster("plain", (CPU, GPU, GPU))
MIXED = Cluster("mixed", (CPU, SLOW_CPU, GPU, GPU, SMALL_GPU))
# Memory traffic draws less than computing on one kind, more on two, and as much on the fourth.
FRUGAL_CPU, HOT_GPU = replace(CPU, memory_power_w=60.0), replace(GPU, memory_power_w=630.0)
VARIED = Cluster(
    "varied", (FRUGAL_CPU, SLOW_CPU, HOT_GPU, HOT_GPU, replace(SMALL_GPU, memory_power_w=120.0))
)

CACHED_CPU = replace(CPU, cache_bytes=2e9, cache_bandwidth=300e9, ridge_sharpness=3.0)
CACHED_GPU = replace(HOT_GPU, cache_bytes=1e9, cache_bandwidth=4e12, ridge_sharpness=1.0)
REFINED = Cluster("refined", (CACHED_CPU, FRUGAL_CPU, CACHED_GPU, SMALL_GPU))

LARGE = [[0.1 * i, 1e12, 20.0, memory] for i, memory in enumerate([5e9, 12e9, 2e10, 3e10])]
"""Tasks of which not every fraction fits."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--hours", type=float, default=0.0, help="let the fuzzers try other inputs for so long"
    )
    parser.addoption(
        "--minutes", type=float, default=3.0, help="how long the memory of a tab is watched"
    )


@pytest.fixture(scope="session")
def hours(request: pytest.FixtureRequest) -> float:
    """Hours for each fuzzer."""
    fuzzers = sum("hours" in getattr(item, "fixturenames", ()) for item in request.session.items)
    return float(request.config.getoption("--hours")) / max(fuzzers, 1)


@pytest.fixture(autouse=True)
def _own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keep solved episodes out of the user's cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.getbasetemp()))


@pytest.fixture(params=[PLAIN, MIXED, VARIED], ids=["plain", "mixed", "varied"])
def cluster(request: pytest.FixtureRequest) -> Cluster:
    return request.param


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[Server]:
    """Debian's server; tests do without where there is none, but not in CI."""
    if find_binaries() is None and not os.environ.get("CI"):
        pytest.skip("no PostgreSQL server is installed; apt-get install postgresql")
    with temporary_server() as server:
        yield server


_databases = itertools.count()


@pytest.fixture
def postgresql_url(postgresql_server: Server) -> Iterator[str]:
    """A fresh database."""
    name = f"test_{next(_databases)}"
    postgresql_server.execute(f"CREATE DATABASE {name}")
    yield postgresql_server.url(name)
    postgresql_server.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty store, on either database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'results.sqlite'}"
    return str(request.getfixturevalue("postgresql_url"))


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Chromium; a module's own, since no other event loop can run while it is open."""
    from dashboard_browser import open_browser

    with open_browser() as opened:
        yield opened


@pytest.fixture(scope="session")
def filled_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with a run of every kind, which nobody writes to."""
    from dashboard_stores import fill

    folder = tmp_path_factory.mktemp("filled")
    fill(str(folder / "results.sqlite"), folder / "curves")
    return folder / "results.sqlite"
