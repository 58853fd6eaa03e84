"""What all fuzzers share: how inputs are spoiled, and what must hold whatever comes in."""

from __future__ import annotations

import contextlib
import copy
import io
import json
import os
import re
import signal
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from cpu_gpu_env import HybridClusterError

MAX_SECONDS, MAX_BYTES = 10, 2 * 10**9
"""What an input may take at most."""
ROUND = 200
"""Examples between looks at the clock, where there are hours."""

ODD_TEXTS = (
    "",
    " ",
    "nan",
    "-1",
    "1e999",
    "9" * 400,
    "/",
    "..",
    "a\0b",
    "a\nb",
    "\x1b[31mred",
    "bad\udcff",
    "\ud800",
    "ü" * 300,
    "=1+1",
    "$x^2$",
    "none",
    "trace",
    "🙂",
    "0,1",
    "a" * 5_000,
)
ODD_NUMBERS = (0, -1, 1, 2, 0.5, 1e-300, 1e300, -1e300, 2**31, 2**63, 10**400, 1e-5, 100, 1_025)
odd_values = (
    st.sampled_from(ODD_TEXTS)
    | st.sampled_from(ODD_NUMBERS)
    | st.sampled_from([None, True, False, [], {}, [[]], {"": ""}, float("nan"), float("inf")])
    | st.floats()
    | st.integers()
    | st.text(max_size=5)
)


@st.composite
def spoiled(draw: st.DrawFn, document: Any) -> Any:
    """A JSON document of which one to three places hold something else, or nothing."""
    document = copy.deepcopy(document)
    for _ in range(draw(st.integers(1, 3))):
        places = [*_places(document)]
        if not places:
            return draw(odd_values)
        holder, key = draw(st.sampled_from(places))
        change = draw(st.sampled_from(["replace", "replace", "remove", "double"]))
        if change == "replace":
            holder[key] = draw(odd_values)
        elif change == "remove":
            del holder[key]
        elif isinstance(holder, list):
            holder.append(holder[key])
        else:
            holder[draw(st.sampled_from(ODD_TEXTS))] = holder[key]
    return document


def _places(document: Any) -> Iterator[tuple[Any, Any]]:
    """Every value in a document: what holds it, and its key or index."""
    keys = document.keys() if isinstance(document, dict) else range(len(document))
    for key in keys:
        yield document, key
        if isinstance(document[key], (dict, list)):
            yield from _places(document[key])


def as_json(document: Any) -> bytes:
    return json.dumps(document).encode()


@st.composite
def damaged(draw: st.DrawFn, content: bytes) -> bytes:
    """A file of which one to three stretches are cut, doubled, or overwritten."""
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(content)))
        end = min(len(content), start + draw(st.sampled_from([0, 1, 2, 8, 100, 10**9])))
        put = draw(st.sampled_from([b"", content[start:end] * 2]) | st.binary(max_size=9))
        content = content[:start] + put + content[end:]
    return content


def fuzz(
    examples: int, **strategies: st.SearchStrategy[Any]
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Try a check on so many inputs, always the same ones; with ``--hours``, on ever others.

    Fixtures that the check asks for come by position, the inputs by name.
    """

    def decorate(check: Callable[..., None]) -> Callable[..., None]:
        def test(hours: float, **fixtures: Any) -> None:
            def attempt(**inputs: Any) -> None:
                with in_bounds(), in_a_folder_of_its_own():
                    check(**fixtures, **inputs)

            basis = settings(deadline=None, database=None, suppress_health_check=[*HealthCheck])
            if not hours:
                settings(basis, max_examples=examples, derandomize=True)(
                    given(**strategies)(attempt)
                )()
                return
            end, number = time.monotonic() + 3_600 * hours, time.time_ns()
            while time.monotonic() < end:
                number += 1
                print(f"seed {number}")
                again = settings(basis, max_examples=ROUND)(given(**strategies)(attempt))
                seed(number)(again)()

        asked = [name for name in _arguments(check) if name not in strategies]
        test.__signature__ = _signature(["hours", *asked])  # type: ignore[attr-defined]
        test.__name__ = check.__name__
        return test

    return decorate


def _arguments(function: Callable[..., Any]) -> list[str]:
    return [*function.__code__.co_varnames[: function.__code__.co_argcount]]


def _signature(names: list[str]) -> Any:
    from inspect import Parameter, Signature

    return Signature([Parameter(name, Parameter.KEYWORD_ONLY) for name in names])


@contextlib.contextmanager
def in_bounds() -> Iterator[None]:
    """Fail what takes more than `MAX_SECONDS`, or more memory than `MAX_BYTES`."""

    def hangs(*_: object) -> None:
        pytest.fail(f"takes more than {MAX_SECONDS} s")

    before = signal.signal(signal.SIGALRM, hangs)
    # In seconds of this process, so that a busy machine makes nothing fail...
    signal.signal(signal.SIGVTALRM, hangs)
    signal.setitimer(signal.ITIMER_VIRTUAL, MAX_SECONDS)
    # ...and in those of the clock for what waits for ever.
    signal.setitimer(signal.ITIMER_REAL, 12 * MAX_SECONDS)
    Path("/proc/self/clear_refs").write_text("5")  # the peak counts from here
    held = _memory("VmRSS")
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    swollen = _memory("VmHWM") - held
    assert swollen < MAX_BYTES, f"takes {swollen / 1e9:.1f} GB"


def _memory(field: str) -> int:
    status = Path("/proc/self/status").read_text()
    found = re.search(rf"{field}:\s+(\d+) kB", status)
    assert found is not None
    return int(found[1]) * 1_024


@contextlib.contextmanager
def in_a_folder_of_its_own() -> Iterator[None]:
    before = os.getcwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            yield
        finally:
            os.chdir(before)


@contextlib.contextmanager
def clean() -> Iterator[list[str]]:
    """Let pass what is refused in one line; the list then holds it. Nothing else is let pass."""
    refused: list[str] = []
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)  # sums that overflow
        warnings.filterwarnings("ignore", ".*sorted by arrival")
        try:
            yield refused
        except HybridClusterError as error:
            refused.append(str(error))
            check_line(str(error))


def check_line(message: str) -> None:
    """Any terminal can show it, on one line that somebody may read to its end."""
    assert message.strip()
    assert len(message) < 5_000
    assert all(c.isprintable() or (c.isspace() and c not in "\n\r\t\f\v") for c in message), message


def run_command(main: Callable[[list[str]], int], *arguments: str) -> int:
    """Run a command; its exit code, which is 0, or 2 after one line of error."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = main([*arguments])
        except SystemExit as stopped:  # of the parser
            code = int(stopped.code or 0)
    assert "\x1b[31m" not in out.getvalue() + err.getvalue()
    assert "Traceback" not in err.getvalue()
    # Progress bars write over themselves.
    lines = [line for line in re.split(r"[\r\n]+", err.getvalue()) if line.strip()]
    errors = [line for line in lines if line.startswith("error: ")]
    assert code in (0, 2), err.getvalue()
    assert len(errors) == (code == 2), err.getvalue()
    if code == 2:
        assert lines[-1] == errors[0], err.getvalue()
        check_line(errors[0])
    return code
