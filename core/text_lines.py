"""Digits in reading order: the page's tilt, its lines, and the numbers in a line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from core.ink_pieces import Piece

STEEPEST: Final = 18.0  # degrees; a little more than the 15 that are promised
FEW: Final = 7  # fewer digits than these show no tilt
SAME_LINE: Final = 0.65  # of a digit's height: how far a digit may be off its line
CLOSE: Final = 0.6
"""Digits whose gap is smaller than this share of their height stand together as a number."""
NARROW: Final = 0.35
"""Digits narrower than this share of their height are 1s."""
PITCH: Final = 1.1
"""From the middle of one 1 to the next, in heights: a digit's usual width and half of `CLOSE`."""


def tilt_of(pieces: Sequence[Piece], height: float) -> float:
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


def lines_of(pieces: Sequence[Piece], height: float, tilt: float) -> list[list[int]]:
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


def _off_line(line: Sequence[Piece], x: float, y: float, slope: float) -> float:
    """How far a point is above or below where a line's last three pieces lead."""
    rows = [piece.middle[1] + (x - piece.middle[0]) * slope for piece in line[-3:]]
    return abs(y - float(np.mean(rows)))


def _row(line: Sequence[Piece], slope: float) -> float:
    return float(np.mean([piece.middle[1] - piece.middle[0] * slope for piece in line]))


def numbers_of(line: Sequence[Piece], height: float) -> list[int]:
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
