"""A tab that is open for long keeps its size."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from dashboard_page import OpenPage
from dashboard_process import Dashboard

GROWTH = 1.1
"""How much more a tab may hold in the last sixth than in the one before the half: by then every
curve is full."""
SAMPLES = 60


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
            opened.page.wait_for_timeout(60_000 * minutes / SAMPLES)
            samples.append(used_bytes())
        sixth = len(samples) // 6
        # What a collection leaves swings, as it may come in the midst of drawing: the least counts.
        early, late = min(samples[2 * sixth : 3 * sixth]), min(samples[-sixth:])
        print(f"{opened.messages} messages; from {early / 1e6:.1f} to {late / 1e6:.1f} MB")
        assert opened.messages >= 60 * minutes * 5
        assert late <= GROWTH * early, samples
        opened.check()
