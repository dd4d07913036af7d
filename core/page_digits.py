"""All digits of a picture in reading order: a drawing, a scan, a photo of a page."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np
from numpy.typing import NDArray

from core.arrays import Predict
from core.cut_out import boxed, cut_out
from core.errors import PictureError
from core.grouping import digits_of
from core.ink_pieces import MOST_DIGITS, Labels, Piece
from core.page_ink import PageInk, ink_of
from core.page_light import CLOSER
from core.paper import Ink
from core.preprocessing import Digit, check_picture, find_digit, in_picture
from core.second_looks import clearest
from core.strokes import Box
from core.text_lines import numbers_of


@dataclass(frozen=True)
class Found:
    """A digit of a picture.

    Attributes:
        digit: as MNIST would have stored it; its box is in pixels of the given picture.
        line: of the page, 0 is the top one.
        number: which number it belongs to (digits that stand together), over the page, from 0.
    """

    digit: Digit
    line: int
    number: int


def find_digits(
    picture: NDArray[np.uint8],
    *,
    ink: Ink = "auto",
    paper: int | None = None,
    judge: Predict | None = None,
) -> tuple[Found, ...]:
    """Find all digits of a picture: lines top to bottom, left to right; at most `MOST_DIGITS`.

    Args:
        picture: uint8 (height, width) grey, (height, width, 3) RGB or (height, width, 4) RGBA.
        ink: whether the digits are darker or lighter than their ground; "auto" finds out.
        paper: the grey tone of an even ground, 0..255, where it is known (a drawing canvas).
        judge: a network that helps to decide where touching digits are cut, and whether a photo is
            looked at again; without one only their shapes decide, and it is not.

    Raises:
        PictureError: no picture of that shape, too small, nothing drawn, or nothing like a digit.
        TypeError: the array is not uint8.
        ValueError: `paper` is no tone.
    """
    page = inked(picture, ink, paper)
    whole = _Whole(picture, ink, paper)
    found = _on(page, whole, judge)
    if page.even or judge is None:
        return found

    def closer(widest: float) -> tuple[Found, ...]:
        return _on(ink_of(picture, ink, paper, widest), whole, judge)

    def alone() -> tuple[Found, ...]:
        return (Found(whole.digit(), 0, 0),)

    looks: list[Callable[[], tuple[Found, ...]]]
    looks = [*(partial(closer, widest) for widest in CLOSER), alone]
    side = max(picture.shape[:2])
    return tuple(clearest(found, looks, lambda one: one.digit, side, judge))


class _Whole:
    """What `find_digit` makes of a picture: worked out once, and only if it is asked for."""

    def __init__(self, picture: NDArray[np.uint8], ink: Ink, paper: int | None) -> None:
        self.shape = picture.shape
        self._make = partial(find_digit, picture, ink=ink, paper=paper)

    def digit(self) -> Digit:
        """The digit of the picture. Raises PictureError if there is none."""
        if isinstance(self._made, PictureError):
            raise self._made
        return self._made

    @cached_property
    def _made(self) -> Digit | PictureError:
        try:
            return self._make()
        except PictureError as error:
            return error


def _on(page: PageInk, whole: _Whole, judge: Predict | None) -> tuple[Found, ...]:
    """The digits of a picture whose ink is known. Raises PictureError if there are none."""
    labels, lines, height = digits_of(page, judge)
    if sum(map(len, lines)) <= 1:
        return (_only_one(page, labels, lines, whole),)
    found: list[Found] = []
    number = 0
    for row, line in enumerate(lines):
        within = numbers_of(line, height)
        for piece, place in zip(line, within, strict=True):
            digit = cut_out(page, labels, piece)
            box = in_picture(digit.box, page.grey.shape, whole.shape)
            found.append(Found(boxed(digit, box), row, number + place))
        number += within[-1] + 1
    return tuple(found[:MOST_DIGITS])


def digit_on(page: PageInk, shape: tuple[int, ...], box: Box) -> Digit:
    """The one digit in a box that somebody drew or corrected.

    Ink that reaches out of the box is cut off at it.

    Args:
        page: `inked` of the whole picture, from which paper and ink are taken.
        shape: of the picture.
        box: x, y, width, height in pixels of the picture; what lies outside of it is ignored.

    Raises:
        PictureError: if there is no ink in the box.
    """
    scale_x = page.grey.shape[1] / shape[1]
    scale_y = page.grey.shape[0] / shape[0]
    left, top_ = max(0, int(box[0] * scale_x)), max(0, int(box[1] * scale_y))
    right = min(page.grey.shape[1], int(np.ceil((box[0] + box[2]) * scale_x)))
    bottom = min(page.grey.shape[0], int(np.ceil((box[1] + box[3]) * scale_y)))
    inside = page.mask[top_ : max(top_, bottom), left : max(left, right)]
    if inside.size == 0 or not inside.any():
        raise PictureError("There is no ink in this box: draw it around a digit.")
    labels = np.zeros(page.mask.shape, np.int32)
    labels[top_:bottom, left:right] = inside
    digit = cut_out(page, labels, Piece((1,), (left, top_, right - left, bottom - top_), 1), 0)
    return boxed(digit, in_picture(digit.box, page.grey.shape, shape))


def inked(picture: NDArray[np.uint8], ink: Ink, paper: int | None) -> PageInk:
    """The ink of a picture, which is checked. Raises as `find_digits`."""
    check_picture(picture)
    if paper is not None and not 0 <= paper <= 255:
        raise ValueError(f"paper is a tone, 0..255, not {paper}")
    return ink_of(picture, ink, paper)


def _only_one(page: PageInk, labels: Labels, lines: list[list[Piece]], whole: _Whole) -> Found:
    """The digit of a picture with one digit: what `find_digit` makes of it, if it finds the same.

    `find_digit` knows that there is one, and keeps the faint ends that a page's rules drop.
    """
    if not lines:
        return Found(whole.digit(), 0, 0)
    try:
        alone = whole.digit()
    except PictureError:
        if page.even:
            raise
        alone = None
    digit = cut_out(page, labels, lines[0][0])
    digit = boxed(digit, in_picture(digit.box, page.grey.shape, whole.shape))
    if alone is not None and _alike(alone.box, digit.box):
        return Found(alone, 0, 0)
    return Found(digit, 0, 0)


def _alike(one: Box, other: Box) -> bool:
    """Whether two boxes are nearly the same: at least 0.7 of what they cover is common."""
    across = min(one[0] + one[2], other[0] + other[2]) - max(one[0], other[0])
    down = min(one[1] + one[3], other[1] + other[3]) - max(one[1], other[1])
    common = max(0, across) * max(0, down)
    return common >= 0.7 * (one[2] * one[3] + other[2] * other[3] - common)
