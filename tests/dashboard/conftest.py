"""Stores to look at, and a browser to look with."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from dashboard_stores import fill

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytest.register_assert_rewrite("dashboard_process", "dashboard_page")

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = (
    "--headless=new --no-sandbox --disable-gpu --disable-quic --no-first-run "
    "--disable-background-networking --disable-component-update --disable-sync"
).split()


@pytest.fixture(scope="module")
def filled_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with a run of every kind, which nobody writes to."""
    folder = tmp_path_factory.mktemp("filled")
    store = folder / "results.sqlite"
    fill(str(store), folder / "curves")
    return store


def missing(what: str) -> None:
    """Skip a test for what this machine lacks, but fail in CI."""
    if os.environ.get("CI"):
        pytest.fail(f"{what}; in CI it has to be there")
    pytest.skip(what)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium, headless.

    A module's own: as long as it is open, its thread has a running event loop.
    """
    playwright = pytest.importorskip("playwright.sync_api")
    path = next(filter(None, map(shutil.which, CHROMIUM)), None)
    if path is None:
        missing("there is no Chromium; apt-get install chromium")
    with playwright.sync_playwright() as started:
        # It is told by its arguments to have no window; Playwright's own way wants its own build.
        browser = started.chromium.launch(executable_path=path, headless=False, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def axe() -> str:
    """The source of axe-core, which finds what keeps people from using a page."""
    path = ROOT / "dashboard" / "node_modules" / "axe-core" / "axe.min.js"
    if not path.is_file():
        missing("there is no axe-core; npm ci in dashboard/, as scripts/test.sh does")
    return path.read_text(encoding="utf-8")
