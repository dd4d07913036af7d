"""What the detector's training scenes are written with: digits, signs and other ink, as coverage.

Each function gives float32 (height, width), 0 where there is no ink and 1 where it covers the
paper. Digits come from MNIST's training digits as they are, from their center lines drawn again by
a pen, from forms that MNIST hardly has, and, few, from fonts.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks._glyphs import glyph
from core.preprocessing.page.detector import KINDS
from core.preprocessing.pens import FORMS, Lines, center_lines, polylines, slanted, warped

Floats = NDArray[np.float32]
Random = np.random.Generator

SIDE: Final = 192
"""Pixels that a scene is wide and high."""
DIGIT, *SIGNS = KINDS
_FINE: Final = 4
"""Lines are drawn so many times larger and shrunk: smooth edges at any width."""
_LETTERS: Final = "ABCDEFGHKLMNPRTUVWXYabcdefghkmnprtuvwxyz?&@#%*+=[]{}<>$:;äöüéЖДФЮαβδλ"
_FONTS: Final = ("DejaVuSans", "DejaVuSans-Bold", "DejaVuSerif", "DejaVuSerif-Italic",
                 "STIXGeneral", "DejaVuSansMono")  # fmt: skip
_RAREFORMS: Final = (
    (0, (((0.4, 0.0), (0.08, 0.18), (0.0, 0.5), (0.1, 0.85), (0.4, 1.0), (0.7, 0.85), (0.8, 0.5),
          (0.72, 0.18), (0.4, 0.0)), ((0.7, 0.05), (0.1, 0.95)))),
    (0, (((0.4, 0.0), (0.08, 0.18), (0.0, 0.5), (0.1, 0.85), (0.4, 1.0), (0.7, 0.85), (0.8, 0.5),
          (0.72, 0.18), (0.4, 0.0)), ((0.9, -0.05), (-0.1, 1.05)))),
    (2, (((0.05, 0.25), (0.3, 0.0), (0.6, 0.15), (0.55, 0.5), (0.15, 0.9), (0.0, 0.85),
          (0.1, 0.75), (0.35, 0.95), (0.75, 0.95)),)),
    (6, (((0.5, 0.0), (0.1, 0.6), (0.15, 0.95), (0.5, 1.0), (0.65, 0.75), (0.4, 0.55),
          (0.1, 0.7)),)),
    (8, (((0.35, 0.48), (0.1, 0.3), (0.15, 0.05), (0.4, 0.0), (0.6, 0.1), (0.6, 0.33),
          (0.35, 0.48)), ((0.35, 0.54), (0.05, 0.72), (0.1, 0.95), (0.4, 1.0), (0.7, 0.9),
          (0.65, 0.68), (0.35, 0.54)))),
    (4, (((0.15, 0.0), (0.0, 0.6), (0.8, 0.58)), ((0.7, 0.0), (0.62, 1.0)))),
    (5, (((0.1, 0.05), (0.08, 0.45), (0.5, 0.45), (0.65, 0.7), (0.45, 0.97), (0.0, 0.92)),
         ((0.15, 0.0), (0.75, -0.04)))),
    (1, (((0.5, 0.0), (0.5, 1.0)),)),
    (1, (((0.6, 0.0), (0.4, 1.0)),)),
)  # fmt: skip


@dataclass
class Layers:
    """A scene while it is drawn: coverage of each kind of ink, and who owns which pixel."""

    digits: Floats
    signs: Floats
    other: Floats
    owner: NDArray[np.int32]
    window: tuple[int, int, int, int] = (0, 0, SIDE, SIDE)
    """The picture within the scene: left, top, width, height. Around it is the detector's pad."""
    items: list[tuple[int, int, float, float, float, float]] = field(default_factory=list)
    """Owner, index in `KINDS`, center x and y, longer side, how much of its ink is seen."""


