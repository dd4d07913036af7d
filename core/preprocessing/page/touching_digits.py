"""Cut digits apart that touch, where they do.

A cut is the cheapest path from above to below through a piece: it runs around ink and crosses as
little of it as possible. It does what a drop that falls along the contour does (drop-fall; Congedo
et al. 1995), but dynamic programming finds the best path of all. Which of several cuts is right, or
none, is judged by shape alone or, better, by a network that reads both halves (recognition-based
segmentation; Casey & Lecolinet 1996, "A survey of methods and strategies in character
segmentation").
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

ToPixels = Callable[[Labels, Component], NDArray[np.uint8]]
"""Prepares a piece for a network: uint8 (28, 28)."""

_SEARCH_ROWS: Final = 48
"""Pieces are shrunk to at most this height in pixels before cuts are sought."""
_SIDE_STEP_COST: Final = 0.12
"""What a step to the side costs, in pixels of ink."""
_MIN_SPLIT_WIDTH: Final = 0.7
"""Pieces wider than this share of the usual height may be two digits."""
_MIN_PART_HEIGHT: Final = 0.5
"""Share of the usual height that a part must have."""
_EVEN_ODDS_WIDTH: Final = 1.1
"""Width over height at which one digit is as likely as two."""
_WIDTH_LOG_ODDS: Final = 5.0
"""How fast that changes: natural logarithms for each height that the piece is wider."""
_NO_NETWORK_MARGIN: Final = 0.1
"""How many heights wider a piece must be where no network helps."""
_SINGLE_PIECE_MARGIN: Final = 0.6
"""And how many more if there is nothing else in the picture."""
_STROKES_COST: Final = 1.0
"""What crossing a stroke counts, in natural logarithms; two strokes count four times as much."""
_EXTRA_CROSSING_COST: Final = 1.5
"""What each further place where ink is crossed counts, in natural logarithms."""
_MAX_ASPECT_RATIO: Final = 8
"""Pieces wider than so many of their heights are no digits."""
_MAX_PARTS: Final = 6
_MAX_CUTS_TRIED: Final = 5


@dataclass(frozen=True)
class _Cut:
    """A path through a piece.

    Attributes:
        columns: for each row of the piece's box the first column right of the path, int64.
        strokes: how many strokes wide the ink is that it crosses.
        crossings: how often it crosses ink.
        has_holes: whether both sides have a hole of their own.
    """

    columns: NDArray[np.int64]
    strokes: float
    crossings: int
    has_holes: bool = False

    @property
    def cost(self) -> float:
        """What counts against the cut: digits touch in one place, a 0 is cut in two.

        But no digit has two holes beside each other, however long the place where they touch.
        """
        if self.has_holes:
            return 0.0
        return _STROKES_COST * max(0.0, self.strokes - 0.3) ** 2 + _EXTRA_CROSSING_COST * max(
            0, self.crossings - 1
        )


def split_touching(
    labels: Labels,
    piece: Component,
    height: float,
    fresh_labels: Iterator[int],
    to_pixels: ToPixels,
    predict: Predict | None,
    is_alone: bool = False,
) -> list[Component]:
    """Cut a piece into its digits.

    Args:
        labels: changed in place where the piece is cut.
        piece: one digit or several that touch.
        height: the usual height of the digits in its line, in pixels.
        fresh_labels: numbers that `labels` does not hold yet, for the parts.
        to_pixels: see `ToPixels`.
        predict: a network; None to go by shape alone.
        is_alone: whether the piece is all that there is: then it is more likely one digit.

    Returns:
        The parts from left to right; the piece alone if it is one digit.
    """
    digits: list[Component] = []
    waiting = [piece]
    min_width = _EVEN_ODDS_WIDTH + _NO_NETWORK_MARGIN + _SINGLE_PIECE_MARGIN * is_alone
    while waiting:
        part = waiting.pop(0)
        halves = (
            _split_in_two(labels, part, height, fresh_labels, to_pixels, predict, min_width)
            if len(digits) < _MAX_PARTS
            else None
        )
        if halves is None:
            digits.append(part)
        else:
            waiting = [*halves, *waiting]
    return digits


def _split_in_two(
    labels: Labels,
    piece: Component,
    height: float,
    fresh_labels: Iterator[int],
    to_pixels: ToPixels,
    predict: Predict | None,
    min_width: float,
) -> tuple[Component, Component] | None:
    """Cut a piece in two, in `labels` too; None if it is one digit.

    `min_width`: in heights, from which a piece without holes is cut where no network helps.
    """
    usual = min(max(piece.height, 0.8 * height), 1.3 * height)
    narrowest = (_MIN_SPLIT_WIDTH if predict else _EVEN_ODDS_WIDTH) * usual
    if not narrowest <= piece.width <= _MAX_ASPECT_RATIO * piece.height:
        return None
    piece_labels = _piece_labels(labels, piece)
    width = _upright_width(piece_labels) / usual
    cuts = [cut for cut in _find_cuts(piece_labels) if _could_be_digits(piece_labels, cut, height)]
    if not cuts:
        return None
    cut = (
        _cut_by_shape(cuts, width, min_width)
        if predict is None
        else _cut_by_network(
            labels, piece, piece_labels, cuts, width, fresh_labels, to_pixels, predict
        )
    )
    return None if cut is None else _apply(labels, piece, piece_labels, cut, fresh_labels)


def _cut_by_shape(cuts: list[_Cut], width: float, min_width: float) -> _Cut | None:
    """The cheapest cut, if a piece that is `width` heights wide is more likely two digits."""
    best = min(cuts, key=lambda cut: cut.cost)
    # Two holes beside each other are two digits, even if they are alone.
    needed = _EVEN_ODDS_WIDTH + _NO_NETWORK_MARGIN if best.has_holes else min_width
    return best if _WIDTH_LOG_ODDS * (width - needed) > best.cost else None


def _cut_by_network(
    labels: Labels,
    piece: Component,
    piece_labels: NDArray[np.int32],
    cuts: list[_Cut],
    width: float,
    fresh_labels: Iterator[int],
    to_pixels: ToPixels,
    predict: Predict,
) -> _Cut | None:
    """The cut whose halves a network reads best; None if it reads the whole piece better."""
    scores = _WIDTH_LOG_ODDS * (width - _EVEN_ODDS_WIDTH) - np.array([cut.cost for cut in cuts])
    whole = float(_log_confidence(predict, [to_pixels(labels, piece)])[0])
    # A half is read with a probability of at most 1: most cuts are out before they are tried.
    tried = [int(k) for k in np.argsort(-scores)[:_MAX_CUTS_TRIED] if scores[k] > whole]
    if not tried:
        return None
    pictures = []
    for k in tried:
        halves = _apply(labels, piece, piece_labels, cuts[k], fresh_labels)
        pictures += [to_pixels(labels, half) for half in halves]
        _undo(labels, piece, piece_labels)
    confidence = _log_confidence(predict, pictures).reshape(-1, 2).min(axis=1)
    best = int((scores[tried] + confidence).argmax())
    return cuts[tried[best]] if scores[tried[best]] + confidence[best] > whole else None


def _log_confidence(predict: Predict, pictures: list[NDArray[np.uint8]]) -> NDArray[np.float64]:
    """The logarithm of the highest of each picture's probabilities, float64 (n,)."""
    highest = predict(np.stack(pictures)).max(axis=1).astype(np.float64)
    return np.log(np.maximum(highest, 1e-6))


