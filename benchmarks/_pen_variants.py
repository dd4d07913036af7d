"""Lines drawn by a pen on a canvas, as `core.preprocessing.pens` has them, and read there again.

All of them go over a canvas and through `find_digit`, as a visitor's do. What is drawn at random
follows from the generator that is passed alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import numpy as np

from benchmarks._pens import draw
from core.preprocessing.background import Ink
from core.preprocessing.mnist_format import find_digit
from core.preprocessing.pens import (
    CANVAS,
    FORMS,
    Chance,
    Lines,
    Picture,
    center_lines,
    polylines,
    slanted,
    warped,
    with_a_gap,
)
from core.utils.errors import PictureError

_ARE_CANVASES_KEPT: ContextVar[bool] = ContextVar("are_canvases_kept", default=False)


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
        lines = with_a_gap(lines, chance)
    return drawn(slanted(lines, chance), chance)


def in_another_form(chance: Chance) -> tuple[Picture | None, int]:
    """A 1 with a flag, a 7 with a bar, an open 4 ... as `with_a_pen`, and its label."""
    label, strokes = FORMS[int(chance.integers(len(FORMS)))]
    lines = polylines(strokes, chance, bent=0.045)
    return drawn(slanted(lines, chance), chance), label


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
