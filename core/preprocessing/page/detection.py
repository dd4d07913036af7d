"""All digits of a picture in reading order: a drawing, a scan, a photo of a page.

Two explanations of a picture compete. The detector (`core.preprocessing.page.detector`) explains it
as digits and signs in their places; `find_digit_in` explains all of its ink as one digit. The gate
(`core.preprocessing.digitness`) decides where they differ: a choice among segmentations by a
recognizer (Casey and Lecolinet 1996, "A survey of methods and strategies in character
segmentation"). The one that lost is kept as the alternative.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from core.preprocessing.background import GrayImage, Ink, border_pixels, to_gray
from core.preprocessing.digitness import digitness
from core.preprocessing.mnist_format import (
    Box,
    PreparedDigit,
    check_paper,
    check_picture,
    find_digit_in,
    to_picture_box,
)
from core.preprocessing.page.digit_ink import SegmentDigit, prepare_own_ink, prepare_segment
from core.preprocessing.page.reading_order import (
    Sign,
    classify_sign,
    find_lines,
    group_numbers,
    is_slanted_1,
    is_slash,
    line_of_sign,
    usual_height,
)
from core.preprocessing.page.segmentation import (
    Segment,
    common_shares,
    find_segments,
    label_segments,
)
from core.utils.errors import PictureError

MAX_DIGITS: Final = 200
"""Digits of a picture that are read; further ones are left out."""
_SURE_SCORE: Final = 0.5
"""A digit that the detector is at least so sure of is not doubted."""
_MIN_SIGN_SCORE: Final = 0.45
"""A sign that the detector is less sure of is dropped."""
_CLEAR_SCORE: Final = 0.7
"""A digit that the detector is at least so sure of stays whatever the gate says."""
_CLEARER_DIGITNESS: Final = 0.15
"""By so much the digitness of more ink must exceed that of a digit to replace it."""
_SAME_OVERLAP: Final = 0.7
"""Two boxes with at least this share of what they cover in common hold the same digit."""

_LEFTOVER_DIGITNESS: Final = 0.2
"""Digitness, 0 to 1, below which a doubtful digit beside clear ones is dropped, ..."""
_LIKELY_SCORE: Final = 0.6
"""... unless the detector is at least so sure of it."""
_MIN_LEFTOVER_SIDE: Final = 0.4
"""Heights of the clear digits below which a doubtful one is a speck."""
_MAX_LEFTOVER_HEIGHT: Final = 1.5
"""Heights of the clear digits above which a doubtful one is the side of a frame."""
_SURE_DIGITNESS: Final = 0.5
"""Digitness, 0 to 1, from which what a cropped picture shows with room around it is believed."""
_MIN_BORDER_INK: Final = 0.12
"""Share of the border that is of another tone where a picture is cropped into its digit."""
_ROOM: Final = 0.2
"""Share of the longer side that is added around such a picture."""

_Scored = tuple[PreparedDigit, float]
"""A digit, and how sure the detector is of it, 0 to 1."""
Explanation = Literal["page", "single digit"]
"""What a picture is taken for: digits in their places, or one digit that all ink belongs to."""


@dataclass(frozen=True)
class FoundDigit:
    """A digit of a picture.

    Attributes:
        digit: as MNIST would have stored it; its box is in pixels of the given picture.
        line: of the page, 0 is the top one.
        number: which number it belongs to (digits that stand together), over the page, from 0.
        score: how sure the detector is that it is a digit, 0 to 1; 0 where it saw none, 1 where a
            person drew the box.
    """

    digit: PreparedDigit
    line: int
    number: int
    score: float = 1.0


@dataclass(frozen=True)
class FoundSign:
    """A point, comma, minus or slash of a picture.

    Attributes:
        text: the sign.
        box: x, y, width, height in pixels of the given picture.
        line, number: as for `FoundDigit`.
    """

    text: Sign
    box: Box
    line: int
    number: int


@dataclass(frozen=True)
class FoundPage:
    """What a picture holds.

    Attributes:
        digits: at least one, in reading order.
        signs: in reading order.
        explanation: what the picture is taken for.
        alternative: what else it may be taken for, with another result; None if nothing.
    """

    digits: tuple[FoundDigit, ...]
    signs: tuple[FoundSign, ...]
    explanation: Explanation
    alternative: Explanation | None = None


def find_page(
    picture: NDArray[np.uint8],
    *,
    ink: Ink = "auto",
    paper: int | None = None,
    explanation: Explanation | None = None,
) -> FoundPage:
    """Find all digits and signs of a picture, at most `MAX_DIGITS` digits.

    Args:
        picture: uint8 (height, width) gray, (height, width, 3) RGB or (height, width, 4) RGBA.
        ink: whether the digits are darker or lighter than their ground; "auto" finds out.
        paper: the gray tone of an even ground, 0..255, where it is known (a drawing canvas).
        explanation: what the picture is to be taken for; None lets the explanations compete.

    Raises:
        PictureError: no picture of that shape, too small, nothing drawn, or nothing like a digit.
        TypeError: the array is not uint8.
        ValueError: `paper` is no tone.

    Example:
        >>> picture = np.zeros((80, 120), np.uint8)
        >>> picture[20:60, 30:36] = picture[20:60, 80:86] = 255
        >>> [digit.digit.box for digit in find_page(picture).digits]
        [(30, 20, 6, 40), (80, 20, 6, 40)]
    """
    check_picture(picture)
    check_paper(paper)
    gray = to_gray(picture)
    result: _Result | PictureError
    try:
        result = _explain(gray, ink, paper, explanation)
    except PictureError as error:
        result = error
    if paper is None and explanation is None:
        result = _with_room_around(gray, ink, result)
    if isinstance(result, PictureError):
        raise result
    return _in_order(result, gray.shape, picture.shape)


def find_digits(
    picture: NDArray[np.uint8], *, ink: Ink = "auto", paper: int | None = None
) -> tuple[FoundDigit, ...]:
    """Find all digits of a picture: `find_page` without its signs."""
    return find_page(picture, ink=ink, paper=paper).digits


@dataclass(frozen=True)
class _Result:
    """Digits with their scores, and boxes of signs, in pixels of the gray picture."""

    digits: tuple[_Scored, ...]
    signs: tuple[Box, ...]
    explanation: Explanation
    alternative: Explanation | None

    @property
    def value(self) -> float:
        """How much the least likely of its digits looks like one, 0 to 1."""
        return min(_digitness_of([digit for digit, _ in self.digits]))


def _explain(
    gray: GrayImage, ink: Ink, paper: int | None, explanation: Explanation | None
) -> _Result:
    """What a picture holds. Raises PictureError if it holds nothing."""
    digits: list[_Scored] = []
    signs: list[Box] = []
    if explanation != "single digit":
        digits, signs = _detect(gray, ink)
    if explanation == "page" and not digits:
        raise PictureError("No digit was found on this page: read it as one digit instead.")
    is_clear = len(digits) > 1 and max(score for _, score in digits) >= _SURE_SCORE
    if explanation == "page" or is_clear:
        return _Result(tuple(digits), tuple(signs), "page", "single digit")
    return _choose(gray, digits, signs, ink, paper)


def _with_room_around(
    gray: GrayImage, ink: Ink, first: _Result | PictureError
) -> _Result | PictureError:
    """A doubtful result, or a better one: where a picture is cropped into its digit.

    Then the border is paper and ink, and does not tell which is which. So the picture is looked at
    again with room around it, in the tone of either.
    """
    is_clear = isinstance(first, _Result) and (
        max(score for _, score in first.digits) >= _CLEAR_SCORE or first.value >= _SURE_DIGITNESS
    )
    border = border_pixels(gray)
    limit, _ = cv2.threshold(border, 0, 255, cv2.THRESH_OTSU)
    dark, light = border[border <= limit], border[border > limit]
    if is_clear or min(len(dark), len(light)) < _MIN_BORDER_INK * len(border):
        return first
    best, value = first, _SURE_DIGITNESS
    room = max(4, round(_ROOM * max(gray.shape)))
    for tone in (int(np.median(dark)), int(np.median(light))):
        padded = cv2.copyMakeBorder(gray, *(room,) * 4, cv2.BORDER_CONSTANT, value=tone)
        with suppress(PictureError):
            result = _explain(np.asarray(padded, np.uint8), ink, None, None)
            if len(result.digits) == 1 and result.value > value:
                best, value = _moved(result, room, gray.shape), result.value
    return best


def _moved(result: _Result, room: int, shape: tuple[int, ...]) -> _Result:
    """A result for a picture of that shape, from one with room around it."""

    def move(box: Box) -> Box:
        left, top = max(0, box[0] - room), max(0, box[1] - room)
        right = min(shape[1], box[0] + box[2] - room)
        bottom = min(shape[0], box[1] + box[3] - room)
        return left, top, max(1, right - left), max(1, bottom - top)

    digits = ((replace(digit, box=move(digit.box)), score) for digit, score in result.digits)
    return replace(result, digits=tuple(digits), signs=tuple(map(move, result.signs)))


def _detect(gray: GrayImage, ink: Ink) -> tuple[list[_Scored], list[Box]]:
    """The digits that the detector finds, each with its score, and the boxes of the signs."""
    segments = find_segments(gray, lambda rivals: _rate(gray, rivals, ink))
    labels = label_segments(segments, gray.shape)
    boxes = [segment.box for segment in segments if segment.kind == "digit"]
    height = usual_height(boxes) if boxes else 0.0
    found: dict[int, SegmentDigit] = {}
    signs: list[Box] = []
    for number, segment in enumerate(segments, start=1):
        if segment.kind == "sign" and not is_slanted_1(segment.box, height):
            signs += [segment.box] if segment.score >= _MIN_SIGN_SCORE else []
        elif len(found) < MAX_DIGITS:
            with suppress(PictureError):  # nothing differs from the paper there
                found[number] = prepare_segment(gray, labels, segment, number, ink)
    wholes = _wholes(found)
    kept = _without_leftovers(wholes, found, [segment.score for segment in segments])
    height = usual_height([wholes[number].box for number in kept]) if kept else 0.0
    signs += [
        digit.box
        for number, digit in wholes.items()
        if number not in kept and is_slash(digit.box, height)
    ]
    return [(wholes[number], segments[number - 1].score) for number in kept], signs


def _rate(gray: GrayImage, rivals: Sequence[Segment], ink: Ink) -> list[float]:
    """The digitness of each digit; signs are neither likely nor unlikely."""
    rating = [0.5 if segment.kind == "sign" else 0.0 for segment in rivals]
    digits: dict[int, PreparedDigit] = {}
    for k, segment in enumerate(rivals):
        if segment.kind == "digit":
            with suppress(PictureError):  # nothing differs from the paper there
                digits[k] = prepare_own_ink(gray, segment, ink)
    if digits:
        for k, value in zip(digits, _digitness_of(list(digits.values())), strict=True):
            rating[k] = value
    return rating


def _wholes(parts: dict[int, SegmentDigit]) -> dict[int, PreparedDigit]:
    """Each digit, or the whole that it is a part of where that looks more like a digit."""
    digits = {number: part.digit for number, part in parts.items()}
    wholes = {number: part.whole for number, part in parts.items() if part.whole is not None}
    if not wholes:
        return digits
    rated = _digitness_of([*digits.values(), *wholes.values()])
    value_of = dict(zip(digits, rated, strict=False))
    value_of_whole = dict(zip(wholes, rated[len(digits) :], strict=True))
    for number, whole in wholes.items():
        absorbed = [other for other in parts[number].absorbed if other in digits]
        if number in digits and value_of_whole[number] > _CLEARER_DIGITNESS + min(
            value_of[other] for other in (number, *absorbed)
        ):
            for other in absorbed:
                del digits[other]
            digits[number] = whole
    return digits


def _digitness_of(digits: Sequence[PreparedDigit]) -> list[float]:
    return [float(value) for value in digitness(np.stack([digit.pixels for digit in digits]))]


def _without_leftovers(
    digits: dict[int, PreparedDigit], found: dict[int, SegmentDigit], scores: Sequence[float]
) -> list[int]:
    """The digits that stay beside clear ones: no frames, nothing that the gate doubts."""
    clear = [n for n in digits if scores[n - 1] >= _CLEAR_SCORE]
    # On ruled paper every digit hangs together with a line.
    are_lines_common = sum(found[n].is_part for n in clear) * 2 > len(clear)
    if len(digits) < 2 or not clear:
        return list(digits)
    values = dict(zip(digits, _digitness_of(list(digits.values())), strict=True))
    height = usual_height([digits[n].box for n in clear])
    return [
        n
        for n in digits
        if n in clear
        or (
            (values[n] >= _LEFTOVER_DIGITNESS or scores[n - 1] >= _LIKELY_SCORE)
            and (are_lines_common or not found[n].is_part)
            and max(digits[n].box[2:]) >= _MIN_LEFTOVER_SIDE * height
            and digits[n].box[3] <= _MAX_LEFTOVER_HEIGHT * height
        )
    ]


def _choose(
    gray: GrayImage,
    detected: Sequence[_Scored],
    signs: Sequence[Box],
    ink: Ink,
    paper: int | None,
) -> _Result:
    """One detected digit, or several doubtful ones, against all ink as one digit.

    Where both are the same, all ink counts: it has the faint ends that the detector may drop.
    """
    try:
        whole = find_digit_in(gray, ink=ink, paper=paper)
    except PictureError:
        if not detected or detected[0][1] < _SURE_SCORE:
            raise
        return _Result(tuple(detected), tuple(signs), "page", None)
    if not detected:
        return _Result(((whole, 0.0),), (), "single digit", None)
    score = max(score for _, score in detected)
    page = _Result(tuple(detected), tuple(signs), "page", "single digit")
    single = _Result(((whole, score),), (), "single digit", "page")
    gain = single.value - page.value
    if len(detected) == 1 and common_shares(whole.box, detected[0][0].box)[0] >= _SAME_OVERLAP:
        same = single if gain > -_CLEARER_DIGITNESS else page
        return replace(same, signs=tuple(signs), explanation="page", alternative=None)
    min_gain = _CLEARER_DIGITNESS if score < _SURE_SCORE else _SURE_DIGITNESS
    return single if gain > min_gain else page


def _in_order(result: _Result, work_shape: tuple[int, ...], shape: tuple[int, ...]) -> FoundPage:
    """Digits and signs in reading order, with boxes in pixels of the picture of that shape."""
    digits, signs = result.digits, result.signs
    boxes = [digit.box for digit, _ in digits]
    height = usual_height(boxes)
    lines = find_lines(boxes)
    row_of_sign = [line_of_sign(box, boxes, lines, height) for box in signs]
    found: list[FoundDigit] = []
    found_signs: list[FoundSign] = []
    first = 0
    for row, line in enumerate(lines):
        items = sorted(
            [(boxes[k], k) for k in line]
            + [(box, -1) for box, place in zip(signs, row_of_sign, strict=True) if place == row],
            key=lambda item: item[0][0],
        )
        numbers = group_numbers([box for box, _ in items], height)
        for (box, k), number in zip(items, numbers, strict=True):
            outer = to_picture_box(box, work_shape, shape)
            if k < 0:
                sign = classify_sign(box, height)
                found_signs.append(FoundSign(sign, outer, row, first + number))
            else:
                digit, score = digits[k]
                found.append(FoundDigit(replace(digit, box=outer), row, first + number, score))
        first += numbers[-1] + 1
    return FoundPage(tuple(found), tuple(found_signs), result.explanation, result.alternative)