def _piece_labels(labels: Labels, piece: Component) -> NDArray[np.int32]:
    """The piece's labels in its box, 0 elsewhere."""
    x, y, w, h = piece.box
    window = labels[y : y + h, x : x + w]
    return np.where(np.isin(window, piece.labels), window, 0).astype(np.int32)


def _find_cuts(piece_labels: NDArray[np.int32]) -> list[_Cut]:
    """The cheapest paths through a piece, at most one for each tenth of its height."""
    height, width = piece_labels.shape
    scale = min(1.0, _SEARCH_ROWS / height)
    size = (max(3, round(width * scale)), max(3, round(height * scale)))
    ink = cv2.resize((piece_labels > 0).astype(np.float32), size, interpolation=cv2.INTER_AREA)
    stroke = _stroke_width((ink > 0.5).astype(np.uint8))
    cost, sources = _cheapest_paths(np.asarray(ink, np.float32))
    inner = np.arange(size[0])
    cuts: list[_Cut] = []
    step = max(2, size[1] // 10)
    for start in range(max(1, size[0] // 8), size[0] - max(1, size[0] // 8), step):
        band = inner[start : start + step]
        path = _trace_path(sources, int(band[np.argmin(cost[band])]))
        crossed = ink[np.arange(size[1]), path]
        crossings = int(np.count_nonzero(np.diff((crossed > 0.5).astype(np.int8), prepend=0) == 1))
        columns = _enlarge_path(path, piece_labels.shape, size[0])
        cuts.append(_Cut(columns, float(crossed.sum()) / stroke, crossings))
    fence = _fence_between_holes(np.asarray(ink > 0.5))
    if fence is not None:
        cost, sources = _cheapest_paths(np.asarray(ink + fence, np.float32))
        path = _trace_path(sources, int(cost.argmin()))
        columns = _enlarge_path(path, piece_labels.shape, size[0])
        cuts.append(_Cut(columns, 0.0, 1, has_holes=True))
    return cuts


def _trace_path(sources: NDArray[np.int64], end: int) -> NDArray[np.int64]:
    """The columns of the path that ends in the column `end` of the last row, int64 (rows,)."""
    path = np.empty(len(sources), np.int64)
    for row in range(len(sources) - 1, -1, -1):
        path[row] = end
        end = int(sources[row, end])
    return path


def _enlarge_path(
    path: NDArray[np.int64], shape: tuple[int, ...], copy_width: int
) -> NDArray[np.int64]:
    """A path through the small copy, in the pixels of the piece."""
    height, width = shape
    rows = np.minimum((np.arange(height) * len(path)) // height, len(path) - 1)
    return np.clip(np.rint((path[rows] + 0.5) * width / copy_width), 1, width - 1).astype(np.int64)


def _fence_between_holes(ink: NDArray[np.bool_]) -> NDArray[np.float32] | None:
    """Costs that keep a cut between two holes that lie beside each other; None if none do.

    Only large holes count: at least a quarter of the piece's height.
    """
    background = np.pad(~ink, 1, constant_values=True).astype(np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(background, connectivity=4)
    height, width = ink.shape
    holes = [k for k in range(1, count) if k != labels[0, 0] and stats[k, 3] >= 0.25 * height]
    holes.sort(key=lambda k: int(stats[k, 0]))
    for k in range(len(holes) - 1):
        left, right = stats[holes[k]], stats[holes[k + 1]]
        common = min(left[1] + left[3], right[1] + right[3]) - max(left[1], right[1])
        if left[0] + left[2] <= right[0] and common >= 0.5 * min(left[3], right[3]):
            columns = np.arange(width)
            fence = np.zeros((height, width), np.float32)
            fence[left[1] - 1 : left[1] + left[3] - 1] += 100.0 * (columns < left[0] + left[2])
            fence[right[1] - 1 : right[1] + right[3] - 1] += 100.0 * (columns >= right[0] - 2)
            return fence
    return None


def _cheapest_paths(ink: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """The cheapest path to each column of the last row.

    Returns:
        The cost of each path, float64 (columns,); and for each pixel the column of the row above
        from which the cheapest path comes, int64 as `ink`.
    """
    height, width = ink.shape
    sources = np.zeros((height, width), np.int64)
    sources[0] = np.arange(width)
    cost = ink[0].astype(np.float64)
    for row in range(1, height):
        left = np.concatenate([[np.inf], cost[:-1]]) + _SIDE_STEP_COST
        right = np.concatenate([cost[1:], [np.inf]]) + _SIDE_STEP_COST
        choices = np.stack([cost, left, right])
        best = choices.argmin(axis=0)
        sources[row] = np.arange(width) + np.array([0, -1, 1])[best]
        cost = choices.min(axis=0) + ink[row]
    return cost, sources


def _upright_width(piece_labels: NDArray[np.int32]) -> float:
    """The width that the ink would have without its slant: a slanted 0 is not as wide as two."""
    rows, columns = np.nonzero(piece_labels)
    if np.ptp(rows) == 0:
        return float(piece_labels.shape[1])
    down = rows - rows.mean()
    shear = float(np.clip((down * columns).mean() / max(1e-6, (down * down).mean()), -1, 1))
    left, right = np.percentile(columns - shear * down, [1, 99])
    return float(min(piece_labels.shape[1], right - left + 1))


def _stroke_width(mask: Mask) -> float:
    """The mean width of the strokes in pixels, 1 at least.

    Across a stroke of width w the distance to the background averages w / 4.
    """
    depth = cv2.distanceTransform(np.pad(mask, 1), cv2.DIST_L2, 3)
    return max(1.0, 4 * float(depth.sum()) / max(1, int(mask.sum())))


def _could_be_digits(piece_labels: NDArray[np.int32], cut: _Cut, height: float) -> bool:
    """Whether both sides of a cut could be digits: high enough, and enough ink."""
    left = np.arange(piece_labels.shape[1])[None, :] < cut.columns[:, None]
    min_height = _MIN_PART_HEIGHT * min(height, 1.2 * piece_labels.shape[0])
    for side in (left, ~left):
        part = (piece_labels > 0) & side
        rows = np.flatnonzero(part.any(axis=1))
        if len(rows) == 0 or np.ptp(rows) + 1 < min_height:
            return False
        if np.count_nonzero(part) < 0.15 * np.count_nonzero(piece_labels):
            return False
    return True


def _apply(
    labels: Labels,
    piece: Component,
    piece_labels: NDArray[np.int32],
    cut: _Cut,
    fresh_labels: Iterator[int],
) -> tuple[Component, Component]:
    """Give both sides of a cut labels of their own."""
    x, y, w, h = piece.box
    left = np.arange(w)[None, :] < cut.columns[:, None]
    halves = []
    window = labels[y : y + h, x : x + w]
    for number, side in ((next(fresh_labels), left), (next(fresh_labels), ~left)):
        part = (piece_labels != 0) & side
        window[part] = number
        box = cv2.boundingRect(part.astype(np.uint8))
        area = int(np.count_nonzero(part))
        halves.append(Component((number,), (x + box[0], y + box[1], box[2], box[3]), area))
    return halves[0], halves[1]


def _undo(labels: Labels, piece: Component, piece_labels: NDArray[np.int32]) -> None:
    """Give a piece that was cut its old labels again."""
    x, y, w, h = piece.box
    window = labels[y : y + h, x : x + w]
    window[piece_labels != 0] = piece_labels[piece_labels != 0]
