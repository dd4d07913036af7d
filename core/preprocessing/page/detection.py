"""All digits of a picture in reading order: a drawing, a scan, a photo of a page.

Two explanations of a picture compete. The detector (`core.preprocessing.page.detector`) explains it
as digits and signs in their places; `find_digit_in` explains all of its ink as one digit. The gate
(`core.preprocessing.digitness`) decides where they differ: a choice among segmentations by a
recognizer (Casey and Lecolinet 1996, "A survey of methods and strategies in character
segmentation"). The one that lost is kept as the alternative.

The constants were chosen on training digits brought as files
(`python -m benchmarks.brought_pictures --tuning`).
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
from core.preprocessing.digitness import DIGITNESS_THRESHOLD, LIKELY_DIGITNESS, digitness
from core.preprocessing.mnist_format import (
    Box,
    PreparedDigit,
    check_paper,
    check_picture,
    find_digit_in,
    to_picture_box,
)
from core.preprocessing.page.detector import SURE_SCORE, Kind
from core.preprocessing.page.digit_ink import prepare_segment
from core.preprocessing.page.reading_order import (
    find_lines,
    group_numbers,
    line_of_sign,
    usual_height,
)
from core.preprocessing.page.segmentation import (
    SAME_SHARE,
    Segment,
    common_shares,
    find_segments,
    label_segments,
)
from core.utils.errors import PictureError

MAX_DIGITS: Final = 200
"""Digits of a picture that are read; further ones are left out."""
_MIN_SIGN_SCORE: Final = 0.45
"""A sign that the detector is less sure of is dropped."""
_SAME_DIGITNESS: Final = 0.15
"""By so much less digitness all ink in the place of one digit is still taken for it."""
_USUAL_HEIGHTS: Final = 1.35
"""Heights of the sure digits up to which another one has a usual height."""
_COMMA_HEIGHTS: Final = 0.5
"""Heights of the digits below which an upright stroke is a comma."""
_MIN_BORDER_INK: Final = 0.12
"""Share of the border that is of another tone where a picture is cropped into its digit."""
_ROOM: Final = 0.2
"""Share of the longer side that is added around such a picture."""

_Sign = tuple[Kind, Box]
"""Which sign, and x, y, width, height of its ink."""
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

    text: Kind
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


@dataclass(frozen=True)
class _Candidate:
    """A digit, and how sure the detector and the gate are of it, 0 to 1."""

    digit: PreparedDigit
    score: float
    digitness: float


@dataclass(frozen=True)
class _Result:
    """Digits, and signs with their boxes, in pixels of the gray picture."""

    digits: tuple[_Candidate, ...]
    signs: tuple[_Sign, ...]
    explanation: Explanation
    alternative: Explanation | None

    @property
    def digitness(self) -> float:
        """How much the least likely of its digits looks like one, 0 to 1."""
        return min(candidate.digitness for candidate in self.digits)

    @property
    def score(self) -> float:
        """How sure the detector is of the surest digit, 0 to 1."""
        return max(candidate.score for candidate in self.digits)

    @property
    def is_clear(self) -> bool:
        """Whether the detector or the gate believes it."""
        return self.score >= SURE_SCORE or self.digitness >= LIKELY_DIGITNESS


def _explain(
    gray: GrayImage, ink: Ink, paper: int | None, explanation: Explanation | None
) -> _Result:
    """What a picture holds. Raises PictureError if it holds nothing."""
    page = None if explanation == "single digit" else _detect(gray, ink)
    if explanation == "page" and page is None:
        raise PictureError("No digit was found on this page: read it as one digit instead.")
    is_page = explanation == "page" or (
        page is not None and len(page.digits) > 1 and page.score >= SURE_SCORE
    )
    return page if page is not None and is_page else _choose(gray, page, ink, paper)


def _with_room_around(
    gray: GrayImage, ink: Ink, first: _Result | PictureError
) -> _Result | PictureError:
    """A doubtful result, or a better one: where a picture is cropped into its digit.

    Then ink that ends at the border looks as if it went on. So the picture is looked at again with
    room around it, in the commoner tone of its border.
    """
    border = border_pixels(gray)
    limit, _ = cv2.threshold(border, 0, 255, cv2.THRESH_OTSU)
    rarer, commoner = sorted((border[border <= limit], border[border > limit]), key=len)
    is_clear = isinstance(first, _Result) and first.is_clear
    if is_clear or len(rarer) < _MIN_BORDER_INK * len(border):
        return first
    room, tone = max(4, round(_ROOM * max(gray.shape))), int(np.median(commoner))
    padded = cv2.copyMakeBorder(gray, *(room,) * 4, cv2.BORDER_CONSTANT, value=tone)
    with suppress(PictureError):
        result = _explain(np.asarray(padded, np.uint8), ink, None, None)
        if len(result.digits) == 1 and result.digitness > LIKELY_DIGITNESS:
            return _moved(result, room, gray.shape)
    return first


def _moved(result: _Result, room: int, shape: tuple[int, ...]) -> _Result:
    """A result for a picture of that shape, from one with room around it."""

    def move(box: Box) -> Box:
        left, top = max(0, box[0] - room), max(0, box[1] - room)
        right = min(shape[1], box[0] + box[2] - room)
        bottom = min(shape[0], box[1] + box[3] - room)
        return left, top, max(1, right - left), max(1, bottom - top)

    digits = (
        replace(candidate, digit=replace(candidate.digit, box=move(candidate.digit.box)))
        for candidate in result.digits
    )
    signs = ((kind, move(box)) for kind, box in result.signs)
    return replace(result, digits=tuple(digits), signs=tuple(signs))


def _detect(gray: GrayImage, ink: Ink) -> _Result | None:
    """The digits and signs that the detector finds; None if it finds no digit."""
    segments = find_segments(gray, lambda rivals: _rate(gray, rivals, ink))
    labels = label_segments(segments, gray.shape)
    digits: list[PreparedDigit] = []
    scores: list[float] = []
    for number, segment in enumerate(segments, start=1):
        if segment.kind == "digit" and len(digits) < MAX_DIGITS:
            with suppress(PictureError):  # no ink of its own there, or a piece of a line
                digits.append(prepare_segment(gray, segment, ink, labels, number))
                scores.append(segment.score)
    if not digits:
        return None
    candidates = list(map(_Candidate, digits, scores, _digitness_of(digits)))
    signs: list[_Sign] = [
        (segment.kind, segment.box)
        for segment in segments
        if segment.kind != "digit" and segment.score >= _MIN_SIGN_SCORE
    ]
    candidates, signs = _with_commas(_without_leftovers(candidates), signs)
    return _Result(tuple(candidates), tuple(signs), "page", "single digit")


def _rate(gray: GrayImage, rivals: Sequence[Segment], ink: Ink) -> list[float]:
    """The digitness of each digit; signs are neither likely nor unlikely."""
    rating = [0.5 if segment.kind != "digit" else 0.0 for segment in rivals]
    digits: dict[int, PreparedDigit] = {}
    for k, segment in enumerate(rivals):
        if segment.kind == "digit":
            with suppress(PictureError):  # nothing differs from the paper there
                digits[k] = prepare_segment(gray, segment, ink)
    if digits:
        for k, value in zip(digits, _digitness_of(list(digits.values())), strict=True):
            rating[k] = value
    return rating


def _digitness_of(digits: Sequence[PreparedDigit]) -> list[float]:
    return [float(value) for value in digitness(np.stack([digit.pixels for digit in digits]))]


def _without_leftovers(candidates: list[_Candidate]) -> list[_Candidate]:
    """The digits without sides of frames and specks.

    Where the detector is sure of some, two of three must speak for each digit: the detector, the
    gate, and its height.
    """
    sure = [candidate.digit.box for candidate in candidates if candidate.score >= SURE_SCORE]
    if not sure or len(candidates) == 1:
        return candidates
    highest = _USUAL_HEIGHTS * usual_height(sure)

    def votes(candidate: _Candidate) -> int:
        return sum(
            (
                candidate.score >= SURE_SCORE,
                candidate.digitness >= LIKELY_DIGITNESS,
                candidate.digit.box[3] <= highest,
            )
        )

    return [candidate for candidate in candidates if votes(candidate) >= 2]


def _with_commas(
    candidates: list[_Candidate], signs: list[_Sign]
) -> tuple[list[_Candidate], list[_Sign]]:
    """Digits and signs, where a low upright stroke beside digits is a comma, no 1 and no slash."""
    height = usual_height([candidate.digit.box for candidate in candidates])

    def is_comma(box: Box) -> bool:
        return 1.5 * box[2] <= box[3] < _COMMA_HEIGHTS * height

    boxes = [candidate.digit.box for candidate in candidates]
    commas: list[_Sign] = [(",", box) for box in boxes if is_comma(box)]
    signs = [("," if kind == "/" and is_comma(box) else kind, box) for kind, box in signs]
    digits = [candidate for candidate in candidates if not is_comma(candidate.digit.box)]
    return digits, signs + commas


def _choose(gray: GrayImage, page: _Result | None, ink: Ink, paper: int | None) -> _Result:
    """What was detected, one digit or several doubtful ones, or all ink as one digit.

    All ink wins if it is likelier a digit, and none that the gate refuses. In the place of one
    digit it is that digit, with all its faint ends, even if it is a little less likely.
    """
    try:
        whole = find_digit_in(gray, ink=ink, paper=paper)
    except PictureError:
        if page is None or not page.is_clear:
            raise
        return replace(page, alternative=None)
    (whole_digitness,) = _digitness_of([whole])
    if page is None:
        return _Result((_Candidate(whole, 0.0, whole_digitness),), (), "single digit", None)
    single = _Result((_Candidate(whole, page.score, whole_digitness),), (), "single digit", "page")
    box = page.digits[0].digit.box
    if len(page.digits) == 1 and common_shares(whole.box, box)[0] >= SAME_SHARE:
        same = single if whole_digitness > page.digitness - _SAME_DIGITNESS else page
        return replace(same, signs=page.signs, explanation="page", alternative=None)
    return single if whole_digitness > max(page.digitness, DIGITNESS_THRESHOLD) else page


def _in_order(result: _Result, work_shape: tuple[int, ...], shape: tuple[int, ...]) -> FoundPage:
    """Digits and signs in reading order, with boxes in pixels of the picture of that shape."""
    digits, signs = result.digits, result.signs
    boxes = [candidate.digit.box for candidate in digits]
    height = usual_height(boxes)
    lines = find_lines(boxes)
    row_of_sign = [line_of_sign(box, boxes, lines, height) for _, box in signs]
    found: list[FoundDigit] = []
    found_signs: list[FoundSign] = []
    first = 0
    for row, line in enumerate(lines):
        items = sorted(
            [(boxes[k], k) for k in line]
            + [(box, ~k) for k, (_, box) in enumerate(signs) if row_of_sign[k] == row],
            key=lambda item: item[0][0],
        )
        numbers = group_numbers([box for box, _ in items], height)
        for (box, k), number in zip(items, numbers, strict=True):
            outer = to_picture_box(box, work_shape, shape)
            if k < 0:
                found_signs.append(FoundSign(signs[~k][0], outer, row, first + number))
            else:
                digit = replace(digits[k].digit, box=outer)
                found.append(FoundDigit(digit, row, first + number, digits[k].score))
        first += numbers[-1] + 1
    return FoundPage(tuple(found), tuple(found_signs), result.explanation, result.alternative)
