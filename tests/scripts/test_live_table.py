"""The live table: what it shows in how much room, and what becomes of the terminal."""

import io
import json
import math
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console
from stream_batches import NAMES, some_batches

from cpu_gpu_env.results import metrics
from cpu_gpu_env.results.gap import plain_json
from cpu_gpu_env.runtime.stream_measures import StreamMeasures
from cpu_gpu_env.scripts.live_columns import ASCII, BLOCKS, bar, difference, loads, sparkline
from cpu_gpu_env.scripts.live_frame import best_first, frame, line
from cpu_gpu_env.scripts.live_table import DRAW_EVERY_S, TELL_EVERY_S, LiveView

States = dict[str, dict[str, Any]]
ESCAPE = "\x1b"
HIDE, SHOW = "\x1b[?25l", "\x1b[?25h"


def make_state(name: str, gap: float = 0.1, times: float = 1.0, gpus: int = 4) -> dict[str, Any]:
    """A state with all that there may be, so many times as large as usual."""
    keys = (*metrics.STREAM_METRICS, *metrics.CUMULATIVE_METRICS.values())
    values = {metric.key: 80.0 * times for metric in (*keys, *metrics.DECISION_METRICS.values())}
    values |= {"objective": 1.1 * (1 + gap) * times, "gap": (1.1 * (1 + gap) * times / 1.1) - 1}
    kinds = ["cpu", *["gpu"] * gpus]
    state = {
        "scheduler": name,
        "episodes": 40,
        "window_episodes": 40,
        "tasks": 8_000,
        "model_version": 2,
        "exploration": 0.0,
        "all": values | {"bound": 1.1},
        "window": values,
        "series": {"gap": [gap * (1 + i % 7) for i in range(40)], "objective": [1.0]},
        "devices": [
            {
                "name": f"a100 #{index}",
                "kind": kind,
                "load": index / 8,
                "queue": 2.5 * times,
                "utilisation": 0.5,
                "window_utilisation": 0.5,
            }
            for index, kind in enumerate(kinds)
        ],
        "difference": {
            "reference": "first",
            "mean": 0.02 * times,
            "low": 0.01 * times,
            "high": 0.03 * times,
            "differs": True,
        },
    }
    plain: dict[str, Any] = plain_json(state)
    return plain


def make_states(count: int, last_times: float = 1.0) -> States:
    names = ["first", *(f"scheduler-of-index-{index}" for index in range(1, count))]
    found = {name: make_state(name, 0.05 * index) for index, name in enumerate(names)}
    found[names[-1]] = make_state(names[-1], 0.05 * count, last_times)
    return found


def draw(
    states: States,
    width: int,
    height: int | None = None,
    engine: Mapping[str, Any] | None = None,
    ramp: Any = BLOCKS,
) -> list[str]:
    console = Console(file=io.StringIO(), width=1_000, markup=False, highlight=False)
    console.print(frame(best_first(states), engine or {}, "60 tasks/s", width, height, ramp))
    text: str = console.file.getvalue()
    return text.splitlines()


def headings(lines: list[str]) -> list[str]:
    """Lower lines of the headings of the first table, which stand over its rule."""
    rule = next(index for index, text in enumerate(lines) if "──" in text)
    return re.split(r"  +", lines[rule - 1].strip())


@pytest.mark.parametrize("times", [1.0, 1_000.0, 1e12])
@pytest.mark.parametrize("count", [1, 6, 15])
@pytest.mark.parametrize(("width", "height"), [(80, 24), (80, 50), (140, 40), (250, 60)])
def test_a_frame_fits_the_terminal(width: int, height: int, count: int, times: float) -> None:
    states = make_states(count, times)
    engine = {"trouble": "the disk is full: what is to be stored waits " * 3, "phase": "drift"}
    lines = draw(states, width, height, engine)
    assert max(map(cell_len, lines)) <= width
    assert len(lines) <= height
    shown = {"scheduler", "J", "[%]", "last 40", "CPU|GPU", "[s]"}
    assert shown <= set(headings(lines))
    if width >= 250:
        wanted = {"[kJ]", "p99 [s]", "[µs]", "so far", "model"}
        wanted |= {"95 %, always"} if count > 1 else set()
        assert wanted <= set(headings(lines))
    if count < 15 or height > 30:
        assert all(any(name in text for text in lines) for name in states)


@settings(max_examples=40)
@given(
    st.integers(1, 20),
    st.integers(40, 200),
    st.integers(8, 60),
    st.floats(0.0) | st.just(math.nan),
    st.text(min_size=1, max_size=30),
    st.integers(0, 20),
)
def test_whatever_the_figures_and_names_no_line_is_too_long(
    count: int, width: int, height: int, times: float, name: str, gpus: int
) -> None:
    states = make_states(count)
    states[name] = make_state(name, 0.5, times, gpus)
    lines = draw(states, width, height)
    table = [text for text in lines if not text.startswith(("the best", "each"))]
    assert max(map(cell_len, table)) <= width
    assert max(map(cell_len, draw(states, width))) <= width


