"""All digits of a picture in reading order: a drawing, a scan, a photo of a page.

`find_digits` finds them. A photo in which nothing looks like a digit is looked at again, in other
ways: how closely the paper is followed is decided by what the whole picture shows, and is wrong now
and then, because a shadow that ends on a digit makes one piece of both. Whether a piece looks like
a digit tells (`core.preprocessing.digitness`), and closer papers, or the single digit that
`find_digit` takes for granted, are then worth their time. Whatever looks most like a digit is the
answer: a choice among segmentations by a recognizer, as for touching characters (Casey and
Lecolinet 1996, "A survey of methods and strategies in character segmentation").

`add_box`, `move_box` and `remove_box` correct the result by hand. What a finder of digits gets
wrong is mostly where a digit ends. A person sees that at once; here the digits are read anew from
the boxes they drew, and take their place in lines and numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from core.preprocessing.background import Ink
from core.preprocessing.digitness import DIGITNESS_THRESHOLD, WEAK_DIGITNESS, digitness
from core.preprocessing.mnist_format import Box, PreparedDigit, find_digit, to_picture_box
from core.preprocessing.page.binarization import PageInk, extract_ink
from core.preprocessing.page.components import MAX_DIGITS, Component, Labels, group_numbers
from core.preprocessing.page.illumination import CLOSER_STROKE_WIDTHS
from core.preprocessing.page.segmentation import group_into_digits, prepare_component
from core.utils.errors import PictureError
from core.utils.validation import Predict

_CONVINCING_DIGITNESS: Final = 0.7
"""Digitness, 0 to 1, from which something that a second look shows is believed."""
_SURE_PROBABILITY: Final = 0.9
"""A single digit is not doubted if the highest of its probabilities reaches this."""
_MIN_SECOND_LOOK_SIDE: Final = 0.1
"""Share of the picture's longer side that a digit of a second look measures at least: the rims of a
wide stroke, which is hollow above too close a paper, look like small 1s."""
_MIN_BOX_SIDE: Final = 4
"""Pixels that a box is at least wide and high."""
_MAX_BOX_NUMBER_GAP: Final = 0.8
"""A new digit joins a number if the gap between them is below this share of their height."""
T = TypeVar("T")


@dataclass(frozen=True)
class FoundDigit:
    """A digit of a picture.

    Attributes:
        digit: as MNIST would have stored it; its box is in pixels of the given picture.
        line: of the page, 0 is the top one.
        number: which number it belongs to (digits that stand together), over the page, from 0.
    """

    digit: PreparedDigit
    line: int
    number: int


def find_digits(
    picture: NDArray[np.uint8],
    *,
    ink: Ink = "auto",
    paper: int | None = None,
    predict: Predict | None = None,
) -> tuple[FoundDigit, ...]:
    """Find all digits of a picture: lines top to bottom, left to right; at most `MAX_DIGITS`.

    Args:
        picture: uint8 (height, width) gray, (height, width, 3) RGB or (height, width, 4) RGBA.
        ink: whether the digits are darker or lighter than their ground; "auto" finds out.
        paper: the gray tone of an even ground, 0..255, where it is known (a drawing canvas).
        predict: a network that helps to decide where touching digits are cut, and whether a photo
            is looked at again; without one only their shapes decide, and it is not.

    Raises:
        PictureError: no picture of that shape, too small, nothing drawn, or nothing like a digit.
        TypeError: the array is not uint8.
        ValueError: `paper` is no tone.

    Example:
        >>> picture = np.zeros((80, 120), np.uint8)
        >>> picture[20:60, 30:36] = picture[20:60, 80:86] = 255
        >>> [(digit.digit.box, digit.number) for digit in find_digits(picture)]
        [((30, 20, 6, 40), 0), ((80, 20, 6, 40), 1)]
    """
    page = extract_ink(picture, ink, paper)
    single = _SingleDigit(picture, ink, paper)
    digits = _digits_of_page(page, single, predict)
    if page.even_ground or predict is None:
        return digits

    def with_closer_paper(stroke_width: float) -> tuple[FoundDigit, ...]:
        return _digits_of_page(extract_ink(picture, ink, paper, stroke_width), single, predict)

    def as_single_digit() -> tuple[FoundDigit, ...]:
        return (FoundDigit(single.digit(), 0, 0),)

    looks: list[Callable[[], tuple[FoundDigit, ...]]]
    looks = [
        *(partial(with_closer_paper, width) for width in CLOSER_STROKE_WIDTHS),
        as_single_digit,
    ]
    side = max(picture.shape[:2])
    return tuple(clearest_reading(digits, looks, lambda digit: digit.digit, side, predict))


def clearest_reading(
    first: Sequence[T],
    looks: Iterable[Callable[[], Sequence[T]]],
    to_digit: Callable[[T], PreparedDigit],
    side: int,
    predict: Predict,
) -> Sequence[T]:
    """Choose what shows a digit most clearly: the first look at a picture, or one of the others.

    The others are taken only if nothing in the first looks like a digit.

    Args:
        first: what the first look found, at least one digit.
        looks: other ways to look, in the order in which they are tried; one that raises
            PictureError shows nothing.
        to_digit: the digit of something that was found.
        side: the picture's longer side in pixels.
        predict: a network; a single digit that it reads for sure is not doubted, unless it hardly
            looks like one: networks are sure of blots, too.
    """
    if not _is_doubtful([to_digit(item) for item in first], predict):
        return first
    clearest, highest = first, _CONVINCING_DIGITNESS
    for look in looks:
        with suppress(PictureError):
            items = look()
            digits = map(to_digit, items)
            large = (
                digit for digit in digits if max(digit.box[2:]) >= _MIN_SECOND_LOOK_SIDE * side
            )
            value = _highest_digitness(large)
            if value >= highest:
                clearest, highest = items, value
    return clearest


def _is_doubtful(digits: Sequence[PreparedDigit], predict: Predict) -> bool:
    """Whether none of the digits may be one."""
    highest = _highest_digitness(digits)
    if highest >= WEAK_DIGITNESS:
        return False
    if highest < DIGITNESS_THRESHOLD or len(digits) > 1:
        return True
    return float(predict(digits[0].pixels[None]).max()) < _SURE_PROBABILITY


def _highest_digitness(digits: Iterable[PreparedDigit]) -> float:
    pixels = [digit.pixels for digit in digits]
    return float(digitness(np.stack(pixels)).max()) if pixels else 0.0


class _SingleDigit:
    """What `find_digit` makes of a picture: worked out once, and only when it is needed."""

    def __init__(self, picture: NDArray[np.uint8], ink: Ink, paper: int | None) -> None:
        self.shape = picture.shape
        self._find = partial(find_digit, picture, ink=ink, paper=paper)

    def digit(self) -> PreparedDigit:
        """The digit of the picture. Raises PictureError if there is none."""
        if isinstance(self._result, PictureError):
            raise self._result
        return self._result

    @cached_property
    def _result(self) -> PreparedDigit | PictureError:
        try:
            return self._find()
        except PictureError as error:
            return error


def _digits_of_page(
    page: PageInk, single: _SingleDigit, predict: Predict | None
) -> tuple[FoundDigit, ...]:
    """The digits of a picture whose ink is known. Raises PictureError if there are none."""
    labels, lines, height = group_into_digits(page, predict)
    if sum(map(len, lines)) <= 1:
        return (_only_digit(page, labels, lines, single),)
    digits: list[FoundDigit] = []
    first_number = 0
    for row, line in enumerate(lines):
        numbers = group_numbers(line, height)
        for piece, number in zip(line, numbers, strict=True):
            digit = _prepare_in_picture(page, labels, piece, single.shape)
            digits.append(FoundDigit(digit, row, first_number + number))
        first_number += numbers[-1] + 1
    return tuple(digits[:MAX_DIGITS])


def _only_digit(
    page: PageInk, labels: Labels, lines: list[list[Component]], single: _SingleDigit
) -> FoundDigit:
    """The digit of a picture with one digit: what `find_digit` makes of it, if it finds the same.

    `find_digit` knows that there is one, and keeps the faint ends that a page's ruled lines drop.
    """
    if not lines:
        return FoundDigit(single.digit(), 0, 0)
    try:
        alone = single.digit()
    except PictureError:
        if page.even_ground:
            raise
        alone = None
    digit = _prepare_in_picture(page, labels, lines[0][0], single.shape)
    if alone is not None and _are_alike(alone.box, digit.box):
        return FoundDigit(alone, 0, 0)
    return FoundDigit(digit, 0, 0)


def _prepare_in_picture(
    page: PageInk,
    labels: Labels,
    piece: Component,
    shape: tuple[int, ...],
    margin: int | None = None,
) -> PreparedDigit:
    """`prepare_component`, with the box in pixels of the picture of that shape."""
    digit = prepare_component(page, labels, piece, margin)
    return replace(digit, box=to_picture_box(digit.box, page.gray.shape, shape))


def _are_alike(first: Box, second: Box) -> bool:
    """Whether two boxes are nearly the same: at least 0.7 of what they cover is common."""
    across = min(first[0] + first[2], second[0] + second[2]) - max(first[0], second[0])
    down = min(first[1] + first[3], second[1] + second[3]) - max(first[1], second[1])
    common = max(0, across) * max(0, down)
    return common >= 0.7 * (first[2] * first[3] + second[2] * second[3] - common)


def digit_in_box(page: PageInk, shape: tuple[int, ...], box: Box) -> PreparedDigit:
    """Prepare the one digit in a box that somebody drew or corrected.

    Ink that reaches out of the box is cut off at it.

    Args:
        page: the ink of the whole picture.
        shape: of the picture.
        box: x, y, width, height in pixels of the picture; what lies outside of it is ignored.

    Raises:
        PictureError: if there is no ink in the box.
    """
    scale_x = page.gray.shape[1] / shape[1]
    scale_y = page.gray.shape[0] / shape[0]
    left, top = max(0, int(box[0] * scale_x)), max(0, int(box[1] * scale_y))
    right = min(page.gray.shape[1], int(np.ceil((box[0] + box[2]) * scale_x)))
    bottom = min(page.gray.shape[0], int(np.ceil((box[1] + box[3]) * scale_y)))
    inside = page.mask[top : max(top, bottom), left : max(left, right)]
    if inside.size == 0 or not inside.any():
        raise PictureError("There is no ink in this box: draw it around a digit.")
    labels = np.zeros(page.mask.shape, np.int32)
    labels[top:bottom, left:right] = inside
    piece = Component((1,), (left, top, right - left, bottom - top), 1)
    return _prepare_in_picture(page, labels, piece, shape, margin=0)


@dataclass(frozen=True)
class PreparedPage:
    """The picture that boxes are drawn on.

    Attributes:
        picture, ink, paper: as for `find_digits`.
    """

    picture: NDArray[np.uint8]
    ink: Ink = "auto"
    paper: int | None = None

    @cached_property
    def _page_ink(self) -> PageInk:
        # Worked out once for all boxes: of a large photo it takes tenths of a second.
        return extract_ink(self.picture, self.ink, self.paper)

    def digit_at(self, box: Box, line: int, number: int) -> FoundDigit:
        """The digit in a box, which stays as it was drawn, clipped to the picture.

        Raises:
            PictureError: there is nothing in it that could be a digit.
        """
        kept = clip_box(box, self.picture.shape[1], self.picture.shape[0])
        digit = digit_in_box(self._page_ink, self.picture.shape, kept)
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
    if nearest is not None and gap(nearest) < _MAX_BOX_NUMBER_GAP * max(
        height, nearest.digit.box[3]
    ):
        return nearest.number
    return 1 + max((digit.number for digit in digits), default=-1)
