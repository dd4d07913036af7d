"""All digits of a picture in reading order: a drawing, a scan, a photo of a page.

Boxes around the digits of a picture, put right by hand: moved, added, removed.

What a finder of digits gets wrong is mostly where a digit ends. A person sees that at once; here
the digits are read anew from the boxes they drew, and take their place in lines and numbers.

A photo in which nothing looks like a digit is looked at again, in other ways.

How closely the paper is followed is decided by what the whole picture shows, and is wrong now and
then: a shadow that ends on a digit makes one piece of both. Whether what was found looks like a
digit tells (`core.preprocessing.digitness`), and closer papers, or the single digit that
`find_digit` takes for granted, are then worth their time. Whatever looks most like a digit is the
answer: a choice among segmentations by a recognizer, as for touching characters (Casey and
Lecolinet 1996, "A survey of methods and strategies in character segmentation").
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
from core.preprocessing.digitness import DIGITNESS_THRESHOLD, WEAKLY_A_DIGIT, digitness
from core.preprocessing.mnist_format import (
    Box,
    PreparedDigit,
    check_picture,
    find_digit,
    to_picture_box,
)
from core.preprocessing.page.binarization import PageInk, ink_of
from core.preprocessing.page.components import MOST_DIGITS, Component, Labels, group_numbers
from core.preprocessing.page.illumination import CLOSER
from core.preprocessing.page.segmentation import crop_box, crop_component, group_into_digits
from core.utils.errors import PictureError
from core.utils.validation import Predict

CLEAR_DIGITNESS: Final = 0.7
"""Digitness from which something that a second look shows is believed."""
SURE_DIGITNESS: Final = 0.9
"""Of a single digit's probabilities the highest, from which it is not doubted."""
LARGE_SHARE: Final = 0.1
"""Of the picture's longer side, that a digit of a second look measures at least: the rims of a wide
stroke, which is hollow above too close a paper, look like small 1s."""
T = TypeVar("T")


def clearest_reading(
    first: Sequence[T],
    looks: Iterable[Callable[[], Sequence[T]]],
    digit: Callable[[T], PreparedDigit],
    side: int,
    judge: Predict,
) -> Sequence[T]:
    """What shows a digit most clearly: what was found first, or what one of the other looks finds.

    The others are taken only if nothing that was found first looks like a digit. One that raises
    PictureError shows nothing.

    Args:
        first: what was found, at least one digit.
        looks: other ways to find something, in the order in which they are tried.
        digit: the digit of something that was found.
        side: the picture's longer side in pixels.
        judge: a network; a single digit that it reads for sure is not doubted, unless it hardly
            looks like one: networks are sure of blots, too.
    """
    if not _is_doubtful([digit(one) for one in first], judge):
        return first
    chosen, value = first, CLEAR_DIGITNESS
    for look in looks:
        with suppress(PictureError):
            found = look()
            digits = map(digit, found)
            best = _best(one for one in digits if max(one.box[2:]) >= LARGE_SHARE * side)
            if best >= value:
                chosen, value = found, best
    return chosen


def _is_doubtful(found: Sequence[PreparedDigit], judge: Predict) -> bool:
    best = _best(found)
    if best >= WEAKLY_A_DIGIT:
        return False
    if best < DIGITNESS_THRESHOLD or len(found) > 1:
        return True
    return float(judge(found[0].pixels[None]).max()) < SURE_DIGITNESS


def _best(digits: Iterable[PreparedDigit]) -> float:
    pixels = [one.pixels for one in digits]
    return float(digitness(np.stack(pixels)).max()) if pixels else 0.0


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
    judge: Predict | None = None,
) -> tuple[FoundDigit, ...]:
    """Find all digits of a picture: lines top to bottom, left to right; at most `MOST_DIGITS`.

    Args:
        picture: uint8 (height, width) gray, (height, width, 3) RGB or (height, width, 4) RGBA.
        ink: whether the digits are darker or lighter than their ground; "auto" finds out.
        paper: the gray tone of an even ground, 0..255, where it is known (a drawing canvas).
        judge: a network that helps to decide where touching digits are cut, and whether a photo is
            looked at again; without one only their shapes decide, and it is not.

    Raises:
        PictureError: no picture of that shape, too small, nothing drawn, or nothing like a digit.
        TypeError: the array is not uint8.
        ValueError: `paper` is no tone.
    """
    page = page_ink(picture, ink, paper)
    whole = _Whole(picture, ink, paper)
    found = _on(page, whole, judge)
    if page.even or judge is None:
        return found

    def closer(widest: float) -> tuple[FoundDigit, ...]:
        return _on(ink_of(picture, ink, paper, widest), whole, judge)

    def alone() -> tuple[FoundDigit, ...]:
        return (FoundDigit(whole.digit(), 0, 0),)

    looks: list[Callable[[], tuple[FoundDigit, ...]]]
    looks = [*(partial(closer, widest) for widest in CLOSER), alone]
    side = max(picture.shape[:2])
    return tuple(clearest_reading(found, looks, lambda one: one.digit, side, judge))


