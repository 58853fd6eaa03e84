"""Drawing an episode: a Gantt chart of the devices as text, as an array or in a window.

pygame, which comes with the ``[render]`` extra, is imported when a `GanttRenderer` is built.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from statistics import geometric_mean
from typing import Any

import numpy as np
from gymnasium.error import DependencyNotInstalled
from numpy.typing import NDArray

from cpu_gpu_env.errors import HybridClusterError
from cpu_gpu_env.model.cluster import Cluster

Rgb = tuple[int, int, int]
_Style = tuple[int, bool, Rgb]

RENDER_FPS = 30
"""Most frames a second that `GanttRenderer.show` displays."""
MAX_BARS = 240
"""Most shares of a device on one image; older ones scroll out on the left."""

_WHITE, _INK, _MUTED = (255, 255, 255), (31, 41, 55), (107, 114, 128)
_GRID, _LINK, _CLOCK = (233, 236, 240), (176, 183, 193), (190, 24, 74)
_TITLE, _VALUE, _BODY = (17, True, _INK), (14, True, _INK), (12, False, _INK)
_NOTE, _NOW = (11, False, _MUTED), (11, False, _CLOCK)
_FONTS = "inter,helveticaneue,segoeui,notosans,dejavusans,liberationsans,arial"
# Blue to orange through a warm grey, evenly spaced to the eye and safe for colour-blind readers.
_REDS = (38, 68, 124, 199, 231, 214, 168)
_GREENS = (84, 127, 168, 196, 171, 122, 76)
_BLUES = (124, 163, 190, 186, 107, 55, 28)
_DECADES = 1.5  # that the ramp spans on either side of the ridge
_MARGIN, _TOP, _BOTTOM, _POOL_GAP, _NUMBERS = 24, 118, 46, 12, 104


@dataclass(frozen=True)
class Share:
    """The part of a task that one device runs."""

    task: int
    """Index of the task in the episode."""
    device: int
    """Index into `Cluster.devices`, CPUs first."""
    start_s: float
    """When the device begins it [s]."""
    finish_s: float
    """When the device is done with it [s]."""
    fraction: float
    """Part of the task's work, in (0, 1]."""
    intensity: float
    """Arithmetic intensity of the task [FLOP/B]."""


@dataclass
class Scene:
    """What a frame shows: the schedule so far."""

    cluster: Cluster
    """The devices, one row each."""
    shares: list[Share]
    """In order of placement; the two shares of a task follow each other."""
    num_tasks: int
    """Tasks in the episode."""
    clock_s: float
    """Arrival of the task to place [s]."""
    energy_j: float
    """Energy so far [J]."""
    makespan_s: float
    """First arrival to last finish so far [s]."""
    tasks_placed: int
    """Tasks decided so far."""
    title: str = ""
    """Heading; the cluster's name if empty."""


@dataclass(frozen=True)
class _Span:
    """A stretch of time, mapped onto [0, 1]."""

    start_s: float
    end_s: float

    def position(self, time_s: float) -> float:
        return min(max((time_s - self.start_s) / (self.end_s - self.start_s), 0.0), 1.0)

    def tick(self) -> tuple[float, int]:
        """Return the distance between ticks, ten of them at most, and the decimals it needs."""
        rough = (self.end_s - self.start_s) / 10
        exponent = math.floor(math.log10(rough))
        digit = next((digit for digit in (1, 2, 5) if digit >= rough / 10.0**exponent), 10)
        return digit * 10.0**exponent, max(0, -exponent - (digit == 10))