def test_more_room_shows_more() -> None:
    states, before = make_states(6), set()
    for width in (60, 80, 100, 120, 140, 160, 200):
        now = set(headings(draw(states, width)))
        assert before <= now
        before = now
    narrow, wide = (draw(states, width, 24) for width in (80, 140))
    assert not any("mean queue" in text for text in (*narrow, *wide))
    assert any("mean queue" in text for text in draw(states, 140, 40))
    few = draw(make_states(15), 80, 18)
    (last,) = [text for text in few if "more" in text]
    named = sum(text.startswith((" first", " scheduler-of")) for text in few)
    assert last.strip() == f"and {15 - named} more"


def test_the_best_is_first_and_who_has_no_figures_last() -> None:
    states = make_states(4)
    states["none"] = make_state("none", math.nan)
    states["better"] = make_state("better", -0.01)
    order = [state["scheduler"] for state in best_first(states)]
    assert order[:2] == ["better", "first"]
    assert order[-1] == "none"


def test_words_say_all_that_matters() -> None:
    states = make_states(2)
    lines = draw(states, 200, engine={"run": 3, "clock_s": 90_061.0, "paused": True})
    text = "\n".join(lines)
    assert lines[0] == "run 3 | 40 episodes | 8,000 tasks | 1 day, 1:01:01 simulated"
    assert lines[1] == "60 tasks/s | PAUSED"
    assert "certified bound of J: 1.100" in text
    assert "+0.020±0.010 worse" in text
    assert " v2" in text
    text = "\n".join(draw(states, 80, engine={"speed": 10.0, "phase": "back", "trouble": "gone"}))
    assert "10x simulated time" in text
    assert "drift: back" in text
    assert "STORE: gone" in text
    assert "full speed" in "\n".join(draw(states, 80))
    for low, high, said in ((-2.0, -1.0, "better"), (-1.0, 1.0, "open"), (None, None, "-")):
        state = {"scheduler": "a", "difference": {"reference": "b", "low": low, "high": high}}
        assert difference(state).split()[-1] == said


def test_columns_without_values_are_left_out() -> None:
    states = make_states(3)
    for state in states.values():
        state["difference"] = None
        state["model_version"] = 0
        for span in ("all", "window"):
            state[span] |= {"gap": None, "cumulative_regret": None}
    lines = draw(states, 200)
    assert not {"[%]", "model", "95 %, always"} & set(headings(lines))
    rule = next(index for index, text in enumerate(lines) if "──" in text)
    assert " gap" not in lines[rule - 2]


def test_sparklines_bars_and_loads() -> None:
    assert sparkline([0, 1, 2, 3, 4, 5, 6, 7], 8, BLOCKS) == "▁▂▃▄▅▆▇█"
    assert sparkline([0, 0, 7, 7], 2, BLOCKS) == "▁█"
    assert sparkline([5.0, None, "Infinity", 6.0], 6, BLOCKS) == "  ▁ ██"
    assert sparkline([2.0, 2.0], 2, BLOCKS) in ("▄▄", "▅▅")
    assert sparkline([], 3, BLOCKS) == "   "
    assert sparkline([0, 7], 2, ASCII) == "_#"
    assert bar(0.5, BLOCKS) == "███   "
    assert bar(1 / 48, BLOCKS) == "▏     "
    assert bar(1.0, BLOCKS) == "██████"
    assert bar(0.34, ASCII) == "##    "
    state = make_state("a", gpus=3)
    assert loads(state["devices"], BLOCKS) == "▁|▂▃▄"
    many = [{"kind": "gpu", "load": float(index >= 500)} for index in range(1_000)]
    assert loads(many, BLOCKS) == "|▁▁▁▁████"


def test_it_takes_the_states_of_real_measures() -> None:
    measures = StreamMeasures(NAMES, 10, 0.3)
    nothing = draw(measures.states(), 100)
    assert any("random" in text for text in nothing)
    for finished in some_batches():
        measures.add(finished)
    states = measures.states()
    row = next(text for text in draw(states, 120) if text.startswith(" random"))
    lane = measures.lanes["random"].summary()
    assert metrics.OBJECTIVE.text(lane[metrics.OBJECTIVE]) in row.split()
    assert metrics.GAP.text(lane[metrics.GAP]) in row.split()
    assert metrics.MAKESPAN.text(lane[metrics.MAKESPAN]) in row.split()


