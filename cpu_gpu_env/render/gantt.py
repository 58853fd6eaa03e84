"""Drawing a schedule: a Gantt chart of the devices as an array or in a window.

pygame, which comes with the ``[render]`` extra, is imported when a `GanttRenderer` is built.
"""

from __future__ import annotations

import math
from functools import lru_cache
from itertools import pairwise
from statistics import geometric_mean
from typing import Any

import numpy as np
from gymnasium.error import DependencyNotInstalled
from numpy.typing import NDArray

from cpu_gpu_env.errors import HybridClusterError
from cpu_gpu_env.model.cluster import Cluster
from cpu_gpu_env.model.precision import DEFAULT_PRECISION
from cpu_gpu_env.render import timeline
from cpu_gpu_env.render.timeline import Span
from cpu_gpu_env.sim.schedule import Schedule, Share

RENDER_FPS = 30
"""Most frames a second that `GanttRenderer.show` displays."""

Rgb = tuple[int, int, int]
"""Red, green and blue, 0 to 255."""
Style = tuple[int, bool, Rgb]
"""Size of letters [pixel], whether they are bold, and their colour."""

WHITE, INK, MUTED = (255, 255, 255), (31, 41, 55), (107, 114, 128)
GRID, LINK, CLOCK = (233, 236, 240), (176, 183, 193), (190, 24, 74)
TITLE, VALUE, BODY = (17, True, INK), (14, True, INK), (12, False, INK)
NOTE, NOW = (11, False, MUTED), (11, False, CLOCK)
# Blue to orange through a warm grey, evenly spaced to the eye and safe for colour-blind readers.
_REDS = (38, 68, 124, 199, 231, 214, 168)
_GREENS = (84, 127, 168, 196, 171, 122, 76)
_BLUES = (124, 163, 190, 186, 107, 55, 28)
_DECADES = 1.5  # that the ramp spans on either side of the ridge
_FONTS = "inter,helveticaneue,segoeui,notosans,dejavusans,liberationsans,arial"
_MARGIN, _TOP, _BOTTOM, _POOL_SPACE, _NUMBERS = 24, 118, 46, 12, 104


