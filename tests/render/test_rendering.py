"""The Gantt chart, as text and as pixels."""

from __future__ import annotations

import dataclasses
import math
import subprocess
import sys
import tracemalloc
from collections.abc import Iterator

import gymnasium as gym
import numpy as np
import pytest
from numpy.typing import NDArray

from cpu_gpu_env.errors import HybridClusterError
from cpu_gpu_env.model.cluster import Cluster, Device
from cpu_gpu_env.render.gantt import GanttRenderer, intensity_colour
from cpu_gpu_env.render.timeline import MAX_BARS, render_ansi
from cpu_gpu_env.sim.schedule import Schedule, Share

CPU = Device("cpu", "cpu", 1e12, 1e11, math.inf, 0.0, 60, 225)
GPU = Device("gpu", "gpu", 1e13, 1e12, 8e10, 0.002, 50, 300, 2e10)
RIDGE = 10.0  # [FLOP/B], the same for both devices
BELOW_LEGEND = 120  # first row of pixels of the chart itself


@pytest.fixture(autouse=True)
def _no_display(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")


@pytest.fixture
def renderer() -> Iterator[GanttRenderer]:
    pytest.importorskip("pygame")
    renderer = GanttRenderer(cluster())
    yield renderer
    renderer.close()


def cluster(cpus: int = 1, gpus: int = 2) -> Cluster:
    return Cluster("small", (CPU,) * cpus + (GPU,) * gpus)


def schedule(shares: list[Share], clock_s: float = 9.5, on: Cluster | None = None) -> Schedule:
    makespan_s = max((share.finish_s for share in shares), default=0.0)
    wait_s = [0.0] * len({share.task for share in shares})
    return Schedule(on or cluster(), shares, wait_s, 200, clock_s, 1234.0, makespan_s)


def three_bars() -> Schedule:
    """The CPU busy from 0 to 10 s, GPU 0 from 2.3 to 4.7 s, GPU 1 at the very end."""
    return schedule(
        [
            Share(0, 0, 0.0, 10.0, 1.0, 1.0),
            Share(1, 1, 2.3, 4.7, 1.0, 30.0),
            Share(2, 2, 9.2, 9.9, 1.0, 100.0),
        ]
    )


def full_schedule(devices: int = 9, tasks: int = 200, seed: int = 0) -> Schedule:
    rng = np.random.default_rng(seed)
    on = cluster(1, devices - 1)
    free = [0.0] * devices
    shares = []
    for task in range(tasks):
        for device in (0, 1 + task % (devices - 1)):
            start = free[device]
            free[device] += rng.exponential() * (1.0 if device else 0.1)
            shares.append(Share(task, device, start, free[device], 0.5, 10 ** rng.uniform(-1, 3)))
    return schedule(shares, clock_s=5.0, on=on)


def pixels_of(frame: NDArray[np.uint8], share: Share) -> tuple[NDArray[np.int_], NDArray[np.int_]]:
    """The rows and columns that have the colour of a share."""
    colour = intensity_colour(share.intensity, RIDGE)
    mask = (frame == colour).all(axis=-1)
    mask[:BELOW_LEGEND] = False
    return np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))


def test_frame_is_an_image(renderer: GanttRenderer) -> None:
    frame = renderer.draw(three_bars())
    assert frame.shape == (540, 960, 3)
    assert frame.dtype == np.uint8
    assert frame.flags.writeable
    assert (frame[0, 0] == 255).all()


def test_other_sizes(renderer: GanttRenderer) -> None:
    assert GanttRenderer(cluster(), (640, 320)).draw(three_bars()).shape == (320, 640, 3)
    with pytest.raises(HybridClusterError, match=r"\(640, 100\).*at least 640 x 320"):
        GanttRenderer(cluster(), (640, 100))


def test_bars_stand_where_the_shares_are(renderer: GanttRenderer) -> None:
    picture = three_bars()
    frame = renderer.draw(picture)
    _, columns = pixels_of(frame, picture.shares[0])
    left, width = columns[0], columns[-1] - columns[0]
    for share in picture.shares[1:]:
        rows, columns = pixels_of(frame, share)
        assert len(rows) > 20
        assert columns[0] == pytest.approx(left + share.start_s / 10 * width, abs=2.5)
        assert columns[-1] == pytest.approx(left + share.finish_s / 10 * width, abs=2.5)


def test_rows_are_white_where_a_device_is_idle(renderer: GanttRenderer) -> None:
    picture = three_bars()
    frame = renderer.draw(picture)
    _, columns = pixels_of(frame, picture.shares[0])
    left, width = columns[0], columns[-1] - columns[0]
    rows, _ = pixels_of(frame, picture.shares[1])
    for start, end in ((0.1, 0.9), (1.1, 1.9), (5.1, 5.9), (8.1, 8.9)):  # between grid lines
        idle = slice(int(left + start / 10 * width), int(left + end / 10 * width))
        assert (frame[rows[0] : rows[-1], idle] == 255).all()


