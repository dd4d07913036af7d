"""From the detector's answers at several scales to the digits and signs of a picture.

The constants without another note were chosen on training digits brought as files
(`python -m benchmarks.brought_pictures --tuning`).

At each scale ink joins the center that its offsets lead to. What is seen at more than one scale is
kept once, where the detector is surest: non-maximum suppression over an image pyramid (Rowley,
Baluja and Kanade 1998, "Neural network-based face detection").
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from core.preprocessing.background import GrayImage, border_pixels, resize
from core.preprocessing.mnist_format import Box
from core.preprocessing.page import detector
from core.preprocessing.page.detector import Kind

_LARGEST_COPY: Final = 768
"""Pixels of the longer side: a digit of 1.5 % of it is still seen."""
_SMALLEST_COPY: Final = 96
"""Smaller pictures are enlarged to this side: files of 20 to 28 pixels."""
_LAST_COPY: Final = 32
"""No copy is smaller: it would show the largest digit below `_MIN_SIDE`."""
_PAD: Final = detector.SIZE_MULTIPLE
"""Pixels around a copy, as in the training scenes."""
_MIN_CENTER: Final = 0.3
"""Probability from which a place is a center."""
MIN_INK: Final = 0.4
"""From this probability on a pixel is ink."""
_FAINT_INK_GAIN: Final = 2
"""What the probability of ink is multiplied by in a copy where no center is sure."""
_MAX_MISS: Final = 8.0
"""Pixels by which an offset may miss its center; of ink that is no digit's most miss by more."""
_MIN_SIDE: Final = 8
_MAX_SIDE: Final = 66
"""Longer sides in a copy, in pixels: the trained sizes, 11 to 52, and a quarter more both ways."""
SAME_SHARE: Final = 0.6
"""What two boxes have in common from which they hold the same ink, as a share of what both cover,
or only one of them can be there, as a share of the smaller."""
_RATING_WEIGHT: Final = 0.5
"""What a rating of 1 is worth beside a score of 1."""


@dataclass(frozen=True)
class Segment:
    """The ink of a digit or a sign.

    Attributes:
        kind: a digit, or which sign.
        score: how sure the detector is of it, 0 to 1.
        box: x, y, width, height in pixels of the picture.
        ink: uint8 (height, width) in `box`: the probability that a pixel is its ink, 255 for 1.
    """

    kind: Kind
    score: float
    box: Box
    ink: GrayImage


Rate = Callable[[Sequence[Segment]], Sequence[float]]


def find_segments(gray: GrayImage, rate: Rate) -> list[Segment]:
    """Find the digits and signs of a picture.

    Args:
        gray: uint8 (height, width).
        rate: how much each of some segments looks like what it is, 0 to 1. It is asked where
            segments of several scales cover the same place, but not the same ink.

    Returns:
        The segments, the surest first.
    """
    copies = [padded_copy(gray, side) for side in copy_sides(gray)]
    answers = detector.detect([pixels for pixels, _ in copies])
    candidates = [
        segment
        for (_, size), answer in zip(copies, answers, strict=True)
        for segment in _in_copy(gray, size, answer)
    ]
    candidates.sort(key=lambda segment: -segment.score)
    distinct: list[Segment] = []
    for segment in candidates:
        if not any(common_shares(segment.box, other.box)[0] >= SAME_SHARE for other in distinct):
            distinct.append(segment)
    rivals = [k for k, segment in enumerate(distinct) if _has_rival(segment, distinct)]
    rank = [segment.score for segment in distinct]
    for k, value in zip(rivals, rate([distinct[k] for k in rivals]), strict=True):
        rank[k] += _RATING_WEIGHT * value
    kept: list[int] = []
    for k in sorted(range(len(distinct)), key=lambda k: -rank[k]):
        if not any(_are_rivals(distinct[k], distinct[j]) for j in kept):
            kept.append(k)
    return [distinct[k] for k in sorted(kept)]


