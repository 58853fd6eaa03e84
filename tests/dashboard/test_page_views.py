"""Every view of the page: what it shows, in which light, and whether it stays as it was put."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from dashboard_browser import axe_source
from dashboard_page import NOT_YET, OpenPage, rows_of
from dashboard_process import Dashboard
from dashboard_stores import SCHEDULERS, copy_run

TITLES = {
    *("Comparison", "Schedulers compared", "Over the window", "Devices", "Against the oracle"),
    *("Regret over time", "Sums so far", "Waits and responses", "Who beats whom", "CPU and memory"),
    *(
        "History",
        "How sure that is",
        "Last tasks",
        "Decision audit",
        "Chosen GPU fraction",
        "Correlation",
    ),
    *("Sizes, intensities, GPU fractions", "Runs", "Log"),
}
ONE, FIFTEEN = 5, 6
"""Runs that were added to those of every kind: with one lane, and with fifteen."""
DESKTOP, PHONE = {"width": 1400, "height": 900}, {"width": 390, "height": 844}
LOOKS: dict[str, dict[str, Any]] = {
    "light": {"color_scheme": "light", "viewport": DESKTOP},
    "dark": {"color_scheme": "dark", "viewport": DESKTOP},
    "forced colours": {"forced_colors": "active", "viewport": DESKTOP},
    "phone": {"color_scheme": "dark", "viewport": PHONE, "has_touch": True},
}


@pytest.fixture(scope="module")
def dashboard(filled_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dashboard]:
    """A server of a store with a run of every kind, one of a single lane, and one of fifteen."""
    store = tmp_path_factory.mktemp("views") / "results.sqlite"
    shutil.copy(filled_store, store)
    assert copy_run(str(store), 1, {"myopic": ("myopic", 1.0)}) == ONE
    lanes = {name: (name, 1.0) for name in SCHEDULERS}
    lanes |= {f"another-{number}": ("random-forest", 1.0 + number / 10) for number in range(10)}
    lanes["much-worse-than-all-of-the-others"] = ("myopic", 1000.0)
    assert len(lanes) == 15
    assert copy_run(str(store), 1, lanes) == FIFTEEN
    with Dashboard(store, "--no-engine") as dashboard:
        yield dashboard


def show_all(opened: OpenPage) -> None:
    """Scroll every widget into view, and wait until each has what it shows."""
    page = opened.page
    page.get_by_text("Connected", exact=True).wait_for()
    widgets = page.locator("section.widget")
    for place in range(widgets.count()):
        widget = widgets.nth(place)
        widget.scroll_into_view_if_needed()
        for words in ("Loading …", "Waiting for"):
            widget.get_by_text(words).first.wait_for(state="detached")


def blank_charts(opened: OpenPage) -> list[str]:
    """Titles of the widgets that have a canvas on which nothing is drawn."""
    found: list[str] = opened.page.evaluate(
        """() => [...document.querySelectorAll("section.widget")].filter((widget) =>
            [...widget.querySelectorAll("canvas")].some((canvas) => {
                const { data } = canvas
                    .getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
                return new Set(new Uint32Array(data.buffer)).size < 2;
            })).map((widget) => widget.querySelector("h2").innerText)"""
    )
    return found


@pytest.mark.parametrize("run", [2, ONE, FIFTEEN])
def test_every_widget_shows_something_of_every_run(
    browser: Any, dashboard: Dashboard, run: int
) -> None:
    with OpenPage(browser, f"{dashboard.url}/?run={run}", viewport=DESKTOP) as opened:
        show_all(opened)
        assert {*opened.page.locator("section.widget h2").all_inner_texts()} == TITLES
        assert blank_charts(opened) == []
        rows = rows_of(opened.widget("Comparison").get_by_role("table"))
        assert len(rows) == {ONE: 1, FIFTEEN: 15}.get(run, 4)
        assert not opened.scrolls_sideways()
        opened.check()


@pytest.mark.parametrize(
    "look",
    [
        "light",
        "phone",  # it is dark, too
        pytest.param("dark", marks=pytest.mark.slow),
        pytest.param("forced colours", marks=pytest.mark.slow),
    ],
)
def test_nothing_keeps_people_from_using_it(browser: Any, dashboard: Dashboard, look: str) -> None:
    axe = axe_source()
    run = (
        FIFTEEN if look in ("light", "phone") else 1
    )  # colours do not depend on how many there are
    with OpenPage(browser, f"{dashboard.url}/?run={run}", **LOOKS[look]) as opened:
        show_all(opened)
        assert opened.violations(axe) == []
        assert not opened.scrolls_sideways()
        tables = opened.page.get_by_role("button", name="Table", exact=True)
        for place in range(tables.count()):
            tables.nth(place).click()
        show_all(opened)
        assert opened.page.locator("canvas").count() == 0
        assert opened.violations(axe) == []
        assert not opened.scrolls_sideways()
        opened.page.get_by_role("button", name="Widgets", exact=True).click()
        opened.page.get_by_role("dialog", name="Widgets").wait_for()
        assert opened.violations(axe) == []
        opened.page.keyboard.press("Escape")
        opened.page.get_by_role("button", name="Details of run 1", exact=True).click()
        opened.page.get_by_role("dialog", name="Run 1").get_by_text(
            "Settings and provenance"
        ).wait_for()
        assert opened.violations(axe) == []
        opened.check()


def test_the_browser_remembers_what_is_shown_where_and_how(
    browser: Any, dashboard: Dashboard
) -> None:
    with OpenPage(browser, f"{dashboard.url}/?run=1", viewport=DESKTOP) as opened:
        page = opened.page
        show_all(opened)
        before = page.locator("section.widget h2").all_inner_texts()
        for title in before:
            page.get_by_role("button", name=f"Arrange {title}", exact=True).wait_for()
        page.get_by_role("button", name="Arrange Correlation", exact=True).click()
        page.get_by_role("button", name="Hide", exact=True).click()
        page.get_by_role("button", name="Arrange Devices", exact=True).click()
        page.get_by_role("button", name="Move earlier", exact=True).click()
        page.keyboard.press("Escape")
        opened.widget("Who beats whom").get_by_role("button", name="Table", exact=True).click()
        wanted = [title for title in before if title != "Correlation"]
        place = wanted.index("Devices")
        wanted[place - 1 : place + 1] = wanted[place], wanted[place - 1]
        assert page.locator("section.widget h2").all_inner_texts() == wanted
        page.reload()
        show_all(opened)
        assert page.locator("section.widget h2").all_inner_texts() == wanted
        assert opened.widget("Who beats whom").get_by_role("table").count() == 1
        page.get_by_role("button", name="Widgets", exact=True).click()
        page.get_by_role("dialog", name="Widgets").get_by_role("button", name="As at first").click()
        page.keyboard.press("Escape")
        assert page.locator("section.widget h2").all_inner_texts() == before
        opened.check()


def test_a_table_has_what_its_chart_shows(browser: Any, dashboard: Dashboard) -> None:
    with OpenPage(browser, f"{dashboard.url}/?run=1", viewport=DESKTOP) as opened:
        show_all(opened)
        tables = opened.page.get_by_role("button", name="Table", exact=True)
        assert tables.count() >= 12
        for title in opened.page.locator("section.widget:has(canvas) h2").all_inner_texts():
            widget = opened.widget(title)
            toggle = widget.get_by_role("button", name="Table", exact=True)
            toggle.click()
            assert toggle.get_attribute("aria-pressed") == "true"
            assert widget.locator("canvas").count() == 0
            assert widget.get_by_role("table").first.get_by_role("row").count() >= 2, title
            toggle.click()
            widget.locator("canvas").first.wait_for()
        opened.check()


def test_it_is_used_by_keyboard_alone(browser: Any, dashboard: Dashboard) -> None:
    focused = "document.activeElement.innerText || document.activeElement.ariaLabel || ''"
    with OpenPage(browser, f"{dashboard.url}/?run=1", viewport=DESKTOP) as opened:
        page = opened.page
        show_all(opened)
        page.evaluate("window.scrollTo(0, 0)")
        page.keyboard.press("Tab")
        assert page.evaluate(focused) == "Skip to the widgets"
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.id") == "main"
        # Through everything that there is: no trap, and each place shows where one is.
        reached = []
        for _ in range(400):
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement === document.body"):
                break
            reached.append(page.evaluate(focused))
            outline = page.evaluate(
                "(({ outlineStyle, boxShadow }) => [outlineStyle, boxShadow])"
                "(getComputedStyle(document.activeElement))"
            )
            assert outline != ["none", "none"], reached[-1]
        else:
            pytest.fail(f"the focus never leaves: {reached[-10:]}")
        assert (
            reached.count("Table") == page.get_by_role("button", name="Table", exact=True).count()
        )
        page.keyboard.press("w")
        dialog = page.get_by_role("dialog", name="Widgets")
        dialog.wait_for()
        dialog.get_by_role("checkbox", name="Log").focus()
        page.keyboard.press("Space")
        page.keyboard.press("Escape")
        dialog.wait_for(state="detached")
        assert opened.widget("Log").count() == 0
        arrange = page.get_by_role("button", name="Arrange Devices", exact=True)
        before = page.locator("section.widget h2").all_inner_texts()
        arrange.focus()
        page.keyboard.press("ArrowRight")
        after = page.locator("section.widget h2").all_inner_texts()
        assert after.index("Devices") == before.index("Devices") + 1
        page.keyboard.press("ArrowLeft")
        assert page.locator("section.widget h2").all_inner_texts() == before
        opened.check()


def test_a_run_that_is_not_there_is_told_apart_from_a_lost_connection(
    browser: Any, dashboard: Dashboard
) -> None:
    with OpenPage(browser, f"{dashboard.url}/?run=77", viewport=PHONE) as opened:
        page = opened.page
        page.get_by_role("heading", name="There is no run 77").wait_for()
        assert page.get_by_text("Reconnecting").count() == 0
        page.get_by_role("button", name="Show the newest run").click()
        opened.widget("Comparison").get_by_role("cell").first.wait_for()
        assert page.get_by_role("heading", name="There is no run").count() == 0
        assert "run=" not in page.url
        assert not opened.scrolls_sideways()
        opened.check()


def test_without_a_store_it_says_what_to_do(browser: Any, tmp_path: Path) -> None:
    with (
        Dashboard(tmp_path / "none.sqlite", "--no-engine") as dashboard,
        OpenPage(browser, dashboard.url, viewport=PHONE) as opened,
    ):
        opened.page.get_by_text("Nothing has run yet").wait_for()
        opened.page.get_by_text(f"hybridcluster stream --store {tmp_path}/none.sqlite").wait_for()
        assert not opened.scrolls_sideways()
        opened.check(NOT_YET)


def test_the_page_asks_for_the_token_and_keeps_it_for_the_tab(
    browser: Any, filled_store: Path
) -> None:
    token = "a-token-for-the-tests-0123456789"
    with (
        Dashboard(filled_store, "--no-engine", token=token) as dashboard,
        OpenPage(browser, f"{dashboard.url}/?run=1") as opened,
    ):
        page = opened.page
        dialog = page.get_by_role("dialog", name="Access token")
        dialog.get_by_label("Token").fill("not-the-token-of-this-server")
        dialog.get_by_role("button", name="Connect").click()
        dialog.get_by_text("The server refused the token.").wait_for()
        assert page.get_by_role("cell").count() == 0
        dialog.get_by_label("Token").fill(token)
        dialog.get_by_role("button", name="Connect").click()
        opened.widget("Comparison").get_by_role("cell").first.wait_for()
        page.reload()
        opened.widget("Comparison").get_by_role("cell").first.wait_for()
        assert not any(token in url for url in opened.asked)
        assert token not in page.evaluate("document.cookie + JSON.stringify(localStorage)")
