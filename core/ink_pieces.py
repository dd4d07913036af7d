"""Connected pieces of ink: which are digits, fragments of digits, or dirt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from core.strokes import Box

Mask = NDArray[np.uint8]
"""1 where something is, 0 elsewhere, uint8 (height, width)."""
Labels = NDArray[np.int32]
"""Which piece a pixel belongs to, int32 (height, width); 0 is the ground."""

MOST_PIECES: Final = 1500
"""More pieces that could be strokes are no writing but a texture."""
MOST_DIGITS: Final = 200
"""Digits of a picture that are read; more pieces that may be digits are not asked about."""


@dataclass(frozen=True)
class Piece:
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


def pieces_of(mask: Mask) -> tuple[Labels, list[Piece]]:
    """All connected pieces of a mask (8 neighbours), left to right."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    rows = np.asarray(stats, np.int64)[1:count]
    # Texture: its small pieces are told apart from strokes by being many; only the largest count.
    order = np.argsort(-rows[:, 4], kind="stable")[:MOST_PIECES]
    found = [
        Piece((int(k) + 1,), (int(x), int(y), int(w), int(h)), int(area))
        for k, (x, y, w, h, area) in zip(order, rows[order], strict=True)
    ]
    return np.asarray(labels, np.int32), sorted(found, key=lambda piece: piece.left)


def without(gone: Mask, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A mask or a picture with nothing where `gone` is; all uint8 of one shape."""
    return np.where(gone > 0, 0, image).astype(np.uint8)


def joined(parts: Sequence[Piece]) -> Piece:
    """Several pieces as one."""
    left, top = min(p.left for p in parts), min(p.top for p in parts)
    right, bottom = max(p.right for p in parts), max(p.bottom for p in parts)
    labels = tuple(label for part in parts for label in part.labels)
    return Piece(labels, (left, top, right - left, bottom - top), sum(p.area for p in parts))


def usual_height(pieces: Sequence[Piece]) -> float:
    """The height of the page's digits: the median of the pieces' longer sides, weighted by them.

    Weighted, because dirt is numerous and small.
    """
    sides = np.sort(np.array([max(p.width * 0.8, p.height) for p in pieces], np.float64))
    weights = np.cumsum(sides**2)
    return float(sides[int(np.searchsorted(weights, weights[-1] / 2))])


def gap(one: Piece, other: Piece) -> float:
    """How far two boxes are apart, 0 if they overlap."""
    across = max(one.left - other.right, other.left - one.right, 0)
    down = max(one.top - other.bottom, other.top - one.bottom, 0)
    return float(np.hypot(across, down))


def shared_width(one: Piece, other: Piece) -> float:
    """How much of the narrower one's width lies above or below the other, 0..1."""
    both = min(one.right, other.right) - max(one.left, other.left)
    return max(0, both) / max(1, min(one.width, other.width))
