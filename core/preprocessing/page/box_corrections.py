"""Correct the digits of a picture by hand: boxes are added, moved and removed.

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

from core.preprocessing.background import GrayImage, Ink, to_gray
from core.preprocessing.mnist_format import Box, to_picture_box
from core.preprocessing.page.detection import FoundDigit, FoundSign
from core.preprocessing.page.digit_ink import prepare_box
from core.preprocessing.page.reading_order import MAX_NUMBER_GAP, line_of_sign, usual_height

_MIN_BOX_SIDE: Final = 4
"""Pixels that a box is at least wide and high."""


@dataclass(frozen=True)
class PreparedPage:
    """The picture that boxes are drawn on.

    Attributes:
        picture, ink, paper: as for `find_page`.
    """

    picture: NDArray[np.uint8]
    ink: Ink = "auto"
    paper: int | None = None

    @cached_property
    def _gray(self) -> GrayImage:
        # Worked out once for all boxes.
        return to_gray(self.picture)

    def digit_at(self, box: Box, line: int, number: int) -> FoundDigit:
        """The digit in a box, which stays as it was drawn, clipped to the picture.

        Raises:
            PictureError: there is nothing in it that could be a digit.
        """
        kept = clip_box(box, self.picture.shape[1], self.picture.shape[0])
        inner = to_picture_box(kept, self.picture.shape, self._gray.shape)
        digit = prepare_box(self._gray, inner, self.ink, self.paper)
        return FoundDigit(replace(digit, box=kept), line, number)


def clip_box(box: Box, width: int, height: int) -> Box:
    """Clip a box to a picture of that size; it keeps `_MIN_BOX_SIDE` pixels a side, given room.

    Example:
        >>> clip_box((-5, 10, 20, 20), width=100, height=50)
        (0, 10, 15, 20)
    """
    x, y, box_width, box_height = box
    left, top = (max(0, min(x, width - _MIN_BOX_SIDE)), max(0, min(y, height - _MIN_BOX_SIDE)))
    right = min(width, max(x + box_width, left + _MIN_BOX_SIDE))
    bottom = min(height, max(y + box_height, top + _MIN_BOX_SIDE))
    return left, top, right - left, bottom - top


def move_box(
    page: PreparedPage, digits: Sequence[FoundDigit], index: int, box: Box
) -> tuple[tuple[FoundDigit, ...], int]:
    """Give one of the digits another box.

    A box that overlaps what it was before keeps its line and number; one that was carried elsewhere
    takes its place there, as a new one would.

    Returns:
        The digits in reading order, and the index of the one that was moved.

    Raises:
        PictureError: the new box holds no digit.
        IndexError: there is no such digit.
    """
    rest = [*digits[:index], *digits[index + 1 :]]
    before = digits[index]
    if not _do_overlap(before.digit.box, box):
        return add_box(page, rest, box)
    return _with(rest, page.digit_at(box, before.line, before.number))


def remove_box(digits: Sequence[FoundDigit], index: int) -> tuple[FoundDigit, ...]:
    """Leave one of the digits out. Raises IndexError if there is no such digit."""
    if not 0 <= index < len(digits):
        raise IndexError(f"there is no digit {index} among {len(digits)}")
    return in_reading_order([*digits[:index], *digits[index + 1 :]])


def add_box(
    page: PreparedPage, digits: Sequence[FoundDigit], box: Box
) -> tuple[tuple[FoundDigit, ...], int]:
    """Add the digit in a box.

    It stands on the line that its middle lies on, else on a line of its own; it joins the number
    whose digit stands nearest to it on that line.

    Returns:
        The digits in reading order, and the index of the new one.

    Raises:
        PictureError: the box holds no digit.
    """
    y, height = box[1], box[3]
    line = _line_at(digits, y + height / 2)
    if line is None:
        above = [digit.line for digit in digits if _middle_row(digit) < y + height / 2]
        line = max(above, default=-1) + 1
        digits = [replace(digit, line=digit.line + (digit.line >= line)) for digit in digits]
    number = _number_near(digits, line, box)
    return _with(digits, page.digit_at(box, line, number))


def in_reading_order(digits: Sequence[FoundDigit]) -> tuple[FoundDigit, ...]:
    """Sort digits line by line, left to right; lines and numbers are counted anew from 0."""
    ordered = sorted(digits, key=lambda digit: (digit.line, digit.digit.box[0]))
    lines = {line: k for k, line in enumerate(dict.fromkeys(digit.line for digit in ordered))}
    numbers = {pair: k for k, pair in enumerate(dict.fromkeys(map(_line_and_number, ordered)))}
    return tuple(
        replace(digit, line=lines[digit.line], number=numbers[_line_and_number(digit)])
        for digit in ordered
    )


def place_signs(signs: Sequence[FoundSign], digits: Sequence[FoundDigit]) -> tuple[FoundSign, ...]:
    """Give signs their place among corrected digits.

    A sign stands on the line, and in the number, of the digit nearest to it. One whose middle lies
    in the box of a digit is part of that digit, and one that is far from all digits is left out.

    Args:
        signs: those found in the picture.
        digits: in reading order, with their corrected boxes.

    Returns:
        The signs that remain, in reading order.
    """
    boxes = [digit.digit.box for digit in digits]
    if not boxes:
        return ()
    height = usual_height(boxes)
    lines = [[k for k, digit in enumerate(digits) if digit.line == line]
             for line in range(digits[-1].line + 1)]  # fmt: skip
    placed = []
    for sign in signs:
        row = line_of_sign(sign.box, boxes, lines, height)
        if row is not None and not any(_has_middle_in(sign.box, box) for box in boxes):
            number = _number_near(digits, row, sign.box)
            placed.append(replace(sign, line=row, number=number))
    return tuple(sorted(placed, key=lambda sign: (sign.line, sign.box[0])))


def _has_middle_in(inner: Box, outer: Box) -> bool:
    return all(
        outer[axis] <= inner[axis] + inner[axis + 2] / 2 <= outer[axis] + outer[axis + 2]
        for axis in (0, 1)
    )


def _with(digits: Sequence[FoundDigit], new: FoundDigit) -> tuple[tuple[FoundDigit, ...], int]:
    ordered = in_reading_order([*digits, new])
    return ordered, next(k for k, digit in enumerate(ordered) if digit.digit is new.digit)


def _do_overlap(first: Box, second: Box) -> bool:
    return all(
        first[axis] < second[axis] + second[axis + 2]
        and second[axis] < first[axis] + first[axis + 2]
        for axis in (0, 1)
    )


def _line_and_number(digit: FoundDigit) -> tuple[int, int]:
    return digit.line, digit.number


def _middle_row(digit: FoundDigit) -> float:
    return digit.digit.box[1] + digit.digit.box[3] / 2


def _line_at(digits: Sequence[FoundDigit], y: float) -> int | None:
    """The line at a height: that of the nearest digit which reaches there, None if none does."""
    reaching = [
        digit
        for digit in digits
        if digit.digit.box[1] <= y <= digit.digit.box[1] + digit.digit.box[3]
    ]
    nearest = min(reaching, key=lambda digit: abs(_middle_row(digit) - y), default=None)
    return None if nearest is None else nearest.line


def _number_near(digits: Sequence[FoundDigit], line: int, box: Box) -> int:
    """The number that a new digit on a line belongs to: a neighbor's, or a new one."""
    x, _, width, height = box

    def gap(digit: FoundDigit) -> float:
        left, _, digit_width, _ = digit.digit.box
        return max(left - (x + width), x - (left + digit_width))

    on_line = [digit for digit in digits if digit.line == line]
    nearest = min(on_line, key=gap, default=None)
    if nearest is not None and gap(nearest) < MAX_NUMBER_GAP * max(height, nearest.digit.box[3]):
        return nearest.number
    return 1 + max((digit.number for digit in digits), default=-1)