class _Whole:
    """What `find_digit` makes of a picture: worked out once, and only if it is asked for."""

    def __init__(self, picture: NDArray[np.uint8], ink: Ink, paper: int | None) -> None:
        self.shape = picture.shape
        self._make = partial(find_digit, picture, ink=ink, paper=paper)

    def digit(self) -> PreparedDigit:
        """The digit of the picture. Raises PictureError if there is none."""
        if isinstance(self._made, PictureError):
            raise self._made
        return self._made

    @cached_property
    def _made(self) -> PreparedDigit | PictureError:
        try:
            return self._make()
        except PictureError as error:
            return error


def _on(page: PageInk, whole: _Whole, judge: Predict | None) -> tuple[FoundDigit, ...]:
    """The digits of a picture whose ink is known. Raises PictureError if there are none."""
    labels, lines, height = group_into_digits(page, judge)
    if sum(map(len, lines)) <= 1:
        return (_only_one(page, labels, lines, whole),)
    found: list[FoundDigit] = []
    number = 0
    for row, line in enumerate(lines):
        within = group_numbers(line, height)
        for piece, place in zip(line, within, strict=True):
            digit = crop_component(page, labels, piece)
            box = to_picture_box(digit.box, page.gray.shape, whole.shape)
            found.append(FoundDigit(crop_box(digit, box), row, number + place))
        number += within[-1] + 1
    return tuple(found[:MOST_DIGITS])


def digit_in_box(page: PageInk, shape: tuple[int, ...], box: Box) -> PreparedDigit:
    """The one digit in a box that somebody drew or corrected.

    Ink that reaches out of the box is cut off at it.

    Args:
        page: `inked` of the whole picture, from which paper and ink are taken.
        shape: of the picture.
        box: x, y, width, height in pixels of the picture; what lies outside of it is ignored.

    Raises:
        PictureError: if there is no ink in the box.
    """
    scale_x = page.gray.shape[1] / shape[1]
    scale_y = page.gray.shape[0] / shape[0]
    left, top_ = max(0, int(box[0] * scale_x)), max(0, int(box[1] * scale_y))
    right = min(page.gray.shape[1], int(np.ceil((box[0] + box[2]) * scale_x)))
    bottom = min(page.gray.shape[0], int(np.ceil((box[1] + box[3]) * scale_y)))
    inside = page.mask[top_ : max(top_, bottom), left : max(left, right)]
    if inside.size == 0 or not inside.any():
        raise PictureError("There is no ink in this box: draw it around a digit.")
    labels = np.zeros(page.mask.shape, np.int32)
    labels[top_:bottom, left:right] = inside
    digit = crop_component(
        page, labels, Component((1,), (left, top_, right - left, bottom - top_), 1), 0
    )
    return crop_box(digit, to_picture_box(digit.box, page.gray.shape, shape))


def page_ink(picture: NDArray[np.uint8], ink: Ink, paper: int | None) -> PageInk:
    """The ink of a picture, which is checked. Raises as `find_digits`."""
    check_picture(picture)
    if paper is not None and not 0 <= paper <= 255:
        raise ValueError(f"paper is a tone, 0..255, not {paper}")
    return ink_of(picture, ink, paper)


def _only_one(
    page: PageInk, labels: Labels, lines: list[list[Component]], whole: _Whole
) -> FoundDigit:
    """The digit of a picture with one digit: what `find_digit` makes of it, if it finds the same.

    `find_digit` knows that there is one, and keeps the faint ends that a page's rules drop.
    """
    if not lines:
        return FoundDigit(whole.digit(), 0, 0)
    try:
        alone = whole.digit()
    except PictureError:
        if page.even:
            raise
        alone = None
    digit = crop_component(page, labels, lines[0][0])
    digit = crop_box(digit, to_picture_box(digit.box, page.gray.shape, whole.shape))
    if alone is not None and _alike(alone.box, digit.box):
        return FoundDigit(alone, 0, 0)
    return FoundDigit(digit, 0, 0)


def _alike(one: Box, other: Box) -> bool:
    """Whether two boxes are nearly the same: at least 0.7 of what they cover is common."""
    across = min(one[0] + one[2], other[0] + other[2]) - max(one[0], other[0])
    down = min(one[1] + one[3], other[1] + other[3]) - max(one[1], other[1])
    common = max(0, across) * max(0, down)
    return common >= 0.7 * (one[2] * one[3] + other[2] * other[3] - common)


