"""The one error type of the package, and the wording that all checks share."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class HybridClusterError(ValueError):
    """Bad input: the message names what was given, what is allowed and how to mend it."""


def unknown_name(what: str, given: object, known: Iterable[str]) -> HybridClusterError:
    """Build the error for a name that is not among `known`, suggesting the nearest."""
    names = sorted(known)
    near = difflib.get_close_matches(str(given), names, n=1, cutoff=0.4)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    return HybridClusterError(f"unknown {what} {given!r}.{hint} Known: {', '.join(names)}.")