class GanttRenderer:
    """Draws schedules with pygame: a row a device, a bar a share, time to the right.

    A bar's colour is the task's intensity on a log scale: blue where memory bounds it, orange where
    arithmetic does, grey at the cluster's mean ridge point (that of the task's precision; the
    legend has that of FP32) and where only the time is known. Wide bars name the task and its
    share. A thin line joins the CPU and GPU share of a task; the task placed last has an outline.

    The time axis covers the whole episode and grows in steps, so that bars stand still between
    them. Once a device has more than `timeline.MAX_BARS` shares, bars would become too thin to
    tell apart: the axis then shows recent time only, while all figures keep counting from the
    start.

    Args:
        cluster: The devices of the schedules to draw.
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
        self._brush = Brush(size)
        self._window: Any = None
        self._timer = self._brush.pygame.time.Clock()
        self._ridge = self._ridge_of(DEFAULT_PRECISION)
        self._names = [name[-28:] for name in cluster.device_names]
        measure = self._brush.font(BODY).size
        self._left: float = _MARGIN + 14 + max(measure(name)[0] for name in self._names)
        self._right, self._bottom = size[0] - _MARGIN - _NUMBERS, size[1] - _BOTTOM
        self._pitch = (self._bottom - _TOP - _POOL_SPACE) / len(cluster.devices)
        self._bar = min(0.72 * self._pitch, 40.0)
        spaces = [0] * len(cluster.cpus) + [_POOL_SPACE] * len(cluster.gpus)
        self._rows = [_TOP + space + (i + 0.5) * self._pitch for i, space in enumerate(spaces)]

    def draw(self, schedule: Schedule) -> NDArray[np.uint8]:
        """Return the frame as an array of shape (height, width, 3)."""
        pixels = self._brush.pygame.image.tobytes(self._paint(schedule), "RGB")
        return np.frombuffer(pixels, np.uint8).reshape(self.size[1], self.size[0], 3).copy()

    def show(self, schedule: Schedule) -> None:
        """Show the frame in a window, at most `RENDER_FPS` times a second."""
        if self.window_closed:
            return
        display = self._brush.pygame.display
        if self._window is None or not display.get_init():
            display.init()
            display.set_caption(f"HybridCluster: {self.cluster.name}")
            self._window = display.set_mode(self.size)
        self._window.blit(self._paint(schedule), (0, 0))
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

    def _x(self, span: Span, time_s: float) -> float:
        return self._left + span.position(time_s) * (self._right - self._left)

    def _paint(self, schedule: Schedule) -> Any:
        span = timeline.visible_span(schedule)
        shares = [share for share in schedule.shares if share.finish_s > span.start_s]
        queues, utilisations = timeline.queues_and_utilisation(schedule)
        self._paint_header(schedule, queues)
        self._paint_legend()
        self._paint_axis(span)
        self._paint_links(shares, span)
        for share in shares:
            self._paint_share(share, span, latest=share.task == schedule.shares[-1].task)
        self._paint_labels(queues, utilisations)
        x = self._x(span, schedule.clock_s)
        self._brush.line(x, _TOP - 1, x, self._bottom, CLOCK)
        self._brush.text("now", x, _TOP - 8, NOW, align=0.5)
        return self._brush.finish()

    def _paint_header(self, schedule: Schedule, queues: list[float]) -> None:
        title = (schedule.title or schedule.cluster.name)[: (self.size[0] - 380) // 10]
        self._brush.text(title, _MARGIN, 24, TITLE)
        for column, (label, value) in enumerate(timeline.header_texts(schedule, queues)):
            x = _MARGIN + column * (self.size[0] - 2 * _MARGIN) / 6
            self._brush.text(label, x, 56, NOTE)
            self._brush.text(value, x, 74, VALUE)

    def _paint_legend(self) -> None:
        width, right, y = 150, self.size[0] - _MARGIN, 22
        left, text = right - 86 - width, self._brush.text
        text("memory-bound", left - 8, y, NOTE, align=1)
        text("compute-bound", right, y, NOTE, align=1)
        text("FLOP/B", right, y + 13, NOTE, align=1)
        low = math.log10(self._ridge) - _DECADES
        per_pixel = 2 * _DECADES / width
        for x in range(width):
            colour = intensity_colour(10 ** (low + (x + 0.5) * per_pixel), self._ridge)
            self._brush.rect(left + x, y - 5, 1, 10, colour)
        for decade in range(math.ceil(low), math.floor(low + 2 * _DECADES) + 1):
            text(f"{10.0**decade:g}", left + (decade - low) / per_pixel, y + 13, NOTE, align=0.5)

    def _paint_axis(self, span: Span) -> None:
        step, decimals = span.tick()
        for i in range(math.ceil(span.start_s / step - 1e-9), int(span.end_s / step + 1e-9) + 1):
            x = self._x(span, i * step)
            self._brush.line(x, _TOP, x, self._bottom, GRID)
            self._brush.text(f"{i * step:,.{decimals}f}", x, self._bottom + 12, NOTE, align=0.5)
        self._brush.line(self._left, self._bottom, self._right, self._bottom, LINK)
        x = (self._left + self._right) / 2
        self._brush.text("time [s]", x, self._bottom + 30, NOTE, align=0.5)

    def _ridge_of(self, precision: str) -> float:
        """The mean ridge point of the cluster for a precision [FLOP/B]."""
        return geometric_mean(device.ridge(precision) for device in self.cluster.devices)

    def _colour(self, share: Share) -> Rgb:
        known = share.precision != DEFAULT_PRECISION and not math.isnan(share.intensity)
        ridge = self._ridge_of(share.precision) if known else self._ridge
        return intensity_colour(share.intensity, ridge)

    def _paint_links(self, shares: list[Share], span: Span) -> None:
        for one, other in pairwise(shares):
            if one.task == other.task:
                y0, y1 = self._rows[one.device], self._rows[other.device]
                inset = math.copysign(self._bar / 2, y1 - y0)
                x0, x1 = self._x(span, one.start_s), self._x(span, other.start_s)
                self._brush.line(x0, y0 + inset, x1, y1 - inset, LINK)

    def _paint_share(self, share: Share, span: Span, latest: bool) -> None:
        x0, x1 = self._x(span, share.start_s), self._x(span, share.finish_s)
        top = self._rows[share.device] - self._bar / 2
        # A hairline of white keeps neighbours apart, unless it would eat the bar.
        width = x1 - x0 - (0.5 if x1 - x0 > 2.5 else 0.0)
        radius = 2 if min(width, self._bar) > 5 else 0
        colour = self._colour(share)
        if latest:
            self._brush.rect(x0 - 1.5, top - 1.5, max(width, 1) + 3, self._bar + 3, INK, radius)
        self._brush.rect(x0, top, width, self._bar, colour, radius)
        if width > 30 and self._bar > 11:
            dark = 0.3 * colour[0] + 0.59 * colour[1] + 0.11 * colour[2] < 140
            part = f" · {share.fraction:.0%}" if share.fraction < 1 and width > 70 else ""
            style = (10, False, WHITE if dark else INK)
            y = top + self._bar / 2
            self._brush.text(f"{share.task}{part}", x0 + width / 2, y, style, align=0.5)

    def _paint_labels(self, queues: list[float], utilisations: list[float]) -> None:
        text, right = self._brush.text, self.size[0] - _MARGIN
        text("busy", right - 58, _TOP - 8, NOTE, align=1)
        text("queue", right, _TOP - 8, NOTE, align=1)
        # Where rows are thinner than text, only some of them are labelled.
        for device in range(0, len(self._names), math.ceil(13 / self._pitch)):
            y = self._rows[device]
            text(self._names[device], self._left - 14, y, BODY, align=1)
            text(f"{utilisations[device]:.0%}", right - 58, y, BODY, align=1)
            text(timeline.seconds(queues[device]), right, y, BODY, align=1)


class Brush:
    """Shapes at twice the resolution, scaled down for smooth edges; text on top of them.

    Args:
        size: Width and height of the pictures in pixels.

    Raises:
        DependencyNotInstalled: If pygame is missing.
    """

    def __init__(self, size: tuple[int, int]) -> None:
        try:
            import pygame
        except ImportError as error:
            raise DependencyNotInstalled('run `pip install ".[render]"` in the checkout') from error
        self.pygame = pygame
        self._canvas = pygame.Surface(size)
        self._fine = pygame.Surface((2 * size[0], 2 * size[1]))
        self._fine.fill(WHITE)
        self._fonts: dict[tuple[int, bool], pygame.font.Font] = {}
        self._texts: list[tuple[pygame.Surface, tuple[int, int]]] = []

    def finish(self) -> Any:
        """Return the picture, valid until the next call, and begin an empty one."""
        self.pygame.transform.smoothscale(self._fine, self._canvas.get_size(), self._canvas)
        self._canvas.blits(self._texts, doreturn=False)
        self._fine.fill(WHITE)
        self._texts.clear()
        return self._canvas

    def rect(self, x: float, y: float, w: float, h: float, colour: Rgb, radius: int = 0) -> None:
        """Fill a rectangle, at least a fine pixel wide and high."""
        left, top, right, bottom = (round(2 * edge) for edge in (x, y, x + w, y + h))
        box = (left, top, max(right - left, 1), max(bottom - top, 1))
        self.pygame.draw.rect(self._fine, colour, box, border_radius=2 * radius)

    def line(self, x0: float, y0: float, x1: float, y1: float, colour: Rgb) -> None:
        """Draw a line."""
        self.pygame.draw.line(self._fine, colour, (2 * x0, 2 * y0), (2 * x1, 2 * y1), width=2)

    def text(self, text: str, x: float, y: float, style: Style, align: float = 0) -> None:
        """Write `text` centred on `y`, beginning at `x` (align 0) or ending there (align 1)."""
        image = self.font(style).render(text, True, style[2])
        corner = (round(x - align * image.get_width()), round(y - image.get_height() / 2))
        self._texts.append((image, corner))

    def font(self, style: Style) -> Any:
        """The font of a style."""
        font, key = self.pygame.font, style[:2]
        if not font.get_init():  # at first, and after a pygame.quit() elsewhere
            font.init()
            self._fonts.clear()
        if key not in self._fonts:
            self._fonts[key] = font.Font(font.match_font(_FONTS, bold=style[1]), style[0])
        return self._fonts[key]


@lru_cache(maxsize=4096)
def intensity_colour(intensity: float, ridge: float) -> Rgb:
    """Return the colour of an arithmetic intensity: blue far below the ridge, orange far above.

    One that is not known (nan) has that of the ridge.
    """
    place = 0.0 if math.isnan(intensity) else math.log10(intensity / ridge)
    stops = np.linspace(-_DECADES, _DECADES, len(_REDS))
    red, green, blue = (round(np.interp(place, stops, c)) for c in (_REDS, _GREENS, _BLUES))
    return red, green, blue