def render_ansi(scene: Scene, width: int = 100) -> str:
    """Draw the scene as text.

    Args:
        scene: The schedule so far.
        width: Columns of the chart's lines.

    Returns:
        Two lines of figures, a row a device (``▒`` memory-bound work, ``█`` compute-bound work,
        ``░`` a column that is idle for most of its time) and a time axis, the clock at ``^``.
    """
    span = _episode_span(scene)
    queues, utilisations = _loads(scene)
    names = scene.cluster.device_names
    margin = max(map(len, names))
    columns = max(width - margin - len(" || 100%  queue 1,000.0 s"), 10)
    cells = _cells(scene, span, columns)
    rows = [
        f"{name:<{margin}} |{''.join(cells[device])}| "
        f"{utilisations[device]:4.0%}  queue {_seconds(queues[device]):>9}"
        for device, name in enumerate(names)
    ]
    axis = ["-"] * columns
    axis[min(int(span.position(scene.clock_s) * columns), columns - 1)] = "^"
    figures = [f"{label.lower()} {value}" for label, value in _figures(scene, queues)]
    header = f"{scene.title or scene.cluster.name}   {figures[0]}   {figures[1]}"
    rule = f"{'':{margin}} +{''.join(axis)}+"
    ends = f"{'':{margin}}  {_seconds(span.start_s):<9}{_seconds(span.end_s):>{columns - 9}}"
    return "\n".join([header, "   ".join(figures[2:]), *rows, rule, ends])


def _cells(scene: Scene, span: _Span, columns: int) -> NDArray[np.str_]:
    """One character for each device and column of text."""
    ridges = [d.flops / d.memory_bandwidth for d in scene.cluster.devices]
    busy = np.zeros((2, len(ridges), columns))
    edges = np.arange(columns)
    for share in scene.shares:
        start, finish = (span.position(t) * columns for t in (share.start_s, share.finish_s))
        overlap = np.minimum(edges + 1, finish) - np.maximum(edges, start)
        busy[int(share.intensity >= ridges[share.device]), share.device] += overlap.clip(0.0)
    total = busy.sum(axis=0)
    glyphs = np.where(busy[0] > busy[1], "▒", "█")
    return np.where(total >= 0.5, glyphs, np.where(total > 0, "░", " "))


