"""The runs of a store on the page: watched, saved, deleted; and the description of the server."""

from __future__ import annotations

import csv
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from dashboard_page import OpenPage
from dashboard_process import Dashboard

from cpu_gpu_env.results.store import tables
from cpu_gpu_env.results.store.reading import open_reader


@pytest.fixture(scope="module")
def store(filled_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store that may be changed."""
    return Path(shutil.copy(filled_store, tmp_path_factory.mktemp("runs")))


@pytest.fixture(scope="module")
def dashboard(store: Path) -> Iterator[Dashboard]:
    with Dashboard(store, "--no-engine") as dashboard:
        yield dashboard


def test_runs_are_watched_saved_and_deleted(
    browser: Any, dashboard: Dashboard, store: Path, tmp_path: Path
) -> None:
    with OpenPage(browser, dashboard.url) as opened:
        page, runs = opened.page, opened.widget("Runs")
        runs.scroll_into_view_if_needed()
        runs.get_by_role("button", name=re.compile(r"^1 ?: watch$")).click()
        page.wait_for_url("**/?run=1")
        runs.get_by_role("button", name="Export run 1", exact=True).click()
        with page.expect_download() as coming:
            page.get_by_role("button", name="Decisions as CSV").click()
        coming.value.save_as(tmp_path / "decisions.csv")
        with open(tmp_path / "decisions.csv", newline="") as file:
            saved = list(csv.DictReader(file))
        with open_reader(store) as reader:
            for name in reader.schedulers(1):
                (kept,) = reader.pages(tables.decisions, 1, name)
                ours = [float(row["energy_j"]) for row in saved if row["scheduler"] == name]
                assert ours == list(kept["energy_j"])
        runs.get_by_role("button", name="Delete run 3", exact=True).click()
        dialog = page.get_by_role("dialog", name="Delete run 3?")
        dialog.get_by_role("button", name="Cancel").click()
        dialog.wait_for(state="detached")
        runs.get_by_role("button", name="Delete run 3", exact=True).click()
        dialog.get_by_role("button", name="Delete run 3", exact=True).click()
        runs.get_by_role("button", name="Delete run 3", exact=True).wait_for(state="detached")
        with open_reader(store) as reader:
            assert [row["run"] for row in reader.runs()] == [1, 2, 4]
        opened.check()


def test_the_description_of_the_server_is_shown(browser: Any, dashboard: Dashboard) -> None:
    with OpenPage(browser, f"{dashboard.url}/docs") as opened:
        opened.page.get_by_text("/api/runs/{run}/comparison").first.wait_for()
        opened.check()
