"""Shapes and letters on a canvas of pygame, which comes with the ``[render]`` extra.

pygame is imported when a `Brush` is built.
"""

from __future__ import annotations

from typing import Any

from gymnasium.error import DependencyNotInstalled

Rgb = tuple[int, int, int]
"""Red, green and blue, 0 to 255."""
Style = tuple[int, bool, Rgb]
"""Size of letters [pixel], whether they are bold, and their colour."""

WHITE, INK, MUTED = (255, 255, 255), (31, 41, 55), (107, 114, 128)
GRID, LINK, CLOCK = (233, 236, 240), (176, 183, 193), (190, 24, 74)
TITLE, VALUE, BODY = (17, True, INK), (14, True, INK), (12, False, INK)
NOTE, NOW = (11, False, MUTED), (11, False, CLOCK)
_FONTS = "inter,helveticaneue,segoeui,notosans,dejavusans,liberationsans,arial"


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
            raise DependencyNotInstalled('run `pip install "cpu-gpu-env[render]"`') from error
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

    def text(self, text: str, x: float, y: float, style: Style = BODY, align: float = 0) -> None:
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
