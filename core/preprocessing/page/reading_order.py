"""Lines and numbers: the order in which the digits and signs of a page are read.

Digits are on two lines only where one stands above another. Lengths are in pixels.

The constants of lines were checked on 60 generated pages of 30 training digits
(`benchmarks.synthetic_photos.page_photo`, seeds (101, 0) to (101, 59)): with the true boxes every
line is right, and stays so if any of them is changed by a fifth. The gaps say what a number is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from core.preprocessing.mnist_format import Box

_MAX_TILT: Final = 18.0
"""Degrees; a little more than the 15 that are promised."""
_MIN_DIGITS_FOR_TILT: Final = 7
"""Fewer digits than these show no tilt."""
_MAX_LINE_OFFSET: Final = 0.65
"""Share of a digit's height by which a digit may be off its line."""
_MIN_ABOVE: Final = 0.25
"""Share of the narrower digit's width that two digits, one above the other, have in common."""
MAX_NUMBER_GAP: Final = 0.6
"""Digits whose gap is smaller than this share of their height stand together as a number."""
_MAX_ONE_WIDTH: Final = 0.35
"""Digits narrower than this share of their height are 1s."""
_MAX_ONE_PITCH: Final = 1.1
"""From the middle of one 1 to the next in a number, at most, in heights: a digit's usual width and
half of `MAX_NUMBER_GAP`."""
_MAX_SIGN_GAP: Final = 1.5
"""Heights between a sign and the nearest digit of its number, at most."""
_MAX_SIGN_OFFSET: Final = 0.9
"""Heights by which a sign's middle is above or below the digit's, at most."""


def usual_height(boxes: Sequence[Box]) -> float:
    """The usual height of a page's digits: the median of their longer sides."""
    return float(np.median([max(0.8 * width, height) for _, _, width, height in boxes]))


def find_lines(boxes: Sequence[Box]) -> list[list[int]]:
    """Sort digits into lines.

    Args:
        boxes: x, y, width, height of each digit.

    Returns:
        Indices into `boxes`: lines from top to bottom, each from left to right.

    Example:
        >>> find_lines([(30, 2, 8, 12), (0, 0, 8, 12), (1, 40, 8, 12)])
        [[1, 0], [2]]
        >>> find_lines([(0, 0, 8, 12), (12, 20, 8, 12), (24, 3, 8, 12)])
        [[0, 1, 2]]
    """
    if not boxes:
        return []
    height = usual_height(boxes)
    slope = np.tan(np.radians(estimate_tilt(boxes, height)))
    lines: list[list[int]] = []
    for k in sorted(range(len(boxes)), key=lambda k: _middle(boxes[k])[0]):
        offsets = [(_offset([boxes[j] for j in line], boxes[k], slope), line) for line in lines]
        nearest = min(offsets, key=lambda offset: offset[0], default=None)
        if nearest and nearest[0] <= _MAX_LINE_OFFSET * max(height, boxes[k][3]):
            nearest[1].append(k)
        else:
            lines.append([k])
    lines = _merge_lines(lines, boxes, slope)
    return [sorted(line, key=lambda k: boxes[k][0]) for line in lines]


def _merge_lines(lines: list[list[int]], boxes: Sequence[Box], slope: float) -> list[list[int]]:
    """Join lines of which no digit stands above one of the other; top to bottom."""

    def mean_row(line: list[int]) -> float:
        rows = [_middle(boxes[k])[1] - _middle(boxes[k])[0] * slope for k in line]
        return float(np.mean(rows))

    merged: list[list[int]] = []
    for line in sorted(lines, key=mean_row):
        if merged and not any(_is_above(boxes[j], boxes[k]) for j in merged[-1] for k in line):
            merged[-1] = merged[-1] + line
        else:
            merged.append(line)
    return sorted(merged, key=mean_row)


def _is_above(first: Box, second: Box) -> bool:
    """Whether one of two digits stands above the other, in the same columns."""
    common = min(first[0] + first[2], second[0] + second[2]) - max(first[0], second[0])
    apart = abs(_middle(first)[1] - _middle(second)[1])
    return common >= _MIN_ABOVE * min(first[2], second[2]) and apart >= 0.5 * min(
        first[3], second[3]
    )


