"""Connected pieces of ink: which are digits, fragments of digits, or dirt.

Digits in reading order: the page's tilt, its lines, and the numbers in a line.
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
"""Which piece a pixel belongs to, int32 (height, width); 0 is the ground."""
MAX_COMPONENTS: Final = 1500
"""More pieces that could be strokes are no writing but a texture."""
MOST_DIGITS: Final = 200
"""Digits of a picture that are read; more pieces that may be digits are not asked about."""


@dataclass(frozen=True)
class Component:
    """Ink that hangs together, or several such parts of one digit.

    Attributes:
        labels: the numbers that its pixels have in the page's `Labels`.
        box: x, y, width, height.
        area: its pixels.
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
    """All connected pieces of a mask (8 neighbors), left to right."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    rows = np.asarray(stats, np.int64)[1:count]
    # Texture: its small pieces are told apart from strokes by being many; only the largest count.
    order = np.argsort(-rows[:, 4], kind="stable")[:MAX_COMPONENTS]
    found = [
        Component((int(k) + 1,), (int(x), int(y), int(w), int(h)), int(area))
        for k, (x, y, w, h, area) in zip(order, rows[order], strict=True)
    ]
    return np.asarray(labels, np.int32), sorted(found, key=lambda piece: piece.left)


def without_components(gone: Mask, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A mask or a picture with nothing where `gone` is; all uint8 of one shape."""
    return np.where(gone > 0, 0, image).astype(np.uint8)


def join_components(parts: Sequence[Component]) -> Component:
    """Several pieces as one."""
    left, top = min(p.left for p in parts), min(p.top for p in parts)
    right, bottom = max(p.right for p in parts), max(p.bottom for p in parts)
    labels = tuple(label for part in parts for label in part.labels)
    return Component(labels, (left, top, right - left, bottom - top), sum(p.area for p in parts))


def median_height(pieces: Sequence[Component]) -> float:
    """The height of the page's digits: the median of the pieces' longer sides, weighted by them.

    Weighted, because dirt is numerous and small.
    """
    sides = np.sort(np.array([max(p.width * 0.8, p.height) for p in pieces], np.float64))
    weights = np.cumsum(sides**2)
    return float(sides[int(np.searchsorted(weights, weights[-1] / 2))])


def horizontal_gap(one: Component, other: Component) -> float:
    """How far two boxes are apart, 0 if they overlap."""
    across = max(one.left - other.right, other.left - one.right, 0)
    down = max(one.top - other.bottom, other.top - one.bottom, 0)
    return float(np.hypot(across, down))


def horizontal_overlap(one: Component, other: Component) -> float:
    """How much of the narrower one's width lies above or below the other, 0..1."""
    both = min(one.right, other.right) - max(one.left, other.left)
    return max(0, both) / max(1, min(one.width, other.width))


STEEPEST: Final = 18.0  # degrees; a little more than the 15 that are promised
FEW: Final = 7  # fewer digits than these show no tilt
SAME_LINE: Final = 0.65  # of a digit's height: how far a digit may be off its line
CLOSE: Final = 0.6
"""Digits whose gap is smaller than this share of their height stand together as a number."""
NARROW: Final = 0.35
"""Digits narrower than this share of their height are 1s."""
PITCH: Final = 1.1
"""From the middle of one 1 to the next, in heights: a digit's usual width and half of `CLOSE`."""


def estimate_tilt(pieces: Sequence[Component], height: float) -> float:
    """By how many degrees lines of digits slope downwards to the right, -18..18; 0 if unclear.

    The slope at which the middles fall into the fewest rows (projection profile; Postl 1986).
    """
    if len(pieces) < FEW:
        return 0.0
    middles = np.array([piece.middle for piece in pieces])
    angles = np.arange(-STEEPEST, STEEPEST + 0.25, 0.5)
    scores = []
    for angle in angles:
        rows = middles[:, 1] - middles[:, 0] * np.tan(np.radians(angle))
        apart = np.abs(rows[:, None] - rows[None, :]) / (0.25 * height)
        scores.append(np.exp(-np.square(apart)).sum() - 0.002 * len(rows) * abs(angle))
    best = float(np.max(scores))
    # Among slopes that are as good as the best, the middle of the range around it.
    near = angles[np.array(scores) > best - 0.02 * best]
    chosen = float(angles[int(np.argmax(scores))])
    return float(np.median(near[np.abs(near - chosen) <= 2.0]))


def find_text_lines(pieces: Sequence[Component], height: float, tilt: float) -> list[list[int]]:
    """Indices of the pieces in lines top to bottom, left to right.

    Each piece joins the line whose last pieces it continues along the tilt.
    """
    slope = np.tan(np.radians(tilt))
    order = sorted(range(len(pieces)), key=lambda k: pieces[k].middle[0])
    lines: list[list[int]] = []
    for k in order:
        x, y = pieces[k].middle
        fits = [(_off_line([pieces[j] for j in line], x, y, slope), line) for line in lines]
        near = min(fits, key=lambda fit: fit[0], default=None)
        if near and near[0] <= SAME_LINE * max(height, pieces[k].height):
            near[1].append(k)
        else:
            lines.append([k])
    return sorted(lines, key=lambda line: _row([pieces[k] for k in line], slope))


def _off_line(line: Sequence[Component], x: float, y: float, slope: float) -> float:
    """How far a point is above or below where a line's last three pieces lead."""
    rows = [piece.middle[1] + (x - piece.middle[0]) * slope for piece in line[-3:]]
    return abs(y - float(np.mean(rows)))


def _row(line: Sequence[Component], slope: float) -> float:
    return float(np.mean([piece.middle[1] - piece.middle[0] * slope for piece in line]))


def group_numbers(line: Sequence[Component], height: float) -> list[int]:
    """Which number of its line each piece belongs to, counted from 0.

    The gap is judged from middle to middle as well: two 1s stand as far apart as other digits do,
    with more empty paper between them.
    """
    numbers, count = [0], 0
    reach, before = line[0].right, line[0]
    for piece in line[1:]:
        pitch = piece.middle[0] - before.middle[0]
        narrow = max(piece.width, before.width) < NARROW * height
        apart = pitch > PITCH * height if narrow else piece.left - reach > CLOSE * height
        count += apart
        numbers.append(count)
        if piece.right >= reach:
            reach, before = piece.right, piece
    return numbers
