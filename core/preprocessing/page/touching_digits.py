"""Digits that touch: where they are cut apart, and whether they are.

The cut is the cheapest way from above to below through a piece: it runs around ink and crosses as
little of it as possible, so it does what a drop that falls along the contour does (drop-fall;
Congedo et al. 1995), but finds the best way of all by dynamic programming. Which of several cuts is
right, or none, is judged by shape alone or, better, by a network that reads both halves
(recognition-based segmentation; Casey & Lecolinet 1996, "A survey of methods and strategies in
character segmentation").
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from core.preprocessing.page.components import Component, Labels, Mask
from core.utils.validation import Predict

Show = Callable[[Labels, Component], NDArray[np.uint8]]
"""How a piece looks to a network: uint8 (28, 28)."""

HIGH: Final = 48  # rows at which cuts are sought
SIDEWAYS: Final = 0.12  # what a step to the side costs, in pixels of ink
PERHAPS: Final = 0.7  # pieces wider than this share of the usual height may be two digits
LOWEST: Final = 0.5  # of the usual height: a part must be that high
USUAL: Final = 1.1  # width over height at which one digit is as likely as two
STEEP: Final = 5.0  # how fast that changes, in natural logarithms
UNJUDGED: Final = 0.1  # how much wider it must be where no network looks
ALONE: Final = 0.6  # and how much more if there is nothing else in the picture
CROSSING: Final = 1.0  # what crossing strokes counts, in the same; two count four times as much
AGAIN: Final = 1.5  # what each further place counts
LONGEST: Final = 8  # pieces wider than that many heights are no digits
MOST_PARTS: Final = 6
MOST_TRIED: Final = 5


@dataclass(frozen=True)
class _Cut:
    """A way through a piece: for each row of its box the first column that is right of it."""

    columns: NDArray[np.int64]
    strokes: float  # how many strokes wide the ink is that it crosses
    times: int  # how often it crosses ink
    holes: bool = False  # whether both sides have a hole of their own

    @property
    def cost(self) -> float:
        """What it counts against the cut: digits touch in one place, a 0 is cut in two.

        But no digit has two holes beside each other, however long the place where they touch.
        """
        if self.holes:
            return 0.0
        return CROSSING * max(0.0, self.strokes - 0.3) ** 2 + AGAIN * max(0, self.times - 1)


def split_touching(
    labels: Labels,
    piece: Component,
    height: float,
    fresh: Iterator[int],
    show: Show,
    judge: Predict | None,
    alone: bool = False,
) -> list[Component]:
    """A piece cut into its digits, left to right; the piece alone if it is one digit.

    Args:
        labels: changed in place where a piece is cut.
        piece: one digit or several that touch.
        height: the usual height of the digits in its line.
        fresh: numbers that `labels` does not hold yet, for the parts.
        show: see `Show`.
        judge: a network; None to go by shape alone.
        alone: whether the piece is all that there is: then it is more likely one digit.
    """
    done: list[Component] = []
    waiting = [piece]
    usual = USUAL + UNJUDGED + ALONE * alone
    while waiting:
        one = waiting.pop(0)
        parts = (
            _halved(labels, one, height, fresh, show, judge, usual)
            if len(done) < MOST_PARTS
            else None
        )
        if parts is None:
            done.append(one)
        else:
            waiting = [*parts, *waiting]
    return done


def _halved(
    labels: Labels,
    piece: Component,
    height: float,
    fresh: Iterator[int],
    show: Show,
    judge: Predict | None,
    unjudged: float,
) -> tuple[Component, Component] | None:
    """Cut a piece in two, in `labels` too; None if it is one digit."""
    usual = min(max(piece.height, 0.8 * height), 1.3 * height)
    least = (PERHAPS if judge else USUAL) * usual
    if not least <= piece.width <= LONGEST * piece.height:
        return None
    own = _own(labels, piece)
    wide = _upright_width(own) / usual
    cuts = [cut for cut in _cuts(own) if _sound(own, cut, height)]
    if not cuts:
        return None
    costs = np.array([cut.cost for cut in cuts])
    if judge is None:
        best = int(costs.argmin())
        # Two holes beside each other are two digits, though they be alone.
        needed = USUAL + UNJUDGED if cuts[best].holes else unjudged
        good = STEEP * (wide - needed) > costs[best]
        return _apply(labels, piece, own, cuts[best], fresh) if good else None
    scores = STEEP * (wide - USUAL) - costs
    whole = float(_sure(judge, [show(labels, piece)])[0])
    # A half is read with a probability of at most 1: most cuts are out before anybody looks.
    worth = [int(k) for k in np.argsort(-scores)[:MOST_TRIED] if scores[k] > whole]
    if not worth:
        return None
    pictures = []
    for k in worth:
        pictures += [show(labels, part) for part in _apply(labels, piece, own, cuts[k], fresh)]
        _undo(labels, piece, own)
    halves = _sure(judge, pictures).reshape(-1, 2).min(axis=1)
    best = int((scores[worth] + halves).argmax())
    if scores[worth[best]] + halves[best] <= whole:
        return None
    return _apply(labels, piece, own, cuts[worth[best]], fresh)


def _sure(judge: Predict, pictures: list[NDArray[np.uint8]]) -> NDArray[np.float64]:
    """The logarithm of the probability that each picture's answer has."""
    answers = judge(np.stack(pictures)).max(axis=1).astype(np.float64)
    return np.log(np.maximum(answers, 1e-6))