def _middle(box: Box) -> tuple[float, float]:
    return box[0] + box[2] / 2, box[1] + box[3] / 2


def _offset(line: Sequence[Box], box: Box, slope: float) -> float:
    """How far a digit is above or below where a line's last three digits lead."""
    x, y = _middle(box)
    rows = [_middle(other)[1] + (x - _middle(other)[0]) * slope for other in line[-3:]]
    return abs(y - float(np.mean(rows)))


def estimate_tilt(boxes: Sequence[Box], height: float) -> float:
    """Estimate how much lines of digits slope downwards to the right.

    That is the slope at which the middles fall into the fewest rows (projection profile; Postl
    1986).

    Args:
        boxes: of the digits of a page.
        height: their usual height.

    Returns:
        Degrees, -`_MAX_TILT` to `_MAX_TILT`; 0 if it is unclear.
    """
    if len(boxes) < _MIN_DIGITS_FOR_TILT:
        return 0.0
    middles = np.array([_middle(box) for box in boxes])
    angles = np.arange(-_MAX_TILT, _MAX_TILT + 0.25, 0.5)
    scores = []
    for angle in angles:
        rows = middles[:, 1] - middles[:, 0] * np.tan(np.radians(angle))
        distances = np.abs(rows[:, None] - rows[None, :]) / (0.25 * height)
        scores.append(np.exp(-np.square(distances)).sum() - 0.002 * len(rows) * abs(angle))
    best = float(np.max(scores))
    # Among slopes that are as good as the best, the middle of the range around it.
    near = angles[np.array(scores) > best - 0.02 * best]
    best_angle = float(angles[int(np.argmax(scores))])
    return float(np.median(near[np.abs(near - best_angle) <= 2.0]))


def group_numbers(line: Sequence[Box], height: float) -> list[int]:
    """Group the digits and signs of a line into numbers by the gaps between them.

    Between 1s the distance from middle to middle counts: they stand as far apart as other digits
    do, with more empty paper between them.

    Args:
        line: boxes from left to right.
        height: the usual height of the page's digits.

    Returns:
        For each the number that it belongs to, counted from 0.

    Example:
        >>> group_numbers([(x, 0, 10, 16) for x in (0, 13, 60)], height=16)
        [0, 0, 1]
    """
    if not line:
        return []
    numbers, count = [0], 0
    before = line[0]
    for box in line[1:]:
        is_narrow = max(box[2], before[2]) < _MAX_ONE_WIDTH * height
        is_apart = (
            _middle(box)[0] - _middle(before)[0] > _MAX_ONE_PITCH * height
            if is_narrow
            else box[0] - (before[0] + before[2]) > MAX_NUMBER_GAP * height
        )
        count += is_apart
        numbers.append(count)
        if box[0] + box[2] >= before[0] + before[2]:
            before = box
    return numbers


def line_of_sign(
    box: Box, boxes: Sequence[Box], lines: Sequence[Sequence[int]], height: float
) -> int | None:
    """The line that a sign stands on: that of the nearest digit; None if there is none near.

    Args:
        box: of the sign.
        boxes: of the digits.
        lines: indices into `boxes`, from `find_lines`.
        height: the usual height of the digits.
    """
    distances = [
        (_sign_distance(box, boxes[k], height), row) for row, line in enumerate(lines) for k in line
    ]
    distance, row = min(distances, default=(np.inf, 0))
    return row if np.isfinite(distance) else None


def _sign_distance(sign: Box, digit: Box, height: float) -> float:
    """How far a sign is from a digit; infinite if it stands on no line with it."""
    gap = max(digit[0] - (sign[0] + sign[2]), sign[0] - (digit[0] + digit[2]), 0)
    down = abs(_middle(sign)[1] - _middle(digit)[1])
    is_near = gap <= _MAX_SIGN_GAP * height and down <= _MAX_SIGN_OFFSET * max(height, digit[3])
    return gap + down if is_near else float("inf")
