"""Digits as a pen would draw them: their center lines, and these drawn again in any width.

MNIST's digits come as gray pixels. Enlarged, they keep the pen of whoever wrote them; thinned to
their center lines and drawn again with another pen, they are what a canvas gets from a visitor.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]
Floats = NDArray[np.float64]

ENLARGED: Final = 6
"""How much a digit is enlarged before it is thinned: its strokes are then 12 to 25 px wide."""
INK: Final = 128
"""The tone of 255 from which an enlarged, sharpened digit is ink."""
SHARPEN: Final = 2.5
"""How much of its difference to its surroundings a tone is raised by: it opens loops that the
writer's pen had all but closed. This and `INK` were chosen on 3,000 training digits as `best` read
them: 46 wrong, against 61 without sharpening."""
SMOOTHINGS: Final = 6
"""How often each point of a line moves to the mean of itself and its neighbors."""
SUBPIXELS: Final = 16
# N, NE, E, SE, S, SW, W, NW of a pixel: P2 ... P9 of Guo and Hall.
_AROUND: Final = ((-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1))


@dataclass(frozen=True)
class Lines:
    """The center lines of a digit.

    Attributes:
        points: float64 (n, 2), x and y.
        edges: int (m, 2), pairs of points with a stroke between them.
    """

    points: Floats
    edges: NDArray[np.intp]

    def moved(self, matrix: Floats, shift: Floats) -> Lines:
        """Each point after `matrix` (2, 2) and `shift` (2,)."""
        return Lines(self.points @ matrix.T + shift, self.edges)

    def box(self) -> tuple[Floats, Floats]:
        """The least and the greatest x and y of all points."""
        return self.points.min(axis=0), self.points.max(axis=0)


def joined(ways: Sequence[Floats]) -> Lines:
    """Ways of points as lines, each way apart from the others."""
    edges: list[NDArray[np.intp]] = []
    first = 0
    for way in ways:
        number = np.arange(first, first + len(way))
        edges.append(np.stack([number[:-1], number[1:]], axis=1))
        first += len(way)
    return Lines(np.concatenate(ways), np.concatenate(edges))


def thin(ink: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The center lines of strokes, one pixel wide, with their pieces and holes kept as they are.

    Guo and Hall, "Parallel thinning with two-subiteration algorithms", Communications of the ACM
    32 (1989), algorithm A1. (Zhang and Suen's would lose squares of 2×2 and leave diagonals thick.)

    Args:
        ink: bool (height, width).

    Returns:
        bool of the same shape, part of `ink`.
    """
    left = np.pad(ink, 1).astype(np.uint8)
    weights = np.zeros((3, 3), np.float32)
    for bit, (down, right) in enumerate(_AROUND):
        weights[1 + down, 1 + right] = 1 << bit
    before = -1
    while before != (before := int(np.count_nonzero(left))):
        for table in _removable():
            around = cv2.filter2D(left, cv2.CV_8U, weights, borderType=cv2.BORDER_CONSTANT)
            left = np.asarray(cv2.bitwise_and(left, cv2.LUT(around, table)), np.uint8)
    return np.asarray(left[1:-1, 1:-1] > 0)


@lru_cache(maxsize=1)
def _removable() -> tuple[Picture, Picture]:
    """For the two subiterations: 0 for each set of neighbors whose middle pixel goes, else 1."""
    p = [(np.arange(256) >> bit & 1).astype(bool) for bit in range(8)]
    n, ne, e, se, s, sw, w, nw = p
    pieces = sum(
        (~a & (b | c)).astype(int) for a, b, c in ((n, ne, e), (e, se, s), (s, sw, w), (w, nw, n))
    )
    first = sum((a | b).astype(int) for a, b in ((nw, n), (ne, e), (se, s), (sw, w)))
    second = sum((a | b).astype(int) for a, b in ((n, ne), (e, se), (s, sw), (w, nw)))
    fewer = np.minimum(first, second)
    plain = (pieces == 1) & (fewer >= 2) & (fewer <= 3)
    kept = (~(plain & ~((s | sw | ~nw) & w)), ~(plain & ~((n | ne | ~se) & e)))
    return kept[0].astype(np.uint8), kept[1].astype(np.uint8)


