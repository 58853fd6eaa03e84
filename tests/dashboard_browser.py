"""Debian's Chromium, headless, and what to look for in it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser

ROOT = Path(__file__).resolve().parents[1]
CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run")
SILENT = ("--disable-background-networking", "--disable-component-update", "--disable-sync")


def lacks(what: str) -> None:
    """Skip a test for what this machine lacks, but fail in CI."""
    if os.environ.get("CI"):
        pytest.fail(f"{what}; in CI it has to be there")
    pytest.skip(what)


@contextmanager
def open_browser() -> Iterator[Browser]:
    """Start the browser; as long as it is open, this thread has a running event loop."""
    playwright = pytest.importorskip("playwright.sync_api")
    path = next(filter(None, map(shutil.which, CHROMIUM)), None)
    if path is None:
        lacks("there is no Chromium; apt-get install chromium")
    with playwright.sync_playwright() as started:
        # Its arguments tell it to have no window; Playwright's own way wants a build of its own.
        browser = started.chromium.launch(
            executable_path=path, headless=False, args=[*ARGUMENTS, *SILENT]
        )
        yield browser
        browser.close()


def axe_source() -> str:
    """The source of axe-core, which finds what keeps people from using a page."""
    path = ROOT / "dashboard" / "node_modules" / "axe-core" / "axe.min.js"
    if not path.is_file():
        lacks("there is no axe-core; npm ci in dashboard/, as scripts/test.sh does")
    return path.read_text(encoding="utf-8")