def _has_rival(segment: Segment, segments: Sequence[Segment]) -> bool:
    return any(_are_rivals(segment, other) for other in segments if other is not segment)


def _are_rivals(first: Segment, second: Segment) -> bool:
    """Whether only one of two segments can be there: one is mostly within the other."""
    return common_shares(first.box, second.box)[1] > SAME_SHARE


def copy_sides(gray: GrayImage) -> Iterator[int]:
    """The longer sides of the copies that the detector is shown, in pixels, the longest first."""
    side = min(_LARGEST_COPY, max(_SMALLEST_COPY, *gray.shape))
    while side >= _LAST_COPY:
        yield side
        side //= 2


def _in_copy(
    gray: GrayImage, size: tuple[int, int], answer: detector.DetectorAnswer
) -> list[Segment]:
    """What the detector finds in a copy of that width and height."""
    ink, centers, offsets = answer
    offsets = np.asarray(cv2.resize(offsets, ink.shape[1::-1], interpolation=cv2.INTER_LINEAR))
    # A place has one center, whatever its kind; so has its ink: a thick, slanted 1 is half a slash.
    peaks = find_peaks(centers.max(axis=-1))
    if not peaks:
        return []
    either = np.minimum(1, ink.sum(axis=-1))
    if max(score for _, score in peaks) < detector.SURE_SCORE:
        either = np.minimum(1, _FAINT_INK_GAIN * either)  # all is faint, as in a deep shadow
    owner = _owners(either, offsets, [place for place, _ in peaks])
    segments = []
    for (place, score), window, number in zip(
        peaks, _windows(owner, len(peaks)), range(1, len(peaks) + 1), strict=True
    ):
        if window is not None:
            probability = np.where(owner[window] == number, either[window], 0).astype(np.float32)
            corner = window[1].start, window[0].start
            kind = detector.KINDS[int(centers[place].argmax())]
            segments.append(_segment(probability, corner, gray, size, kind, score))
    return [segment for segment in segments if segment is not None]


def padded_copy(gray: GrayImage, side: int) -> tuple[GrayImage, tuple[int, int]]:
    """Make a copy of a picture as the detector is shown it.

    Args:
        gray: uint8 (height, width).
        side: the longer side of the copy, in pixels.

    Returns:
        The copy with room around it, at least `_PAD` pixels, in the tone of its border and in a
        size that the network takes, uint8; and width and height of the copy without that room.
    """
    scale = side / max(gray.shape)
    width, height = (max(4, round(length * scale)) for length in gray.shape[::-1])
    copy = gray if scale == 1 else resize(gray, width, height)
    tone = int(np.median(border_pixels(gray)))
    multiple = detector.SIZE_MULTIPLE
    bottom = _PAD + -(height + 2 * _PAD) % multiple
    right = _PAD + -(width + 2 * _PAD) % multiple
    padded = cv2.copyMakeBorder(copy, _PAD, bottom, _PAD, right, cv2.BORDER_CONSTANT, value=tone)
    return np.asarray(padded), (width, height)


def find_peaks(scores: NDArray[np.float32]) -> list[tuple[tuple[int, int], float]]:
    """Where on the grid (row, column) a center is likelier than all around, and how likely."""
    highest = cv2.dilate(scores, np.ones((3, 3), np.uint8))
    rows, columns = np.nonzero((scores == highest) & (scores >= _MIN_CENTER))
    return [
        ((int(row), int(column)), float(scores[row, column]))
        for row, column in zip(rows, columns, strict=True)
    ]