class InkBank:
    """Training digits and their center lines, from which ink is drawn at any size.

    Args:
        images: uint8 (n, 28, 28).
        labels: (n,), 0 to 9.
        lines: how many of them get center lines (5 ms each).
    """

    def __init__(
        self, images: NDArray[np.uint8], labels: NDArray[np.integer[Any]], lines: int
    ) -> None:
        self._images = images
        self._numbers = [np.flatnonzero(labels == label) for label in range(10)]
        self._lines = [drawn for drawn in map(center_lines, images[:lines]) if len(drawn.edges) > 4]

    def digit(self, height: float, rng: Random) -> Floats:
        """The ink of a digit whose longer side is about `height` pixels, cropped."""
        kind = rng.random()
        if kind < 0.40:
            return self._scanned(height, rng)
        if kind < 0.72:
            lines = self._lines[int(rng.integers(len(self._lines)))]
            if rng.random() < 0.3:
                lines = warped(lines, rng)
            return _by_pen(slanted(lines, rng), height, rng)
        if kind < 0.93:
            forms = FORMS if rng.random() < 0.5 else _RAREFORMS
            _, strokes = forms[int(rng.integers(len(forms)))]
            return _by_pen(slanted(polylines(strokes, rng, bent=0.035), rng), height, rng)
        return printed(str(rng.integers(10)), height, rng)

    def scanned_as(self, label: int, height: float, rng: Random) -> Floats:
        """The ink of a digit of that label, as MNIST has it."""
        numbers = self._numbers[label]
        return self._enlarged(self._images[int(numbers[int(rng.integers(len(numbers)))])], height,
                              rng)  # fmt: skip

    def _scanned(self, height: float, rng: Random) -> Floats:
        return self._enlarged(self._images[int(rng.integers(len(self._images)))], height, rng)

    def _enlarged(self, digit: NDArray[np.uint8], height: float, rng: Random) -> Floats:
        x, y, w, h = cv2.boundingRect((digit > 40).astype(np.uint8))
        crop = np.pad(digit[y : y + h, x : x + w], 1).astype(np.float32) / 255
        scale = height / max(w, h)
        size = (max(2, round((w + 2) * scale)), max(2, round((h + 2) * scale)))
        if rng.random() < 0.15:  # as it is, or with its pixels showing
            way = cv2.INTER_NEAREST if scale > 1 and rng.random() < 0.5 else cv2.INTER_AREA
            return _cropped(cv2.resize(crop, size, interpolation=way))
        big = cv2.resize(crop, (4 * (w + 2), 4 * (h + 2)), interpolation=cv2.INTER_CUBIC)
        big = cv2.GaussianBlur(big, (0, 0), 1.0)
        sharp = np.clip((big - rng.uniform(0.3, 0.5)) / rng.uniform(0.1, 0.4) + 0.5, 0, 1)
        return _cropped(cv2.resize(sharp.astype(np.float32), size, interpolation=cv2.INTER_AREA))


