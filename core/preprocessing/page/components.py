"""Connected pieces of ink on a page, and the lines and numbers that they stand in.

`find_components` turns a mask into pieces. `estimate_tilt`, `find_text_lines` and `group_numbers`
bring pieces that are digits into reading order. Lengths are in pixels of the mask.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from core.preprocessing.mnist_format import Box

Mask = NDArray[np.uint8]
"""1 where something is, 0 elsewhere, uint8 (height, width)."""
Labels = NDArray[np.int32]
"""Which piece a pixel belongs to, int32 (height, width); 0 is the background."""
_MAX_COMPONENTS: Final = 1500
"""More pieces that could be strokes are no writing but a texture."""
MAX_DIGITS: Final = 200
"""Digits of a picture that are read; further pieces that may be digits are left out."""
_MAX_TILT: Final = 18.0
"""Degrees; a little more than the 15 that are promised."""
_MIN_DIGITS_FOR_TILT: Final = 7
"""Fewer digits than these show no tilt."""
MAX_LINE_OFFSET: Final = 0.65
"""Share of a digit's height by which a digit may be off its line."""
_MAX_NUMBER_GAP: Final = 0.6
"""Digits whose gap is smaller than this share of their height stand together as a number."""
_MAX_ONE_WIDTH: Final = 0.35
"""Digits narrower than this share of their height are 1s."""
_MAX_ONE_PITCH: Final = 1.1
"""From the middle of one 1 to the next in a number, at most, in heights: a digit's usual width and
half of `_MAX_NUMBER_GAP`."""


@dataclass(frozen=True)
class Component:
    """A connected piece of ink, or several such parts of one digit.

    Attributes:
        labels: the numbers that its pixels have in the page's `Labels`.
        box: x, y, width, height.
        area: the number of its pixels.
    """

    labels: tuple[int, ...]
    box: Box
    area: int

    @property
    def left(self) -> int:
        return self.box[0]

    @property
    def top(self) -> int:
        return self.box[1]

    @property
    def width(self) -> int:
        return self.box[2]

    @property
    def height(self) -> int:
        return self.box[3]

    @property
    def right(self) -> int:
        return self.box[0] + self.box[2]

    @property
    def bottom(self) -> int:
        return self.box[1] + self.box[3]

    @property
    def middle(self) -> tuple[float, float]:
        return self.left + self.width / 2, self.top + self.height / 2


def find_components(mask: Mask) -> tuple[Labels, list[Component]]:
    """Find the connected pieces of a mask (8 neighbors), at most `_MAX_COMPONENTS`.

    Returns:
        The labels of all pixels, and the pieces from left to right.

    Example:
        >>> mask = np.zeros((5, 8), np.uint8)
        >>> mask[1:4, 1:3] = 1
        >>> mask[0:5, 6] = 1
        >>> labels, pieces = find_components(mask)
        >>> [(piece.box, piece.area) for piece in pieces]
        [((1, 1, 2, 3), 6), ((6, 0, 1, 5), 5)]
    """
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    rows = np.asarray(stats, np.int64)[1:count]
    # A texture has many small pieces; strokes are among the largest.
    order = np.argsort(-rows[:, 4], kind="stable")[:_MAX_COMPONENTS]
    pieces = [
        Component((int(k) + 1,), (int(x), int(y), int(w), int(h)), int(area))
        for k, (x, y, w, h, area) in zip(order, rows[order], strict=True)
    ]
    return np.asarray(labels, np.int32), sorted(pieces, key=lambda piece: piece.left)


