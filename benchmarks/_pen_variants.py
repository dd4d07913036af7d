"""Training digits as other pens, other hands and coarser pictures would give them.

All of them go over a canvas and through `find_digit`, as a visitor's do. What is drawn at random
follows from the generator that is passed alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks._pens import Floats, Lines, Picture, center_lines, draw, joined
from core.data.augmentation import displacement_fields
from core.preprocessing.background import Ink
from core.preprocessing.mnist_format import find_digit
from core.utils.errors import PictureError

CANVAS: Final = 280
_ARE_CANVASES_KEPT: ContextVar[bool] = ContextVar("are_canvases_kept", default=False)
Chance = np.random.Generator

# Strokes of forms that MNIST (Americans) hardly has, in a square of 1; each is a way of points.
# A flag or a leg that may be long or short is bent at random by `_bent`.
_FORMS: Final[tuple[tuple[int, tuple[tuple[tuple[float, float], ...], ...]], ...]] = (
    (1, (((0.15, 0.42), (0.55, 0.0), (0.55, 1.0)),)),
    (1, (((0.25, 0.30), (0.55, 0.0), (0.55, 1.0)),)),
    (1, (((0.0, 0.55), (0.55, 0.0), (0.55, 1.0)),)),
    (1, (((0.25, 0.28), (0.55, 0.0), (0.55, 1.0)), ((0.2, 1.0), (0.9, 1.0)))),
    (7, (((0.0, 0.0), (0.8, 0.0), (0.3, 1.0)), ((0.2, 0.5), (0.8, 0.5)))),
    (7, (((0.0, 0.0), (0.7, 0.0), (0.4, 1.0)),)),
    (7, (((0.0, 0.18), (0.0, 0.0), (0.75, 0.0), (0.35, 1.0)), ((0.25, 0.52), (0.75, 0.48)))),
    (4, (((0.25, 0.0), (0.0, 0.6), (0.8, 0.6)), ((0.55, 0.3), (0.5, 1.0)))),
    (4, (((0.55, 1.0), (0.55, 0.0), (0.0, 0.68), (0.8, 0.68)),)),
    (9, (((0.6, 0.25), (0.5, 0.03), (0.25, 0.0), (0.05, 0.15), (0.05, 0.35), (0.25, 0.5),
          (0.5, 0.42), (0.6, 0.2), (0.6, 1.0)),)),
    (9, (((0.6, 0.25), (0.5, 0.03), (0.25, 0.0), (0.05, 0.15), (0.05, 0.35), (0.25, 0.5),
          (0.5, 0.42), (0.6, 0.2), (0.6, 0.7), (0.5, 0.93), (0.25, 1.0), (0.05, 0.9)),)),
    (3, (((0.05, 0.0), (0.65, 0.0), (0.3, 0.4), (0.6, 0.5), (0.68, 0.75), (0.45, 1.0),
          (0.0, 0.92)),)),
)  # fmt: skip


def with_a_pen(digit: Picture, chance: Chance) -> Picture | None:
    """A digit, uint8 (28, 28), redrawn by a pen of 6 to 44 px: slanted, bent, sometimes with a gap.

    Returns:
        uint8 (28, 28) as `find_digit` prepares it; None where nothing could be drawn or found.
    """
    lines = center_lines(digit)
    if len(lines.points) < 4:
        return None
    if chance.random() < 0.5:
        lines = warped(lines, chance)
    if chance.random() < 0.15:
        lines = _with_a_gap(lines, chance)
    return drawn(slanted(lines, chance), chance)


def in_another_form(chance: Chance) -> tuple[Picture | None, int]:
    """A 1 with a flag, a 7 with a bar, an open 4 ... as `with_a_pen`, and its label."""
    label, strokes = _FORMS[int(chance.integers(len(_FORMS)))]
    lines = polylines(strokes, chance, bent=0.045)
    return drawn(slanted(lines, chance), chance), label


def polylines(
    strokes: tuple[tuple[tuple[float, float], ...], ...], chance: Chance, *, bent: float
) -> Lines:
    """Ways of points in a square of 1 as lines 20 high, each corner moved by about `bent`."""
    ways: list[Floats] = []
    for way in strokes:
        corners = np.array(way) + chance.normal(0, bent, (len(way), 2))
        along = np.linspace(0, len(way) - 1, 12 * (len(way) - 1) + 1)
        steps = np.arange(len(way))
        dots = np.stack([np.interp(along, steps, corners[:, axis]) for axis in (0, 1)], axis=1)
        smooth = dots.copy()  # a hand rounds its corners
        smooth[1:-1] = (dots[:-2] + dots[1:-1] + dots[2:]) / 3
        ways.append(20 * smooth + 4)
    return warped(joined(ways), chance)


def drawn(lines: Lines, chance: Chance, *, pens_high: float = 2.4) -> Picture | None:
    """Lines drawn on the canvas at a random width, size and place, and found there again."""
    width = chance.uniform(6, 44)
    low, high = lines.box()
    wide, tall = np.maximum(high - low, 1e-6)
    room = CANVAS - width - 2
    most = min(room, room * tall / wide)
    scale = chance.uniform(min(most, max(44.0, pens_high * width)), most) / tall
    left = np.maximum(0, CANVAS - 2 - width - np.array([wide, tall]) * scale)
    corner = width / 2 + 1 + chance.uniform(0, 1, 2) * left
    return prepared(
        draw(lines.moved(np.eye(2) * scale, corner - low * scale), width, CANVAS, CANVAS)
    )


def prepared(canvas: Picture) -> Picture | None:
    """What `find_digit` makes of a canvas, uint8 (28, 28); None where it finds nothing.

    Within `canvases_kept` it is the canvas itself.
    """
    return _prepared(canvas, "dark", 255)


def prepared_photo(picture: Picture) -> Picture | None:
    """The same of a picture whose ink and paper are not known."""
    return _prepared(picture, "auto", None)


def _prepared(picture: Picture, ink: Ink, paper: int | None) -> Picture | None:
    if _ARE_CANVASES_KEPT.get():
        return picture
    try:
        return find_digit(picture, ink=ink, paper=paper).pixels
    except PictureError:
        return None


@contextmanager
def canvases_kept() -> Iterator[None]:
    """Let all that draws here give its canvas or photo as it is, to be read in another way."""
    token = _ARE_CANVASES_KEPT.set(True)
    try:
        yield
    finally:
        _ARE_CANVASES_KEPT.reset(token)


def coarse(digit: Picture, chance: Chance) -> Picture | None:
    """A digit kept as 8×8 counts, as old scanners' digits are: two tones, 32×32, counted by 4×4."""
    rows, columns = np.nonzero(digit > 60)
    crop = digit[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    stretch = np.exp(chance.uniform(-0.1, 0.35))
    wide = int(np.clip(round(32 * crop.shape[1] / crop.shape[0] * stretch), 5, 32))
    ink = cv2.resize(crop, (wide, 32), interpolation=cv2.INTER_CUBIC) > chance.uniform(90, 170)
    page = np.zeros((32, 32))
    x = int(chance.integers(0, 33 - wide))
    page[:, x : x + wide] = ink
    counts = np.rint(page.reshape(8, 4, 8, 4).sum((1, 3)) * 255 / 16).astype(np.uint8)
    side = int(chance.integers(60, 261))
    return _prepared_at(cv2.resize(counts, (side, side), interpolation=cv2.INTER_CUBIC), chance)


def wider_or_thinner(digit: Picture, chance: Chance) -> Picture | None:
    """A digit enlarged, its strokes made wider or thinner, sometimes its outermost ink cut off."""
    side = int(chance.integers(60, 261))
    big = np.asarray(cv2.resize(digit, (side, side), interpolation=cv2.INTER_CUBIC), np.uint8)
    by = int(chance.integers(0, 1 + round(1.3 * side / 28)))
    if by and chance.random() < 0.65:
        big = np.asarray(cv2.dilate(big, _brush(by + 1)), np.uint8)
    elif by:
        thinner = np.asarray(cv2.erode(big, _brush(by // 2 + 1)), np.uint8)
        big = thinner if thinner.max() > 100 else big
    if chance.random() < 0.3:
        big = _cut_off(big, chance)
    return _prepared_at(big, chance)


def _brush(side: int) -> Picture:
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)), np.uint8)


def _cut_off(big: Picture, chance: Chance) -> Picture:
    """Up to 6 % of the digit's box gone on some of its four sides."""
    x, y, wide, tall = cv2.boundingRect((big > 100).astype(np.uint8))
    lost = chance.uniform(0, 0.06, 4) * (chance.random(4) < 0.4) * [wide, wide, tall, tall]
    left, right, above, below = (int(part) for part in lost)
    kept = np.zeros_like(big)
    inside = np.s_[y + above : y + tall - below, x + left : x + wide - right]
    kept[inside] = big[inside]
    return kept


def _prepared_at(big: NDArray[np.uint8], chance: Chance) -> Picture | None:
    """Light ink put anywhere on the canvas as dark ink, and found there."""
    page = np.full((CANVAS, CANVAS), 255, np.uint8)
    x, y = (int(value) for value in chance.integers(0, CANVAS - len(big) + 1, 2))
    page[y : y + len(big), x : x + len(big)] = 255 - big
    return prepared(page)


def slanted(lines: Lines, chance: Chance) -> Lines:
    """Turned by up to 12°, slanted and stretched by up to a quarter."""
    turn, slant = np.radians(chance.uniform(-12, 12)), chance.uniform(-0.25, 0.25)
    wider = np.exp(chance.uniform(-0.25, 0.25))
    turned = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    return lines.moved(turned @ np.array([[wider, slant], [0, 1]]), np.zeros(2))


def warped(lines: Lines, chance: Chance) -> Lines:
    """Moved as if written on rubber (`core.data.augmentation`), in pixels of MNIST."""
    moves = displacement_fields(chance.uniform(-1, 1, (2, 28, 28)), chance.uniform(5, 30), 4.0)
    x, y = np.clip(np.rint(lines.points).astype(int), 0, 27).T
    return Lines(lines.points + moves[:, y, x].T, lines.edges)


def _with_a_gap(lines: Lines, chance: Chance) -> Lines:
    """Without the strokes around one point."""
    if len(lines.edges) <= 20:
        return lines
    middle = lines.points[lines.edges].mean(axis=1)
    around = lines.points[int(chance.integers(len(lines.points)))]
    far = ((middle - around) ** 2).sum(axis=1) > chance.uniform(0.4, 1.3) ** 2
    used = np.unique(lines.edges[far])
    if len(used) <= 10:
        return lines
    number = np.full(len(lines.points), -1)
    number[used] = np.arange(len(used))
    return Lines(lines.points[used], number[lines.edges[far]])