def center_lines(digit: Picture) -> Lines:
    """The center lines of a digit, uint8 (28, 28), in its own pixels (centers at whole numbers).

    Enlarged smoothly, sharpened, cut at `INK`, thinned, short spurs taken off, steps smoothed out.
    """
    side = digit.shape[0] * ENLARGED
    big = cv2.resize(digit, (side, side), interpolation=cv2.INTER_CUBIC)
    big = cv2.GaussianBlur(big.astype(np.float32), (0, 0), ENLARGED / 3)
    big = big + SHARPEN * (big - cv2.GaussianBlur(big, (0, 0), 2.0 * ENLARGED))
    ink = np.asarray(big > INK * (int(digit.max()) / 255))
    return lines_of(ink).moved(np.eye(2) / ENLARGED, np.full(2, 0.5 / ENLARGED - 0.5))


def lines_of(ink: NDArray[np.bool_]) -> Lines:
    """The center lines of ink, bool (height, width), in its own pixels; none of no ink."""
    points, edges = _graph(_without_spurs(thin(ink), ink))
    return Lines(_smoothed(points, edges), edges)


def _graph(skeleton: NDArray[np.bool_]) -> tuple[Floats, NDArray[np.intp]]:
    """Pixels as points (x, y), and edges between neighbors; no diagonal beside a corner."""
    rows, columns = np.nonzero(skeleton)
    number = np.full(np.add(skeleton.shape, 2), -1)
    number[rows + 1, columns + 1] = np.arange(len(rows))
    index = np.arange(len(rows))
    edges = []
    for down, right in ((0, 1), (1, 0), (1, 1), (1, -1)):
        neighbor = number[rows + 1 + down, columns + 1 + right]
        joined = neighbor >= 0
        if down and right:
            corner = (number[rows + 1 + down, columns + 1] >= 0) | (
                number[rows + 1, columns + 1 + right] >= 0
            )
            joined &= ~corner
        edges.append(np.stack([index[joined], neighbor[joined]], axis=1))
    return np.stack([columns, rows], axis=1).astype(np.float64), np.concatenate(edges)


def _without_spurs(skeleton: NDArray[np.bool_], ink: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Take off branches that end sooner than the stroke is wide: thinning's, not the writer's."""
    depth = cv2.distanceTransform(np.pad(ink, 1).astype(np.uint8), cv2.DIST_L2, 3)[1:-1, 1:-1]
    points, edges = _graph(skeleton)
    near: list[list[int]] = [[] for _ in points]
    for a, b in edges.tolist():
        near[a].append(b)
        near[b].append(a)
    left = skeleton.copy()
    for end in [k for k, others in enumerate(near) if len(others) == 1]:
        way, before, at = [end], -1, end
        while len(near[at]) <= 2:
            onward = [k for k in near[at] if k != before]
            if not onward:
                break
            before, at = at, onward[0]
            way.append(at)
        if len(near[at]) > 2:
            x, y = points[at].astype(int)
            if len(way) - 1 < 1.3 * depth[y, x]:
                for k in way[:-1]:
                    x, y = points[k].astype(int)
                    left[y, x] = False
    return left


def _smoothed(points: Floats, edges: NDArray[np.intp]) -> Floats:
    """The points of the lines without the steps of their pixels; ends stay where they are."""
    count = np.bincount(edges.ravel(), minlength=len(points))
    free = count >= 2
    for _ in range(SMOOTHINGS):
        total = points.copy()
        np.add.at(total, edges[:, 0], points[edges[:, 1]])
        np.add.at(total, edges[:, 1], points[edges[:, 0]])
        points = np.where(free[:, None], total / (1 + count)[:, None], points)
    return points


def draw(lines: Lines, width: float, height_px: int, width_px: int) -> Picture:
    """The lines drawn by a round pen, black on white: uint8 (height_px, width_px).

    Args:
        lines: in pixels of the canvas, with at least one point.
        width: of the pen in pixels; edges are smoothed over one pixel, as a browser does.
        height_px, width_px: the canvas.
    """
    apart = np.full((height_px, width_px), 255, np.uint8)
    dots = np.rint(lines.points * SUBPIXELS).astype(np.int32)
    alone = np.stack([dots, dots], axis=1)
    segments = np.concatenate([alone, dots[lines.edges]])
    cv2.polylines(apart, list(segments), False, 0, 1, cv2.LINE_8, 4)
    far = cv2.distanceTransform(apart, cv2.DIST_L2, 5)
    ink = np.clip(width / 2 + 0.5 - far, 0, 1)
    return np.rint(255 * (1 - ink)).astype(np.uint8)
