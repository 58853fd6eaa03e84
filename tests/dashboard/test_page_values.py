"""The page beside the store that the engine writes: its values, its buttons, and an outage."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from dashboard_page import LOST, NOT_YET, OpenPage, read_number, rows_of
from dashboard_process import CommandProcess, Dashboard, module, wait_for

from cpu_gpu_env.results.metrics import STREAM_METRICS, Metric
from cpu_gpu_env.results.store.reading import open_reader
from cpu_gpu_env.results.store.records import StoredEpisodes

WINDOW = 20
SMALL = ("--num-tasks", 10, "--window", WINDOW, "--jobs", 1)
WITH_ORACLE = ("myopic", "earliest-finish", "oracle")
QUICK = ("myopic", "earliest-finish", "random")
LONGEST_EPISODE_S = 5.0
"""Of ten tasks: from its first arrival to its last."""
SPANS = {"Now": 1, "Window": WINDOW, "All": None}


def engine_arguments(folder: Path, schedulers: tuple[str, ...]) -> tuple[object, ...]:
    effort = ("--quick-oracle",) if "oracle" in schedulers else ("--bound", "none")
    line = ("--schedulers", ",".join(schedulers), "--output", folder / "curves")
    return *line, *SMALL, *effort


def next_episode(store: str) -> int:
    """Number of episodes that are in the store."""
    with open_reader(store) as reader:
        return int(reader.run_row(1)["next_episode"])


def simulated_s(store: str) -> float:
    """Clock of the stream, which the store has at the ends of episodes."""
    with open_reader(store) as reader:
        return float(reader.run_row(1)["clock_s"])


def pause(page: Any) -> None:
    page.get_by_role("button", name="Pause", exact=True).click()
    page.get_by_role("button", name="Resume", exact=True).wait_for()


def expected(metric: Metric, played: StoredEpisodes, last: int | None) -> float:
    """The mean over the last episodes, by the reader of `history.py`."""
    values = played[metric] if last is None else played[metric][-last:]
    return float(values.mean())


def check_values(opened: OpenPage, store: str, schedulers: tuple[str, ...]) -> None:
    """Check that each number of the comparison is that of the store, as far as it has digits."""
    widget = opened.widget("Comparison")
    with open_reader(store) as reader:
        stored = {name: reader.episodes(1, name) for name in schedulers}
    # Percentiles over all tasks are a sketch's; the store has those of each episode.
    metrics = [m for m in STREAM_METRICS if not m.of_all_tasks and m.key != "electricity_cost"]
    for span, last in SPANS.items():
        widget.get_by_role("button", name=span, exact=True).click()
        rows = rows_of(widget.get_by_role("table"))
        assert rows.keys() == set(schedulers)
        assert rows["myopic"].keys() >= {"J", "makespan [s]", "energy [kJ]", "wait [s]"}
        assert ("gap [%]" in rows["myopic"]) == ("oracle" in schedulers)
        compared = 0
        for name, cells in rows.items():
            for metric in metrics:
                heading = (
                    f"{metric.label} [{metric.shown_unit}]" if metric.shown_unit else metric.label
                )
                if heading in cells:
                    wanted = expected(metric, stored[name], last) * metric.scale
                    found, digits = read_number(cells[heading])
                    assert found == pytest.approx(
                        wanted, abs=0.5001 * 10.0**-digits, nan_ok=True
                    ), (*(span, name, metric.key), cells[heading])
                    compared += 1
        assert compared >= len(schedulers) * 5


# On SQLite values are also looked at after an outage.
@pytest.mark.parametrize(
    "store_url", [pytest.param("sqlite", marks=pytest.mark.slow), "postgresql"], indirect=True
)
def test_values_pause_and_speed_with_its_own_engine(
    browser: Any, store_url: str, tmp_path: Path
) -> None:
    with (
        Dashboard(store_url, "--", *engine_arguments(tmp_path, WITH_ORACLE)) as dashboard,
        OpenPage(browser, dashboard.url) as opened,
    ):
        page = opened.page
        opened.widget("Comparison").get_by_role("cell").first.wait_for(timeout=180_000)
        wait_for(lambda: next_episode(store_url) > WINDOW, "more than a window")

        page.get_by_role("button", name="Pause", exact=True).click()
        time.sleep(1.0)
        stopped_at = next_episode(store_url)
        page.get_by_role("button", name="Resume", exact=True).wait_for()
        time.sleep(1.5)
        assert next_episode(store_url) == stopped_at
        check_values(opened, store_url, WITH_ORACLE)

        # What has begun at full speed comes to its end; from then on it keeps the pace.
        page.get_by_role("button", name="Speed: as fast as it goes").click()
        page.get_by_label("Another speed").fill("0.5")
        page.get_by_role("button", name="Set", exact=True).click()
        page.get_by_role("button", name="Speed: 0.50").wait_for()
        page.get_by_role("button", name="Resume", exact=True).click()
        page.get_by_role("button", name="Pause", exact=True).wait_for()
        time.sleep(2.0)
        begun, clock_s = time.monotonic(), simulated_s(store_url)
        time.sleep(6.0)
        passed_s = simulated_s(store_url) - clock_s
        assert passed_s <= 0.5 * (time.monotonic() - begun) + LONGEST_EPISODE_S
        wait_for(lambda: simulated_s(store_url) > clock_s, "the next episode")
        opened.check(NOT_YET)


def outage(browser: Any, store: str, folder: Path, seconds: float) -> None:
    """Kill the server while an engine goes on, start it again, and look what the page shows."""
    line = engine_arguments(folder, QUICK)
    with CommandProcess(module("stream"), "--store", store, *line) as engine:
        first = Dashboard(store, "--no-engine")
        try:
            with OpenPage(browser, first.url) as opened:
                opened.widget("Comparison").get_by_role("cell").first.wait_for(timeout=180_000)
                first.kill()
                opened.page.get_by_text("Reconnecting").wait_for()
                before = next_episode(store)
                time.sleep(seconds)
                assert engine.process.poll() is None
                with Dashboard(store, "--no-engine", port=first.port):
                    # It waits half a minute at most between two tries.
                    opened.page.get_by_text("Live", exact=True).wait_for(timeout=45_000)
                    assert next_episode(store) > before
                    wait_for(lambda: next_episode(store) > WINDOW, "more than a window")
                    pause(opened.page)
                    time.sleep(1.5)
                    check_values(opened, store, QUICK)
                    opened.check(NOT_YET, *LOST)
        finally:
            first.end()


def test_the_page_comes_back_after_a_short_outage(browser: Any, tmp_path: Path) -> None:
    outage(browser, str(tmp_path / "results.sqlite"), tmp_path, 2.0)


@pytest.mark.slow
def test_the_page_comes_back_after_a_minute(browser: Any, store_url: str, tmp_path: Path) -> None:
    outage(browser, store_url, tmp_path, 60.0)