class GanttRenderer:
    """Draws scenes with pygame: a row a device, a bar a share, time to the right.

    A bar's colour is the task's intensity on a log scale: blue where memory bounds it, orange where
    arithmetic does, grey at the cluster's mean ridge point. Wide bars name the task and its share.
    A thin line joins the CPU and GPU share of a task; the task placed last has an outline.

    The time axis covers the whole episode and grows in steps, so that bars stand still between
    them. Once a device has more than `MAX_BARS` shares, bars would become too thin to tell apart:
    the axis then shows recent time only, while all figures keep counting from the start.

    Args:
        cluster: The devices of the scenes to draw.
        size: Width and height of the image in pixels.

    Raises:
        DependencyNotInstalled: If pygame is missing.
        HybridClusterError: If `size` is below 640 x 320.
    """

    def __init__(self, cluster: Cluster, size: tuple[int, int] = (960, 540)) -> None:
        if size[0] < 640 or size[1] < 320:  # texts would overlap
            raise HybridClusterError(f"size is {size}; allowed: at least 640 x 320 pixels")
        self.cluster = cluster
        self.size = size
        self.window_closed = False  # by the user; `show` does nothing from then on
        self._brush = _Brush(size)
        self._window: Any = None
        self._timer = self._brush.pygame.time.Clock()
        self._ridge = geometric_mean(d.flops / d.memory_bandwidth for d in cluster.devices)
        self._names = [name[-28:] for name in cluster.device_names]
        measure = self._brush.font(_BODY).size
        self._left: float = _MARGIN + 14 + max(measure(name)[0] for name in self._names)
        self._right, self._bottom = size[0] - _MARGIN - _NUMBERS, size[1] - _BOTTOM
        self._pitch = (self._bottom - _TOP - _POOL_GAP) / len(cluster.devices)
        self._bar = min(0.72 * self._pitch, 40.0)
        gaps = [0] * len(cluster.cpus) + [_POOL_GAP] * len(cluster.gpus)
        self._rows = [_TOP + gap + (i + 0.5) * self._pitch for i, gap in enumerate(gaps)]

    def draw(self, scene: Scene) -> NDArray[np.uint8]:
        """Return the frame as an array of shape (height, width, 3)."""
        pixels = self._brush.pygame.image.tobytes(self._paint(scene), "RGB")
        return np.frombuffer(pixels, np.uint8).reshape(self.size[1], self.size[0], 3).copy()

    def show(self, scene: Scene) -> None:
        """Show the frame in a window, at most `RENDER_FPS` times a second."""
        if self.window_closed:
            return
        display = self._brush.pygame.display
        if self._window is None or not display.get_init():
            display.init()
            display.set_caption(f"HybridCluster: {self.cluster.name}")
            self._window = display.set_mode(self.size)
        self._window.blit(self._paint(scene), (0, 0))
        display.flip()
        self._timer.tick(RENDER_FPS)
        if any(event.type == self._brush.pygame.QUIT for event in self._brush.pygame.event.get()):
            self.close()
            self.window_closed = True

    def close(self) -> None:
        """Close the window, if there is one; may be called more than once."""
        if self._window is not None:
            self._brush.pygame.display.quit()  # pygame.quit() would take the fonts from others
            self._window = None

    def _x(self, span: _Span, time_s: float) -> float:
        return self._left + span.position(time_s) * (self._right - self._left)

    def _paint(self, scene: Scene) -> Any:
        span = _visible_span(scene)
        shares = [share for share in scene.shares if share.finish_s > span.start_s]
        queues, utilisations = _loads(scene)
        self._paint_header(scene, queues)
        self._paint_legend()
        self._paint_axis(span)
        self._paint_links(shares, span)
        for share in shares:
            self._paint_share(share, span, latest=share.task == scene.shares[-1].task)
        self._paint_labels(queues, utilisations)
        x = self._x(span, scene.clock_s)
        self._brush.line(x, _TOP - 1, x, self._bottom, _CLOCK)
        self._brush.text("now", x, _TOP - 8, _NOW, align=0.5)
        return self._brush.finish()

    def _paint_header(self, scene: Scene, queues: list[float]) -> None:
        title = (scene.title or scene.cluster.name)[: (self.size[0] - 380) // 10]
        self._brush.text(title, _MARGIN, 24, _TITLE)
        for column, (label, value) in enumerate(_figures(scene, queues)):
            x = _MARGIN + column * (self.size[0] - 2 * _MARGIN) / 6
            self._brush.text(label, x, 56, _NOTE)
            self._brush.text(value, x, 74, _VALUE)

    def _paint_legend(self) -> None:
        width, right, y = 150, self.size[0] - _MARGIN, 22
        left, text = right - 86 - width, self._brush.text
        text("memory-bound", left - 8, y, _NOTE, align=1)
        text("compute-bound", right, y, _NOTE, align=1)
        text("FLOP/B", right, y + 13, _NOTE, align=1)
        low = math.log10(self._ridge) - _DECADES
        per_pixel = 2 * _DECADES / width
        for x in range(width):
            colour = intensity_colour(10 ** (low + (x + 0.5) * per_pixel), self._ridge)
            self._brush.rect(left + x, y - 5, 1, 10, colour)
        for decade in range(math.ceil(low), math.floor(low + 2 * _DECADES) + 1):
            text(f"{10.0**decade:g}", left + (decade - low) / per_pixel, y + 13, _NOTE, align=0.5)

    def _paint_axis(self, span: _Span) -> None:
        step, decimals = span.tick()
        for i in range(math.ceil(span.start_s / step - 1e-9), int(span.end_s / step + 1e-9) + 1):
            x = self._x(span, i * step)
            self._brush.line(x, _TOP, x, self._bottom, _GRID)
            self._brush.text(f"{i * step:,.{decimals}f}", x, self._bottom + 12, _NOTE, align=0.5)
        self._brush.line(self._left, self._bottom, self._right, self._bottom, _LINK)
        x = (self._left + self._right) / 2
        self._brush.text("time [s]", x, self._bottom + 30, _NOTE, align=0.5)

    def _paint_links(self, shares: list[Share], span: _Span) -> None:
        for one, other in pairwise(shares):
            if one.task == other.task:
                y0, y1 = self._rows[one.device], self._rows[other.device]
                inset = math.copysign(self._bar / 2, y1 - y0)
                x0, x1 = self._x(span, one.start_s), self._x(span, other.start_s)
                self._brush.line(x0, y0 + inset, x1, y1 - inset, _LINK)

    def _paint_share(self, share: Share, span: _Span, latest: bool) -> None:
        x0, x1 = self._x(span, share.start_s), self._x(span, share.finish_s)
        top = self._rows[share.device] - self._bar / 2
        # A hairline of white keeps neighbours apart, unless it would eat the bar.
        width = x1 - x0 - (0.5 if x1 - x0 > 2.5 else 0.0)
        radius = 2 if min(width, self._bar) > 5 else 0
        colour = intensity_colour(share.intensity, self._ridge)
        if latest:
            self._brush.rect(x0 - 1.5, top - 1.5, max(width, 1) + 3, self._bar + 3, _INK, radius)
        self._brush.rect(x0, top, width, self._bar, colour, radius)
        if width > 30 and self._bar > 11:
            dark = 0.3 * colour[0] + 0.59 * colour[1] + 0.11 * colour[2] < 140
            part = f" · {share.fraction:.0%}" if share.fraction < 1 and width > 70 else ""
            style = (10, False, _WHITE if dark else _INK)
            y = top + self._bar / 2
            self._brush.text(f"{share.task}{part}", x0 + width / 2, y, style, align=0.5)

    def _paint_labels(self, queues: list[float], utilisations: list[float]) -> None:
        text, right = self._brush.text, self.size[0] - _MARGIN
        text("busy", right - 58, _TOP - 8, _NOTE, align=1)
        text("queue", right, _TOP - 8, _NOTE, align=1)
        # Where rows are thinner than text, only some of them are labelled.
        for device in range(0, len(self._names), math.ceil(13 / self._pitch)):
            y = self._rows[device]
            text(self._names[device], self._left - 14, y, align=1)
            text(f"{utilisations[device]:.0%}", right - 58, y, align=1)
            text(_seconds(queues[device]), right, y, align=1)


class _Brush:
    """Shapes at twice the resolution, scaled down for smooth edges; text on top of them."""

    def __init__(self, size: tuple[int, int]) -> None:
        try:
            import pygame
        except ImportError as error:
            raise DependencyNotInstalled('run `pip install "cpu-gpu-env[render]"`') from error
        self.pygame = pygame
        self._canvas = pygame.Surface(size)
        self._fine = pygame.Surface((2 * size[0], 2 * size[1]))
        self._fine.fill(_WHITE)
        self._fonts: dict[tuple[int, bool], pygame.font.Font] = {}
        self._texts: list[tuple[pygame.Surface, tuple[int, int]]] = []

    def finish(self) -> Any:
        """Return the picture, valid until the next call, and begin an empty one."""
        self.pygame.transform.smoothscale(self._fine, self._canvas.get_size(), self._canvas)
        self._canvas.blits(self._texts, doreturn=False)
        self._fine.fill(_WHITE)
        self._texts.clear()
        return self._canvas

    def rect(self, x: float, y: float, w: float, h: float, colour: Rgb, radius: int = 0) -> None:
        left, top, right, bottom = (round(2 * edge) for edge in (x, y, x + w, y + h))
        box = (left, top, max(right - left, 1), max(bottom - top, 1))
        self.pygame.draw.rect(self._fine, colour, box, border_radius=2 * radius)

    def line(self, x0: float, y0: float, x1: float, y1: float, colour: Rgb) -> None:
        self.pygame.draw.line(self._fine, colour, (2 * x0, 2 * y0), (2 * x1, 2 * y1), width=2)

    def text(self, text: str, x: float, y: float, style: _Style = _BODY, align: float = 0) -> None:
        """Write `text` centred on `y`, beginning at `x` (align 0) or ending there (align 1)."""
        image = self.font(style).render(text, True, style[2])
        corner = (round(x - align * image.get_width()), round(y - image.get_height() / 2))
        self._texts.append((image, corner))

    def font(self, style: _Style) -> Any:
        font, key = self.pygame.font, style[:2]
        if not font.get_init():  # at first, and after a pygame.quit() elsewhere
            font.init()
            self._fonts.clear()
        if key not in self._fonts:
            self._fonts[key] = font.Font(font.match_font(_FONTS, bold=style[1]), style[0])
        return self._fonts[key]


@lru_cache(maxsize=4096)
def intensity_colour(intensity: float, ridge: float) -> Rgb:
    """Return the colour of an arithmetic intensity: blue far below the ridge, orange far above."""
    place, stops = math.log10(intensity / ridge), np.linspace(-_DECADES, _DECADES, len(_REDS))
    red, green, blue = (round(np.interp(place, stops, c)) for c in (_REDS, _GREENS, _BLUES))
    return red, green, blue


def _episode_span(scene: Scene) -> _Span:
    """From the first arrival to the last finish, or to the clock if that is later."""
    last = max((share.finish_s for share in scene.shares), default=scene.clock_s)
    start, end = min(last - scene.makespan_s, scene.clock_s), max(last, scene.clock_s)
    return _Span(start, end if end > start else start + 1)


def _visible_span(scene: Scene) -> _Span:
    """The time axis of an image: the episode or its recent part, with room to grow."""
    whole = _episode_span(scene)
    starts: list[list[float]] = [[] for _ in scene.cluster.devices]
    for share in scene.shares:
        starts[share.device].append(share.start_s)
    recent = [row[-MAX_BARS] for row in starts if len(row) > MAX_BARS]
    # Never past the clock: rows whose queues are long would push it out of sight.
    start = min(max(recent, default=whole.start_s), scene.clock_s)
    step, _ = _Span(start, whole.end_s).tick()
    start = max(math.floor(start / step) * step, whole.start_s)
    return _Span(start, start + math.ceil((whole.end_s - start) / step - 1e-9) * step)


def _loads(scene: Scene) -> tuple[list[float], list[float]]:
    """Work that each device still has to do at the clock [s], and its utilisation so far."""
    queues, busy = ([0.0] * len(scene.cluster.devices) for _ in range(2))
    for share in scene.shares:
        busy[share.device] += share.finish_s - share.start_s
        queues[share.device] += max(share.finish_s - max(share.start_s, scene.clock_s), 0.0)
    return queues, [work / (scene.makespan_s or 1.0) for work in busy]


def _figures(scene: Scene, queues: list[float]) -> list[tuple[str, str]]:
    """Labels and values of the header; queues are the mean of their pool."""
    cpus, gpus = len(scene.cluster.cpus), len(scene.cluster.gpus)
    return [
        ("Clock", _seconds(scene.clock_s)),
        ("Tasks placed", f"{scene.tasks_placed} / {scene.num_tasks}"),
        ("Queue per CPU", _seconds(sum(queues[:cpus]) / cpus)),
        ("Queue per GPU", _seconds(sum(queues[cpus:]) / gpus)),
        ("Makespan", _seconds(scene.makespan_s)),
        ("Energy", f"{scene.energy_j / 1e3:,.2f} kJ"),
    ]


def _seconds(time_s: float) -> str:
    return f"{time_s:,.{1 if time_s >= 100 else 2}f} s"