def erase_where(mask: Mask, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Copy a mask or a picture with 0 where `mask` is set; all uint8 of one shape."""
    return np.where(mask > 0, 0, image).astype(np.uint8)


def join_components(parts: Sequence[Component]) -> Component:
    """Join several pieces into one."""
    left, top = min(p.left for p in parts), min(p.top for p in parts)
    right, bottom = max(p.right for p in parts), max(p.bottom for p in parts)
    labels = tuple(label for part in parts for label in part.labels)
    return Component(labels, (left, top, right - left, bottom - top), sum(p.area for p in parts))


def median_height(pieces: Sequence[Component]) -> float:
    """The usual height of a page's digits: a weighted median of the pieces' longer sides.

    Each side weighs its square, because dirt is numerous and small.
    """
    sides = np.sort(np.array([max(p.width * 0.8, p.height) for p in pieces], np.float64))
    weights = np.cumsum(sides**2)
    return float(sides[int(np.searchsorted(weights, weights[-1] / 2))])


def box_distance(first: Component, second: Component) -> float:
    """How far the boxes of two pieces are apart in pixels, 0 if they overlap."""
    across = max(first.left - second.right, second.left - first.right, 0)
    down = max(first.top - second.bottom, second.top - first.bottom, 0)
    return float(np.hypot(across, down))


def horizontal_overlap(first: Component, second: Component) -> float:
    """The share of the narrower piece's width that lies above or below the other, 0..1."""
    common = min(first.right, second.right) - max(first.left, second.left)
    return max(0, common) / max(1, min(first.width, second.width))


def estimate_tilt(pieces: Sequence[Component], height: float) -> float:
    """Estimate how much lines of digits slope downwards to the right.

    That is the slope at which the middles fall into the fewest rows (projection profile; Postl
    1986).

    Args:
        pieces: the digits of a page.
        height: their usual height.

    Returns:
        Degrees, -`_MAX_TILT` to `_MAX_TILT`; 0 if it is unclear.
    """
    if len(pieces) < _MIN_DIGITS_FOR_TILT:
        return 0.0
    middles = np.array([piece.middle for piece in pieces])
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


def find_text_lines(pieces: Sequence[Component], height: float, tilt: float) -> list[list[int]]:
    """Sort pieces into lines: each joins the line whose last pieces it continues along the tilt.

    Args:
        pieces: the digits of a page.
        height: their usual height.
        tilt: degrees, from `estimate_tilt`.

    Returns:
        Indices into `pieces`: lines from top to bottom, each from left to right.

    Example:
        >>> boxes = [(30, 2, 8, 12), (0, 0, 8, 12), (1, 40, 8, 12)]
        >>> pieces = [Component((k + 1,), box, 50) for k, box in enumerate(boxes)]
        >>> find_text_lines(pieces, height=12, tilt=0.0)
        [[1, 0], [2]]
    """
    slope = np.tan(np.radians(tilt))
    order = sorted(range(len(pieces)), key=lambda k: pieces[k].middle[0])
    lines: list[list[int]] = []
    for k in order:
        x, y = pieces[k].middle
        offsets = [(_line_offset([pieces[j] for j in line], x, y, slope), line) for line in lines]
        nearest = min(offsets, key=lambda offset: offset[0], default=None)
        if nearest and nearest[0] <= MAX_LINE_OFFSET * max(height, pieces[k].height):
            nearest[1].append(k)
        else:
            lines.append([k])
    return sorted(lines, key=lambda line: _mean_row([pieces[k] for k in line], slope))


def _line_offset(line: Sequence[Component], x: float, y: float, slope: float) -> float:
    """How far a point is above or below where a line's last three pieces lead."""
    rows = [piece.middle[1] + (x - piece.middle[0]) * slope for piece in line[-3:]]
    return abs(y - float(np.mean(rows)))


def _mean_row(line: Sequence[Component], slope: float) -> float:
    """The row of a line at the left border."""
    return float(np.mean([piece.middle[1] - piece.middle[0] * slope for piece in line]))


def group_numbers(line: Sequence[Component], height: float) -> list[int]:
    """Group the digits of a line into numbers by the gaps between them.

    Between 1s the distance from middle to middle counts: they stand as far apart as other digits
    do, with more empty paper between them.

    Args:
        line: digits from left to right, at least one.
        height: the usual height of the page's digits.

    Returns:
        For each digit the number that it belongs to, counted from 0.

    Example:
        >>> line = [Component((1,), (x, 0, 10, 16), 60) for x in (0, 13, 60)]
        >>> group_numbers(line, height=16)
        [0, 0, 1]
    """
    numbers, count = [0], 0
    reach, before = line[0].right, line[0]
    for piece in line[1:]:
        pitch = piece.middle[0] - before.middle[0]
        narrow = max(piece.width, before.width) < _MAX_ONE_WIDTH * height
        is_apart = (
            pitch > _MAX_ONE_PITCH * height
            if narrow
            else piece.left - reach > _MAX_NUMBER_GAP * height
        )
        count += is_apart
        numbers.append(count)
        if piece.right >= reach:
            reach, before = piece.right, piece
    return numbers
