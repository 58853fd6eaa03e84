"""The page as a browser shows it, with all that it asks for and complains about."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

LOST = ("ERR_CONNECTION_REFUSED", "ERR_CONNECTION_RESET", "ERR_EMPTY_RESPONSE", "WebSocket")
"""What a browser itself says of a server that is gone."""
NOT_YET = "503 (Service Unavailable)"
"""What a browser says of an answer while there is no store yet."""
PATIENCE_MS = 60_000
"""How long a machine that does much else at the same time may take."""
NONE = "\u2013"
"""What stands for a value that there is not."""
_BROKEN = "This widget has failed"


class OpenPage:
    """A page of a server in a context of its own; `page` is Playwright's.

    Args:
        browser: Playwright's.
        url: Where the page is.
        options: Of the context: color_scheme, viewport and so on.
    """

    def __init__(self, browser: Any, url: str, **options: Any) -> None:
        self.context = browser.new_context(**options)
        self.context.set_default_timeout(PATIENCE_MS)
        self.page = self.context.new_page()
        self.asked: list[str] = []
        """Address of every request and socket."""
        self.complaints: list[str] = []
        """Errors and warnings of the console, with violations of the policy, and exceptions."""
        self.messages = 0
        """That came over sockets."""
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.on("websocket", self._meet)
        self.page.on("console", self._hear)
        self.page.on("pageerror", lambda error: self.complaints.append(f"uncaught: {error}"))
        self.url = url
        self.page.goto(url)

    def __enter__(self) -> OpenPage:
        return self

    def __exit__(self, *_: object) -> None:
        self.context.close()

    def _hear(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(f"{message.type}: {message.text}")

    def _meet(self, socket: Any) -> None:
        self.asked.append(socket.url)
        socket.on("framereceived", lambda _: self._count())

    def _count(self) -> None:
        self.messages += 1

    def check(self, *expected: str) -> None:
        """Check that nothing was asked of others, and nothing went wrong.

        Args:
            expected: Words of complaints that have to be, as of a server that is away.
        """
        ours = urlsplit(self.url).netloc
        elsewhere = [url for url in self.asked if not url.startswith(("data:", "blob:"))]
        assert [url for url in elsewhere if urlsplit(url).netloc != ours] == []
        heard = [said for said in self.complaints if not any(word in said for word in expected)]
        assert heard == []
        assert self.page.get_by_text(_BROKEN).count() == 0

    def violations(self, axe: str) -> list[str]:
        """What axe-core finds, a line each."""
        self.page.evaluate(axe)
        found = self.page.evaluate("axe.run(document, {resultTypes: ['violations']})")
        return [
            f"{rule['id']} ({rule['impact']}): {node['target']} {node['failureSummary']}"
            for rule in found["violations"]
            for node in rule["nodes"]
        ]

    def widget(self, title: str) -> Any:
        """The frame of a widget, by its title."""
        return self.page.get_by_role("region", name=title, exact=True)

    def scrolls_sideways(self) -> bool:
        """Whether the page is wider than the window."""
        return bool(
            self.page.evaluate(
                "document.documentElement.scrollWidth > document.documentElement.clientWidth"
            )
        )

    def shot(self, path: Path) -> None:
        """Take a picture of the whole page."""
        self.page.screenshot(path=path, full_page=True)


def rows_of(table: Any) -> dict[str, dict[str, str]]:
    """Cells of a table: name of the row -> heading of the column -> text."""
    headings, *rows = table.evaluate(
        "table => [...table.rows].map(row => [...row.cells].map(cell => cell.innerText.trim()))"
    )
    names = [row[0].split()[0] for row in rows]  # behind it may stand that it is the reference
    columns = [heading.rstrip(" \u25b2\u25bc") for heading in headings[1:]]  # what it is sorted by
    cells = [dict(zip(columns, row[1:], strict=True)) for row in rows]
    return dict(zip(names, cells, strict=True))


def read_number(cell: str) -> tuple[float, int]:
    """A number as the page writes it, and how many digits it has after the point."""
    text = re.sub(r"[\u2605\u202f]|\(best\)", "", cell).replace("\u2212", "-").strip()
    if text.strip("-") in (NONE, "\u221e"):
        return math.nan if text == NONE else math.copysign(math.inf, -text.startswith("-") or 1), 0
    mantissa, _, exponent = text.partition("e")
    return float(text), len(mantissa.partition(".")[2]) - int(exponent or 0)