def _owners(
    ink: NDArray[np.float32], offsets: NDArray[np.float32], places: list[tuple[int, int]]
) -> NDArray[np.int32]:
    """Which center each pixel of ink leads to, from 1; 0 for none. int32 as `ink`."""
    height, width = ink.shape
    free = np.full((height, width), 255, np.uint8)
    middles = [tuple((2 * cell + 1) * detector.STRIDE // 2 for cell in place) for place in places]
    for middle in middles:
        free[middle] = 0
    distance, nearest = cv2.distanceTransformWithLabels(
        free, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    number = np.zeros(int(nearest.max()) + 1, np.int32)
    for k, middle in enumerate(middles, start=1):
        number[nearest[middle]] = k
    rows, columns = np.nonzero(ink >= MIN_INK)
    to_x = np.rint(columns + offsets[rows, columns, 0]).astype(np.intp).clip(0, width - 1)
    to_y = np.rint(rows + offsets[rows, columns, 1]).astype(np.intp).clip(0, height - 1)
    owner = np.zeros((height, width), np.int32)
    hit = distance[to_y, to_x] <= _MAX_MISS
    owner[rows[hit], columns[hit]] = number[nearest[to_y[hit], to_x[hit]]]
    return owner


def _windows(owner: NDArray[np.int32], count: int) -> list[tuple[slice, slice] | None]:
    """The smallest window around the pixels of each owner, rows and columns; None without any."""
    # Here, since SciPy takes a fifth of a second to import, and every page imports this module.
    from scipy.ndimage import find_objects

    return list(find_objects(owner, count))


def _segment(
    probability: NDArray[np.float32],
    corner: tuple[int, int],
    gray: GrayImage,
    size: tuple[int, int],
    kind: Kind,
    score: float,
) -> Segment | None:
    """The segment of this ink of a padded copy; None if its size is none that is known."""
    h, w = probability.shape
    longer = max(w, h)
    if not (_MIN_SIDE if kind == "digit" else 2) <= longer <= _MAX_SIDE:
        return None
    probability = np.pad(probability, 1)
    x, y = corner[0] - 1, corner[1] - 1
    across, down = gray.shape[1] / size[0], gray.shape[0] / size[1]
    left, top = round((x - _PAD) * across), round((y - _PAD) * down)
    right, bottom = round((x - _PAD + w + 2) * across), round((y - _PAD + h + 2) * down)
    large = cv2.resize(
        probability, (max(1, right - left), max(1, bottom - top)), interpolation=cv2.INTER_LINEAR
    )
    x0, y0 = max(0, left), max(0, top)
    x1, y1 = min(gray.shape[1], right), min(gray.shape[0], bottom)
    if x1 - x0 < 2 or y1 - y0 < 2:
        return None
    part = np.rint(255 * large[y0 - top : y1 - top, x0 - left : x1 - left]).astype(np.uint8)
    x, y, w, h = cv2.boundingRect((part >= 255 * MIN_INK).astype(np.uint8))
    if not w:
        return None
    return Segment(
        kind, score, (x0 + x, y0 + y, w, h), np.ascontiguousarray(part[y : y + h, x : x + w])
    )


def common_shares(first: Box, second: Box) -> tuple[float, float]:
    """What two boxes have in common, 0 to 1: as a share of what both cover, and of the smaller."""
    across = min(first[0] + first[2], second[0] + second[2]) - max(first[0], second[0])
    down = min(first[1] + first[3], second[1] + second[3]) - max(first[1], second[1])
    common = max(0, across) * max(0, down)
    areas = first[2] * first[3], second[2] * second[3]
    return common / (sum(areas) - common), common / min(areas)


def label_segments(segments: Sequence[Segment], shape: tuple[int, ...]) -> NDArray[np.int16]:
    """Tell which segment each pixel belongs to: the one whose ink it most probably is.

    Args:
        segments: of a picture.
        shape: of the picture, height and width.

    Returns:
        int16 of that shape: the segment's number, from 1; 0 for none.
    """
    labels = np.zeros(shape, np.int16)
    strongest = np.full(shape, round(255 * MIN_INK) - 1, np.uint8)
    for number, segment in enumerate(segments, start=1):
        x, y, w, h = segment.box
        window = np.s_[y : y + h, x : x + w]
        wins = segment.ink > strongest[window]
        labels[window][wins] = number
        strongest[window][wins] = segment.ink[wins]
    return labels
