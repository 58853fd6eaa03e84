"""The one error type of the package, and the wording that all checks share."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Iterable
from typing import Any

_MAX_SHOWN, _MAX_MESSAGE = 200, 4_000
"""Longer values, and longer messages, are cut [characters]."""

_PASSWORDS = (
    (re.compile(r"(://[^\s:/@]*):[^\s]*@"), r"\1:***@"),
    (re.compile(r"(password=)[^&\s'\"]*", re.I), r"\1***"),
)


class HybridClusterError(ValueError):
    """Bad input: the message names what was given, what is allowed and how to mend it.

    It is one line that any terminal can show, whatever characters files and names bring, and holds
    no password of a URL.
    """

    def __init__(self, message: object = "") -> None:
        super().__init__(without_password(printable(message))[:_MAX_MESSAGE])


def without_password(text: str) -> str:
    """Blot out the passwords of URLs in a text, such as a command line."""
    for pattern, instead in _PASSWORDS:
        text = pattern.sub(instead, text)
    return text


def is_printable(text: str) -> bool:
    """Whether a text has letters and spaces alone: no line ends, terminal controls, surrogates."""
    return text.isprintable() or all(map(_is_plain, text))


def printable(value: object) -> str:
    """Show a text or path as it is, but for an escape in place of each unprintable character."""
    text = str(value)
    if is_printable(text):
        return text
    return "".join(c if _is_plain(c) else ascii(c)[1:-1] for c in text)


def _is_plain(character: str) -> bool:
    # Python calls all spaces but one unprintable.
    return character.isprintable() or unicodedata.category(character) == "Zs"


def shown(value: Any) -> str:
    """Show a value in a message: on one line, not endlessly, and whatever its repr does."""
    try:
        text = " ".join(repr(value).split())
    except Exception:  # Python refuses whole numbers of more than 4,300 digits, for one
        return f"an unprintable {type(value).__name__}"
    return text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}..."


def not_allowed(name: str, value: Any, allowed: str) -> HybridClusterError:
    """Build the error for a value that is not allowed; `allowed` tells what is."""
    return HybridClusterError(f"{name} is {shown(value)}; allowed: {allowed}")


def unknown_name(what: str, given: object, known: Iterable[str]) -> HybridClusterError:
    """Build the error for a name that is not among `known`, suggesting the nearest."""
    names, text = sorted(known), shown(given)
    near = difflib.get_close_matches(text.strip("'"), names, n=1, cutoff=0.4)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    return HybridClusterError(f"unknown {what} {text}.{hint} Known: {', '.join(names)}.")