def test_rows_follow_the_order_of_the_devices(renderer: GanttRenderer) -> None:
    picture = three_bars()
    frame = renderer.draw(picture)
    cpu, first, second = (pixels_of(frame, share)[0] for share in picture.shares)
    assert cpu[-1] < first[0]
    assert first[-1] < second[0]


def test_clock_is_a_vertical_line(renderer: GanttRenderer) -> None:
    early, late = (dataclasses.replace(three_bars(), clock_s=clock_s) for clock_s in (6.5, 7.5))
    moved = (renderer.draw(early) != renderer.draw(late)).any(axis=-1)[BELOW_LEGEND:490]
    columns = np.flatnonzero(moved[:, :830].any(axis=0))
    _, full = pixels_of(renderer.draw(early), early.shares[0])
    expected = [full[0] + t / 10 * (full[-1] - full[0]) for t in (6.5, 7.5)]
    assert columns[0] == pytest.approx(expected[0], abs=2.5)
    assert columns[-1] == pytest.approx(expected[1], abs=2.5)
    assert moved[:, columns[0] : columns[0] + 2].any(axis=1).all()


def test_shares_of_a_task_are_linked(renderer: GanttRenderer) -> None:
    first, last = Share(0, 0, 3.3, 10.0, 0.4, 1.0), Share(0, 2, 3.3, 5.0, 0.6, 1.0)
    linked = renderer.draw(schedule([first, last]))
    unlinked = renderer.draw(schedule([first, dataclasses.replace(last, task=1)]))
    rows, _ = pixels_of(linked, first)
    last = np.argmax(np.diff(rows))
    between = slice(rows[last] + 10, rows[last + 1] - 10)  # pixels above, in and below the idle row
    changed = (linked[between, :830] != unlinked[between, :830]).any(axis=-1)
    assert changed.any(axis=1).all()
    assert changed.sum(axis=1).max() <= 3


def test_colour_runs_from_blue_to_orange() -> None:
    memory_bound, compute_bound = intensity_colour(0.1, RIDGE), intensity_colour(1e3, RIDGE)
    assert memory_bound[2] > memory_bound[0]
    assert compute_bound[0] > compute_bound[2]
    assert intensity_colour(1e-9, RIDGE) == memory_bound
    assert intensity_colour(1e9, RIDGE) == compute_bound
    middle = intensity_colour(RIDGE, RIDGE)
    assert max(middle) - min(middle) < 20


def test_frames_are_deterministic(renderer: GanttRenderer) -> None:
    first = renderer.draw(three_bars())
    renderer.draw(schedule([Share(7, 2, 0.0, 50.0, 1.0, 2.0)], clock_s=20.0))
    np.testing.assert_array_equal(renderer.draw(three_bars()), first)
    np.testing.assert_array_equal(GanttRenderer(cluster()).draw(three_bars()), first)


@pytest.mark.parametrize(("count", "visible"), [(MAX_BARS, True), (2 * MAX_BARS, False)])
def test_long_episodes_show_recent_time(renderer: GanttRenderer, count: int, visible: bool) -> None:
    shares = [Share(i, 1, float(i), i + 1.0, 1.0, 1.0) for i in range(count)]
    frame = renderer.draw(schedule(shares, clock_s=count - 1.5))
    shares[0] = dataclasses.replace(shares[0], intensity=1e3)
    recoloured = renderer.draw(schedule(shares, clock_s=count - 1.5))
    assert (frame != recoloured).any() == visible


@pytest.mark.parametrize("clock_s", [0.0, 3.7, 1e6])
def test_empty_episode(renderer: GanttRenderer, clock_s: float) -> None:
    empty = schedule([], clock_s=clock_s)
    assert renderer.draw(empty).shape == (540, 960, 3)
    assert len(render_ansi(empty).splitlines()) == 2 + 3 + 2


def test_many_devices_and_long_names() -> None:
    pytest.importorskip("pygame")
    named = dataclasses.replace(GPU, name="a-device-with-a-name-" * 5)
    big = Cluster("c" * 200, (CPU,) * 4 + (named,) * 60)
    frame = GanttRenderer(big).draw(schedule([Share(0, 63, 0.0, 1.0, 1.0, 30.0)], 0.5, big))
    rows, columns = pixels_of(frame, Share(0, 63, 0.0, 1.0, 1.0, 30.0))
    assert rows[-1] < 500
    assert len(columns) > 400


def test_memory_does_not_grow() -> None:
    pytest.importorskip("pygame")
    resource = pytest.importorskip("resource")
    busy = full_schedule(tasks=50)
    renderer = GanttRenderer(busy.cluster)
    for _ in range(5):
        renderer.draw(busy)
    resident = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for _ in range(60):
        renderer.draw(busy)
    after = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert after - before < 100_000
    # 60 kept frames would be 90 MB; the unit is KiB, or bytes on macOS.
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - resident
    assert grown < 20 * 1024 * (1024 if sys.platform == "darwin" else 1)


