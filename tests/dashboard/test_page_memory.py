"""A tab that is open for long keeps its size."""

from __future__ import annotations

import statistics
import time
from pathlib import Path
from typing import Any

import pytest
from dashboard_page import OpenPage
from dashboard_process import Dashboard

GROWTH = 1.1
"""How much more the last tenths may hold than those after everything has been shown."""


@pytest.mark.slow
def test_the_memory_of_a_tab_stays_flat(
    browser: Any, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    minutes = float(request.config.getoption("--minutes"))
    line = ("--schedulers", "myopic,earliest-finish,random", "--num-tasks", 20, "--bound", "none")
    # At a pace it tells of each task, so that the page is told as often as it ever is.
    line += ("--window", 50, "--speed", "30x", "--output", tmp_path / "curves")
    with (
        Dashboard(tmp_path / "results.sqlite", "--", *line) as dashboard,
        OpenPage(browser, dashboard.url, viewport={"width": 1600, "height": 6000}) as opened,
    ):
        opened.widget("Comparison").get_by_role("cell").first.wait_for()
        session = opened.context.new_cdp_session(opened.page)
        session.send("HeapProfiler.enable")

        def used_bytes() -> int:
            session.send("HeapProfiler.collectGarbage")
            usage = session.send("Runtime.getHeapUsage")
            return int(
                usage["usedSize"] + usage["embedderHeapUsedSize"] + usage["backingStorageSize"]
            )

        begun, samples = time.monotonic(), []
        while time.monotonic() - begun < 60 * minutes:
            opened.page.wait_for_timeout(60_000 * minutes / 60)
            samples.append(used_bytes())
        tenth = max(len(samples) // 10, 3)
        early = statistics.median(samples[len(samples) // 3 : len(samples) // 3 + tenth])
        late = statistics.median(samples[-tenth:])
        assert opened.messages >= 60 * minutes * 5
        assert late <= GROWTH * early, samples
        opened.check()