def _own(labels: Labels, piece: Component) -> NDArray[np.int32]:
    """The piece's labels in its box, 0 elsewhere."""
    x, y, w, h = piece.box
    window = labels[y : y + h, x : x + w]
    return np.where(np.isin(window, piece.labels), window, 0).astype(np.int32)


def _cuts(own: NDArray[np.int32]) -> list[_Cut]:
    """The cheapest ways through a piece, at most one for each tenth of its height."""
    height, width = own.shape
    scale = min(1.0, HIGH / height)
    size = (max(3, round(width * scale)), max(3, round(height * scale)))
    ink = cv2.resize((own > 0).astype(np.float32), size, interpolation=cv2.INTER_AREA)
    thick = _stroke_width((ink > 0.5).astype(np.uint8))
    cost, came = _cheapest(np.asarray(ink, np.float32))
    inner = np.arange(size[0])
    found: list[_Cut] = []
    step = max(2, size[1] // 10)
    for first in range(max(1, size[0] // 8), size[0] - max(1, size[0] // 8), step):
        band = inner[first : first + step]
        path = _way(came, int(band[np.argmin(cost[band])]))
        met = ink[np.arange(size[1]), path]
        times = int(np.count_nonzero(np.diff((met > 0.5).astype(np.int8), prepend=0) == 1))
        found.append(_Cut(_stretched(path, own.shape, size[0]), float(met.sum()) / thick, times))
    fence = _fence(np.asarray(ink > 0.5))
    if fence is not None:
        cost, came = _cheapest(np.asarray(ink + fence, np.float32))
        between = _way(came, int(cost.argmin()))
        found.append(_Cut(_stretched(between, own.shape, size[0]), 0.0, 1, holes=True))
    return found


def _way(came: NDArray[np.int64], end: int) -> NDArray[np.int64]:
    """The columns of the way that ends in a column of the last row."""
    path = np.empty(len(came), np.int64)
    for row in range(len(came) - 1, -1, -1):
        path[row] = end
        end = int(came[row, end])
    return path


def _stretched(path: NDArray[np.int64], shape: tuple[int, ...], wide: int) -> NDArray[np.int64]:
    """A way through the small copy, in the pixels of the piece."""
    height, width = shape
    rows = np.minimum((np.arange(height) * len(path)) // height, len(path) - 1)
    return np.clip(np.rint((path[rows] + 0.5) * width / wide), 1, width - 1).astype(np.int64)


def _fence(ink: NDArray[np.bool_]) -> NDArray[np.float32] | None:
    """What keeps a cut between two holes that lie beside each other; None if none do.

    The large holes count only, at least a quarter of the piece's height.
    """
    ground = np.pad(~ink, 1, constant_values=True).astype(np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(ground, connectivity=4)
    high, wide = ink.shape
    holes = [k for k in range(1, count) if k != labels[0, 0] and stats[k, 3] >= 0.25 * high]
    holes.sort(key=lambda k: int(stats[k, 0]))
    for k in range(len(holes) - 1):
        one, other = stats[holes[k]], stats[holes[k + 1]]
        common = min(one[1] + one[3], other[1] + other[3]) - max(one[1], other[1])
        if one[0] + one[2] <= other[0] and common >= 0.5 * min(one[3], other[3]):
            columns = np.arange(wide)
            fence = np.zeros((high, wide), np.float32)
            fence[one[1] - 1 : one[1] + one[3] - 1] += 100.0 * (columns < one[0] + one[2])
            fence[other[1] - 1 : other[1] + other[3] - 1] += 100.0 * (columns >= other[0] - 2)
            return fence
    return None


def _cheapest(ink: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """For each column of the last row the cost of the best way there, and whence each step came."""
    rows, columns = ink.shape
    came = np.zeros((rows, columns), np.int64)
    came[0] = np.arange(columns)
    cost = ink[0].astype(np.float64)
    for row in range(1, rows):
        left = np.concatenate([[np.inf], cost[:-1]]) + SIDEWAYS
        right = np.concatenate([cost[1:], [np.inf]]) + SIDEWAYS
        choices = np.stack([cost, left, right])
        best = choices.argmin(axis=0)
        came[row] = np.arange(columns) + np.array([0, -1, 1])[best]
        cost = choices.min(axis=0) + ink[row]
    return cost, came


def _upright_width(own: NDArray[np.int32]) -> float:
    """The width that the ink would have without its slant: a slanted 0 is not as wide as two."""
    rows, columns = np.nonzero(own)
    if np.ptp(rows) == 0:
        return float(own.shape[1])
    down = rows - rows.mean()
    shear = float(np.clip((down * columns).mean() / max(1e-6, (down * down).mean()), -1, 1))
    left, right = np.percentile(columns - shear * down, [1, 99])
    return float(min(own.shape[1], right - left + 1))


def _stroke_width(mask: Mask) -> float:
    """Across a stroke of width w the distance to the ground averages w / 4."""
    depth = cv2.distanceTransform(np.pad(mask, 1), cv2.DIST_L2, 3)
    return max(1.0, 4 * float(depth.sum()) / max(1, int(mask.sum())))


def _sound(own: NDArray[np.int32], cut: _Cut, height: float) -> bool:
    """Whether both sides of a cut could be digits: high enough, and enough ink."""
    left = np.arange(own.shape[1])[None, :] < cut.columns[:, None]
    for side in (left, ~left):
        part = (own > 0) & side
        rows = np.flatnonzero(part.any(axis=1))
        if len(rows) == 0 or np.ptp(rows) + 1 < LOWEST * min(height, 1.2 * own.shape[0]):
            return False
        if np.count_nonzero(part) < 0.15 * np.count_nonzero(own):
            return False
    return True


def _apply(
    labels: Labels, piece: Component, own: NDArray[np.int32], cut: _Cut, fresh: Iterator[int]
) -> tuple[Component, Component]:
    """Give both sides of a cut labels of their own; the box is where they lie."""
    x, y, w, h = piece.box
    left = np.arange(w)[None, :] < cut.columns[:, None]
    made = []
    window = labels[y : y + h, x : x + w]
    for number, side in ((next(fresh), left), (next(fresh), ~left)):
        part = (own != 0) & side
        window[part] = number
        box = cv2.boundingRect(part.astype(np.uint8))
        area = int(np.count_nonzero(part))
        made.append(Component((number,), (x + box[0], y + box[1], box[2], box[3]), area))
    return made[0], made[1]


def _undo(labels: Labels, piece: Component, own: NDArray[np.int32]) -> None:
    x, y, w, h = piece.box
    window = labels[y : y + h, x : x + w]
    window[own != 0] = own[own != 0]