def test_window_opens_and_closes(renderer: GanttRenderer) -> None:
    import pygame

    renderer.show(three_bars())
    window = pygame.display.get_surface()
    assert window is not None
    shown = pygame.surfarray.array3d(window).transpose(1, 0, 2)
    np.testing.assert_array_equal(shown, renderer.draw(three_bars()))
    renderer.close()
    renderer.close()
    assert not pygame.display.get_init()
    renderer.show(three_bars())
    assert pygame.display.get_init()


def test_user_closes_the_window(renderer: GanttRenderer) -> None:
    import pygame

    renderer.show(three_bars())
    pygame.event.post(pygame.event.Event(pygame.QUIT))
    renderer.show(three_bars())
    assert renderer.window_closed
    renderer.show(three_bars())
    assert not pygame.display.get_init()


def test_survives_another_user_of_pygame(renderer: GanttRenderer) -> None:
    import pygame

    first = renderer.draw(three_bars())
    renderer.show(three_bars())
    pygame.quit()
    np.testing.assert_array_equal(renderer.draw(three_bars()), first)
    renderer.show(three_bars())


def test_missing_pygame_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pygame", None)
    with pytest.raises(gym.error.DependencyNotInstalled, match=r"\.\[render\]"):
        GanttRenderer(cluster())
    assert render_ansi(three_bars())


def test_import_is_lazy() -> None:
    code = "import sys, cpu_gpu_env.render.gantt; print('pygame' in sys.modules)"
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout
    assert output.strip() == "False"


def test_ansi_has_a_row_for_each_device() -> None:
    lines = render_ansi(three_bars(), width=80).splitlines()
    assert [line.split(" |")[0].strip() for line in lines[2:-2]] == ["cpu #0", "gpu #0", "gpu #1"]
    assert max(map(len, lines)) <= 80


def test_ansi_header_and_queues() -> None:
    text = render_ansi(three_bars())
    for figure in ("clock 9.50 s", "tasks placed 3 / 200", "makespan 10.00 s", "energy 1.23 kJ"):
        assert figure in text
    assert text.startswith("small")
    assert [line.split("queue")[1].strip() for line in text.splitlines()[2:-2]] == [
        "0.50 s",
        "0.00 s",
        "0.40 s",
    ]
    assert "100%" in text.splitlines()[2]
    titled = dataclasses.replace(three_bars(), title="greedy")
    assert render_ansi(titled).startswith("greedy")


def test_ansi_blocks_follow_time_and_intensity() -> None:
    shares = [
        Share(0, 0, 0.0, 10.0, 1.0, 1.0),
        Share(1, 1, 0.0, 5.0, 1.0, 100.0),
        Share(2, 2, 5.0, 5.001, 1.0, 100.0),
    ]
    rows = [line.split("|")[1] for line in render_ansi(schedule(shares)).splitlines()[2:5]]
    columns = len(rows[0])
    assert rows[0] == "▒" * columns
    assert rows[1].strip(" ░") in ("█" * (columns // 2), "█" * (columns // 2 + 1))
    assert rows[2].count("░") == 1
    assert rows[2].count(" ") == columns - 1


def test_ansi_shows_work_of_which_only_the_time_is_known() -> None:
    shares = [
        Share(0, 0, 0.0, 10.0, 1.0, float("nan")),
        Share(1, 1, 0.0, 10.0, 1.0, 50.0, "fp16"),
        Share(2, 2, 0.0, 10.0, 1.0, 50.0),
    ]
    # At 50 FLOP/B this GPU is bound by computing in FP32 (ridge 10), by memory in 16 bits (80).
    fast = Cluster("fast", (CPU, *[dataclasses.replace(GPU, flops_fp16=80e12)] * 2))
    rows = [line.split("|")[1] for line in render_ansi(schedule(shares, on=fast)).splitlines()[2:5]]
    assert [set(row) for row in rows] == [{"▓"}, {"▒"}, {"█"}]


def test_an_image_of_work_of_which_only_the_time_is_known(renderer: GanttRenderer) -> None:
    unknown = schedule([Share(0, 0, 0.0, 10.0, 1.0, float("nan"))])
    at_the_ridge = schedule([Share(0, 0, 0.0, 10.0, 1.0, renderer._ridge)])
    np.testing.assert_array_equal(renderer.draw(unknown), renderer.draw(at_the_ridge))


def test_ansi_marks_the_clock() -> None:
    axis = [
        render_ansi(schedule(three_bars().shares, clock_s=t)).splitlines()[-2] for t in (0, 5, 10)
    ]
    places = [line.index("^") - line.index("+") for line in axis]
    assert places[0] == 1
    assert places[2] == len(axis[2].strip()) - 2
    assert places[1] == pytest.approx((places[0] + places[2]) / 2, abs=1)
