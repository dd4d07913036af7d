"""Boxes around the digits of a picture, put right by hand: moved, added, removed.

What a finder of digits gets wrong is mostly where a digit ends. A person sees that at once; here
the digits are read anew from the boxes they drew, and take their place in lines and numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from core.page_digits import Found, digit_on, inked
from core.page_ink import PageInk
from core.paper import Ink
from core.strokes import Box

SMALLEST: Final = 4
"""Pixels that a box is at least wide and high."""
NEAR: Final = 0.8
"""Digits belong to one number while the gap between them is below this share of their height."""


@dataclass(frozen=True)
class Ground:
    """The picture that the boxes lie on, uint8 as for `find_digit`, and what is known of it."""

    picture: NDArray[np.uint8]
    ink: Ink = "auto"
    paper: int | None = None

    @cached_property
    def _page(self) -> PageInk:
        # Worked out once for all boxes: of a large photo it takes tenths of a second.
        return inked(self.picture, self.ink, self.paper)

    def digit_at(self, box: Box, line: int, number: int) -> Found:
        """The digit in a box, which stays as it was drawn, clipped to the picture.

        Raises:
            PictureError: there is nothing in it that could be a digit.
        """
        kept = clipped(box, self.picture.shape[1], self.picture.shape[0])
        digit = digit_on(self._page, self.picture.shape, kept)
        return Found(replace(digit, box=kept), line, number)


def clipped(box: Box, width: int, height: int) -> Box:
    """A box inside a picture of that size, at least `SMALLEST` pixels a side if there is room."""
    x, y, wide, high = box
    left, top = (max(0, min(x, width - SMALLEST)), max(0, min(y, height - SMALLEST)))
    right = min(width, max(x + wide, left + SMALLEST))
    bottom = min(height, max(y + high, top + SMALLEST))
    return left, top, right - left, bottom - top


def moved(
    ground: Ground, found: Sequence[Found], index: int, box: Box
) -> tuple[tuple[Found, ...], int]:
    """The digits with another box for one of them, and its place among them.

    A box that overlaps what it was before keeps its line and number; one that was carried elsewhere
    takes its place there, as a new one would.

    Raises:
        PictureError: the new box holds no digit.
        IndexError: there is no such digit.
    """
    rest = [*found[:index], *found[index + 1 :]]
    before = found[index]
    if not _overlap(before.digit.box, box):
        return added(ground, rest, box)
    return _with(rest, ground.digit_at(box, before.line, before.number))


def removed(found: Sequence[Found], index: int) -> tuple[Found, ...]:
    """The digits without one of them. Raises IndexError if there is no such digit."""
    if not 0 <= index < len(found):
        raise IndexError(f"there is no digit {index} among {len(found)}")
    return in_order([*found[:index], *found[index + 1 :]])


def added(ground: Ground, found: Sequence[Found], box: Box) -> tuple[tuple[Found, ...], int]:
    """The digits with one more, and its place among them.

    It stands on the line that its middle lies on, else on a line of its own; it joins the number
    whose digit stands nearest to it on that line.

    Raises:
        PictureError: the box holds no digit.
    """
    y, height = box[1], box[3]
    line = _line_at(found, y + height / 2)
    if line is None:
        above = [one.line for one in found if _middle(one) < y + height / 2]
        line = max(above, default=-1) + 1
        found = [replace(one, line=one.line + (one.line >= line)) for one in found]
    number = _number_near(found, line, box)
    return _with(found, ground.digit_at(box, line, number))


def in_order(found: Sequence[Found]) -> tuple[Found, ...]:
    """The digits line by line, left to right, lines and numbers counted anew from 0."""
    ordered = sorted(found, key=lambda one: (one.line, one.digit.box[0]))
    lines = {line: k for k, line in enumerate(dict.fromkeys(one.line for one in ordered))}
    numbers = {pair: k for k, pair in enumerate(dict.fromkeys(map(_place, ordered)))}
    return tuple(replace(one, line=lines[one.line], number=numbers[_place(one)]) for one in ordered)


def _with(found: Sequence[Found], new: Found) -> tuple[tuple[Found, ...], int]:
    ordered = in_order([*found, new])
    return ordered, next(k for k, one in enumerate(ordered) if one.digit is new.digit)


def _overlap(one: Box, other: Box) -> bool:
    return all(
        one[axis] < other[axis] + other[axis + 2] and other[axis] < one[axis] + one[axis + 2]
        for axis in (0, 1)
    )


def _place(one: Found) -> tuple[int, int]:
    return one.line, one.number


def _middle(one: Found) -> float:
    return one.digit.box[1] + one.digit.box[3] / 2


def _line_at(found: Sequence[Found], y: float) -> int | None:
    """The line at a height: that of the nearest digit which reaches there, None if none does."""
    reaching = [
        one for one in found if one.digit.box[1] <= y <= one.digit.box[1] + one.digit.box[3]
    ]
    nearest = min(reaching, key=lambda one: abs(_middle(one) - y), default=None)
    return None if nearest is None else nearest.line


def _number_near(found: Sequence[Found], line: int, box: Box) -> int:
    """The number that a new digit on a line belongs to: a neighbour's, or one that is not there."""
    x, _, width, height = box

    def gap(one: Found) -> float:
        left, _, wide, _ = one.digit.box
        return max(left - (x + width), x - (left + wide))

    here = [one for one in found if one.line == line]
    nearest = min(here, key=gap, default=None)
    if nearest is not None and gap(nearest) < NEAR * max(height, nearest.digit.box[3]):
        return nearest.number
    return 1 + max((one.number for one in found), default=-1)