MIN_BOX_SIDE: Final = 4
"""Pixels that a box is at least wide and high."""
NUMBER_GAP: Final = 0.8
"""Digits belong to one number while the gap between them is below this share of their height."""


@dataclass(frozen=True)
class PreparedPage:
    """The picture that the boxes lie on, uint8 as for `find_digit`, and what is known of it."""

    picture: NDArray[np.uint8]
    ink: Ink = "auto"
    paper: int | None = None

    @cached_property
    def _page(self) -> PageInk:
        # Worked out once for all boxes: of a large photo it takes tenths of a second.
        return page_ink(self.picture, self.ink, self.paper)

    def digit_at(self, box: Box, line: int, number: int) -> FoundDigit:
        """The digit in a box, which stays as it was drawn, clipped to the picture.

        Raises:
            PictureError: there is nothing in it that could be a digit.
        """
        kept = clip_box(box, self.picture.shape[1], self.picture.shape[0])
        digit = digit_in_box(self._page, self.picture.shape, kept)
        return FoundDigit(replace(digit, box=kept), line, number)


def clip_box(box: Box, width: int, height: int) -> Box:
    """A box inside a picture of that size, at least `SMALLEST` pixels a side if there is room."""
    x, y, wide, high = box
    left, top = (max(0, min(x, width - MIN_BOX_SIDE)), max(0, min(y, height - MIN_BOX_SIDE)))
    right = min(width, max(x + wide, left + MIN_BOX_SIDE))
    bottom = min(height, max(y + high, top + MIN_BOX_SIDE))
    return left, top, right - left, bottom - top


def move_box(
    ground: PreparedPage, found: Sequence[FoundDigit], index: int, box: Box
) -> tuple[tuple[FoundDigit, ...], int]:
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
        return add_box(ground, rest, box)
    return _with(rest, ground.digit_at(box, before.line, before.number))


def remove_box(found: Sequence[FoundDigit], index: int) -> tuple[FoundDigit, ...]:
    """The digits without one of them. Raises IndexError if there is no such digit."""
    if not 0 <= index < len(found):
        raise IndexError(f"there is no digit {index} among {len(found)}")
    return in_reading_order([*found[:index], *found[index + 1 :]])


def add_box(
    ground: PreparedPage, found: Sequence[FoundDigit], box: Box
) -> tuple[tuple[FoundDigit, ...], int]:
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


def in_reading_order(found: Sequence[FoundDigit]) -> tuple[FoundDigit, ...]:
    """The digits line by line, left to right, lines and numbers counted anew from 0."""
    ordered = sorted(found, key=lambda one: (one.line, one.digit.box[0]))
    lines = {line: k for k, line in enumerate(dict.fromkeys(one.line for one in ordered))}
    numbers = {pair: k for k, pair in enumerate(dict.fromkeys(map(_place, ordered)))}
    return tuple(replace(one, line=lines[one.line], number=numbers[_place(one)]) for one in ordered)


def _with(found: Sequence[FoundDigit], new: FoundDigit) -> tuple[tuple[FoundDigit, ...], int]:
    ordered = in_reading_order([*found, new])
    return ordered, next(k for k, one in enumerate(ordered) if one.digit is new.digit)


def _overlap(one: Box, other: Box) -> bool:
    return all(
        one[axis] < other[axis] + other[axis + 2] and other[axis] < one[axis] + one[axis + 2]
        for axis in (0, 1)
    )


def _place(one: FoundDigit) -> tuple[int, int]:
    return one.line, one.number


def _middle(one: FoundDigit) -> float:
    return one.digit.box[1] + one.digit.box[3] / 2


def _line_at(found: Sequence[FoundDigit], y: float) -> int | None:
    """The line at a height: that of the nearest digit which reaches there, None if none does."""
    reaching = [
        one for one in found if one.digit.box[1] <= y <= one.digit.box[1] + one.digit.box[3]
    ]
    nearest = min(reaching, key=lambda one: abs(_middle(one) - y), default=None)
    return None if nearest is None else nearest.line


def _number_near(found: Sequence[FoundDigit], line: int, box: Box) -> int:
    """The number that a new digit on a line belongs to: a neighbor's, or one that is not there."""
    x, _, width, height = box

    def gap(one: FoundDigit) -> float:
        left, _, wide, _ = one.digit.box
        return max(left - (x + width), x - (left + wide))

    here = [one for one in found if one.line == line]
    nearest = min(here, key=gap, default=None)
    if nearest is not None and gap(nearest) < NUMBER_GAP * max(height, nearest.digit.box[3]):
        return nearest.number
    return 1 + max((one.number for one in found), default=-1)
