"""A stored run that is played again, with its slider."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from dashboard_page import OpenPage, read_number, rows_of
from dashboard_process import Dashboard

from cpu_gpu_env.results.metrics import MAKESPAN, OBJECTIVE
from cpu_gpu_env.results.store.reading import open_reader


def test_the_slider_shows_how_things_stood_then(browser: Any, filled_store: Path) -> None:
    with open_reader(filled_store) as reader:
        stored = {name: reader.episodes(1, name) for name in reader.schedulers(1)}
    with (
        Dashboard(filled_store, "--replay", 1) as dashboard,
        OpenPage(browser, dashboard.url) as opened,
    ):
        page = opened.page
        page.get_by_text("Replay", exact=True).wait_for()
        slider = page.get_by_role("slider").first
        slider.wait_for()
        pause = page.get_by_role("button", name="Pause", exact=True)
        if pause.count():
            pause.click()
            page.get_by_role("button", name="Resume", exact=True).wait_for()
        widget = opened.widget("Comparison")
        widget.get_by_role("button", name="Now", exact=True).click()
        first, last = int(slider.get_attribute("min")), int(slider.get_attribute("max"))
        assert (first, last) == (0, len(stored["oracle"].episode) - 1)
        for episode in (2, last, first):
            slider.fill(str(episode))
            page.locator("dt", has_text="Episodes").locator("xpath=../dd").get_by_text(
                str(episode + 1), exact=True
            ).wait_for()
            rows = rows_of(widget.get_by_role("table"))
            assert rows.keys() == stored.keys()
            for name, cells in rows.items():
                for metric, heading in ((OBJECTIVE, "J"), (MAKESPAN, "makespan [s]")):
                    wanted = float(stored[name][metric][episode])
                    found, digits = read_number(cells[heading])
                    assert found == pytest.approx(wanted, abs=0.5001 * 10.0**-digits)
        opened.check()