def test_without_a_terminal_there_are_plain_lines() -> None:
    now, out = [0.0], io.StringIO()
    with LiveView(out, clock=lambda: now[0]) as view:
        for second in range(30):
            now[0] = float(second)
            states = make_states(2)
            for state in states.values():
                state["episodes"], state["tasks"] = 10 * second, 2_000 * second
            view.update(states, {"run": 7})
    view.close()
    lines = out.getvalue().splitlines()
    told = [text for text in lines if text.startswith("run 7; ")]
    assert len(told) == 30 // TELL_EVERY_S - 1
    assert (
        "; 200 episodes; 40,000 tasks; 10 episodes/s, 2,000 tasks/s, 4,000 decisions/s" in told[3]
    )
    assert told[3].endswith("first 0.0, scheduler-of-index-1 10.0")
    assert lines.count(told[0]) == 1
    table = lines[len(told) :]
    assert "290 episodes" in table[0]
    assert table[1].startswith("10 episodes/s, 2,000 tasks/s, 4,000 decisions/s | ")
    assert any(text.startswith(" scheduler-of-index-1 ") and "worse" in text for text in table)
    assert ESCAPE not in out.getvalue()


def test_a_stream_that_ends_before_anything_is_there_writes_nothing() -> None:
    out = io.StringIO()
    with LiveView(out) as view:
        view.update({}, {})
    assert out.getvalue() == ""


def test_a_line_shows_no_control_characters() -> None:
    states = {"a\x1b[31m": make_state("a\x1b[31m")}
    assert ESCAPE not in line(states, {"trouble": "\x1b[2J"}, "")
    assert ESCAPE not in "\n".join(
        draw(states, 80, engine={"trouble": "\x1b[2J", "notes": ["\x07"]})
    )


SHOWING = """
import json, sys, time
from cpu_gpu_env.scripts.live_table import LiveView
states, engine = json.loads(sys.argv[2]), {"run": 1, "trouble": "the disk is full"}
try:
    with LiveView() as view:
        print("a note")
        print("a warning", file=sys.stderr)
        end = time.monotonic() + float(sys.argv[1])
        while time.monotonic() < end:
            view.update(states, engine)
            time.sleep(0.05)
except KeyboardInterrupt:
    print("interrupted")
"""


def show_on_terminal(seconds: float, interrupt: bool = False, **environment: str) -> str:
    """What a process writes to a terminal of 24 lines of 80 columns while it shows states."""
    main, worker = pty.openpty()
    outside = {**os.environ, "TERM": "xterm-256color", "LINES": "24", "COLUMNS": "80"}
    process = subprocess.Popen(
        [sys.executable, "-c", SHOWING, str(seconds), json.dumps(make_states(3))],
        stdin=worker,
        stdout=worker,
        stderr=worker,
        env={**outside, **environment},
    )
    os.close(worker)
    found, sent, deadline = b"", not interrupt, time.monotonic() + 120
    while time.monotonic() < deadline:
        if select.select([main], [], [], 0.1)[0]:
            try:
                part = os.read(main, 65_536)
            except OSError:  # nobody holds the other end any more
                break
            found += part
        if not sent and found.count(b"scheduler-of-index-2") > 2:
            process.send_signal(signal.SIGINT)
            sent = True
    assert process.wait(timeout=30) == 0, found.decode()
    os.close(main)
    return found.decode()


def test_ctrl_c_leaves_the_terminal_as_it_was() -> None:
    found = show_on_terminal(600, interrupt=True)
    assert "Traceback" not in found
    assert found.count(HIDE) == found.count(SHOW) == 1
    before, _, after = found.partition(HIDE)
    assert "a note" not in before
    assert "a note" in after
    assert "a warning" in after
    assert after.rindex("scheduler-of-index-2") < after.index(SHOW)
    assert after.rstrip().endswith("interrupted")
    assert "▁" in after
    frames = after.count("STORE: the disk is full")
    assert frames >= 3


def test_no_color_and_dumb_terminals_are_respected() -> None:
    coloured = re.compile(r"\x1b\[[0-9;]*3[0-9][0-9;]*m")
    assert coloured.search(show_on_terminal(3 * DRAW_EVERY_S))
    plain = show_on_terminal(3 * DRAW_EVERY_S, NO_COLOR="1")
    assert not coloured.search(plain)
    assert "STORE: the disk is full" in plain
    dumb = show_on_terminal(
        3 * DRAW_EVERY_S, TERM="dumb", PYTHONIOENCODING="ascii:backslashreplace"
    )
    assert ESCAPE not in dumb
    assert dumb.isascii()
    assert "\\x" not in dumb
    assert "\\u" not in dumb
    assert dumb.count("scheduler-of-index-2") == 2  # the final table alone: loads, and measures