def _by_pen(lines: Lines, height: float, rng: Random) -> Floats:
    """Lines drawn by a pen of a hair's width to a brush's, sometimes with a gap."""
    low, high = lines.box()
    fine = _FINE if height < 100 else 1
    scale = fine * height / max(1e-6, float((high - low).max()))
    width = fine * max(0.45, height * float(np.exp(rng.uniform(np.log(0.018), np.log(0.2)))))
    size = np.ceil((high - low) * scale + 2 * width + 2 * fine).astype(int)
    page = np.zeros((int(size[1]), int(size[0])), np.uint8)
    points = np.rint(((lines.points - low) * scale + width + fine) * 8).astype(np.int32)
    cv2.polylines(page, list(points[lines.edges]), False, 255, max(1, round(width)), cv2.LINE_8, 3)
    if rng.random() < 0.15:
        x, y = points[int(rng.integers(len(points)))] // 8
        cv2.circle(page, (int(x), int(y)), round(width * rng.uniform(0.6, 1.4)), 0, -1)
    small = (max(2, page.shape[1] // fine), max(2, page.shape[0] // fine))
    shrunk = cv2.resize(page, small, interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    if height < 40 and rng.random() < 0.2:  # a paint program's pixels, without soft edges
        shrunk = (shrunk > 0.4).astype(np.float32)
    return _cropped(shrunk)


def printed(text: str, height: float, rng: Random) -> Floats:
    """A text in a font."""
    ink = glyph(_FONTS[int(rng.integers(len(_FONTS)))], text).astype(np.float32) / 255
    scale = height / ink.shape[0]
    size = (max(2, round(ink.shape[1] * scale)), max(2, round(height)))
    return _cropped(cv2.resize(ink, size, interpolation=cv2.INTER_AREA))


def letter(height: float, rng: Random) -> Floats:
    """A letter or a sign that no digit looks like, printed or by a pen."""
    text = _LETTERS[int(rng.integers(len(_LETTERS)))]
    return (printed if rng.random() < 0.5 else written)(text, height, rng)


def written(text: str, height: float, rng: Random) -> Floats:
    """A text of a font, written by a pen."""
    return _by_pen(slanted(_letter_lines(text), rng), height, rng)


@lru_cache(maxsize=256)
def _letter_lines(text: str) -> Lines:
    from benchmarks._glyphs import glyph_lines

    return glyph_lines("DejaVuSans", text)


def sign(kind: str, height: float, rng: Random) -> Floats:
    """A point, comma, minus or slash beside digits of that height, cropped."""
    pen = max(1.0, height * float(rng.uniform(0.06, 0.16)))
    if kind == ".":
        side = max(2, round(pen * rng.uniform(1.0, 1.7)))
        page = np.zeros((4 * side, 4 * side), np.uint8)
        cv2.ellipse(page, (2 * side, 2 * side), (round(1.9 * side), round(rng.uniform(1.3, 1.9) *
                    side)), float(rng.uniform(0, 180)), 0, 360, 255, -1)  # fmt: skip
        return _cropped(_shrunk(page))
    spans = {
        ",": (rng.uniform(-0.15, 0.02), rng.uniform(0.15, 0.32)),
        "-": (rng.uniform(0.3, 0.75), rng.uniform(-0.06, 0.06)),
        "/": (rng.uniform(-0.55, -0.25), rng.uniform(0.9, 1.4)),
    }
    across, down = np.array(spans[kind]) * height * 4
    turn = 2 * pen
    size = (int(abs(down) + 4 * pen * 2 + 8), int(abs(across) + 4 * pen * 2 + 8))
    page = np.zeros(size, np.uint8)
    middle = np.array(size[::-1]) / 2
    way = np.linspace(-0.5, 0.5, 9)[:, None] * [across, down] + middle
    bend = rng.uniform(-0.5, 0.5) * turn
    way[:, 0] += bend * np.sin(np.linspace(0, np.pi, 9)) * (kind != "-")
    way[:, 1] += bend * np.sin(np.linspace(0, np.pi, 9)) * (kind == "-")
    cv2.polylines(page, [np.rint(way).astype(np.int32)], False, 255, max(2, round(4 * pen)))
    return _cropped(_shrunk(page))


def _shrunk(page: NDArray[np.uint8]) -> Floats:
    size = (max(1, page.shape[1] // 4), max(1, page.shape[0] // 4))
    small = np.asarray(cv2.resize(page, size, interpolation=cv2.INTER_AREA), np.float32)
    return np.asarray(small / 255, np.float32)


def _cropped(ink: NDArray[Any]) -> Floats:
    x, y, w, h = cv2.boundingRect((ink > 0.35 * float(ink.max())).astype(np.uint8))
    if w == 0 or h == 0:
        return np.full((1, 1), float(ink.max()), np.float32)
    return np.ascontiguousarray(ink[y : y + h, x : x + w], np.float32)


def line(
    layer: Floats, start: tuple[float, float], end: tuple[float, float], thick: float, tone: float
) -> None:
    """A straight line of any thickness, also below a pixel."""
    points = [tuple(round(v * 16) for v in point) for point in (start, end)]
    page = np.zeros(layer.shape, np.uint8)
    cv2.line(page, points[0], points[1], 255, max(1, round(thick)), cv2.LINE_AA, 4)
    np.maximum(layer, page.astype(np.float32) * np.float32(tone * min(1.0, thick) / 255), out=layer)


def smooth(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """A smooth way near to these points (Chaikin's corner cutting)."""
    for _ in range(3):
        before, after = points[:-1], points[1:]
        cut = np.stack([0.75 * before + 0.25 * after, 0.25 * before + 0.75 * after], axis=1)
        points = np.concatenate([points[:1], cut.reshape(-1, 2), points[-1:]])
    return points
