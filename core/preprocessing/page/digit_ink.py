"""The ink of one digit of a page, without its neighbors, ruled lines and frames.

The detector says which pixels are the digit's (`core.preprocessing.page.segmentation`); how dark
its ink is, the picture says: the paper is what lies around, and ink is what differs from it.

The constants were chosen on training digits brought as files
(`python -m benchmarks.brought_pictures --tuning`).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from core.preprocessing.background import GrayImage, Ink, upper_percentile
from core.preprocessing.mnist_format import Box, PreparedDigit, digit_from_ink
from core.preprocessing.page.segmentation import Segment, label_segments
from core.utils.errors import PictureError

_MARGIN: Final = 0.3
"""Share of a digit's longer side that is looked at around it."""
_REACH: Final = 0.06
"""Share of the longer side by which ink may lie beside the pixels that the detector names."""
_MIN_SHARE_KNOWN: Final = 0.6
"""Share of a connected piece that the detector must name for the whole of it to be the digit's."""
_PAPER_POINTS: Final = 2000
"""About so many points tell the paper's plane."""
_INK_TONE: Final = 0.35
"""Share of full ink from which a pixel is part of a connected piece."""
_LINE_TONE: Final = 0.7
"""Share of a stroke's tone that a line must have where it goes on."""
_MIN_INK_CONTRAST: Final = 6
"""Tones, 0..255, by which a digit's ink must differ from its paper."""
_NO_INK: Final = "There is no ink in this box: draw it around a digit."


def prepare_segment(
    gray: GrayImage,
    segment: Segment,
    ink: Ink,
    labels: NDArray[np.int16] | None = None,
    number: int = 1,
) -> PreparedDigit:
    """Make an MNIST digit of a segment.

    Args:
        gray: the picture, uint8 (height, width).
        segment: the digit.
        ink: whether the ink is darker or lighter than the paper; "auto" finds out.
        labels: int16 of that shape, which segment each pixel belongs to, 0 for none; None: as if
            there were no other segment.
        number: the digit's number in `labels`.

    Returns:
        The digit; its box is in pixels of the picture.

    Raises:
        PictureError: nothing differs from the paper there, another segment claims all of its ink,
            or it is a piece of a longer line.
    """
    near = _Window(gray, segment, ink, labels, number)
    if near.is_line_going_on():
        raise PictureError(_NO_INK)
    return near.prepared(near.reached())


class _Window:
    """A segment's surroundings."""

    def __init__(
        self,
        gray: GrayImage,
        segment: Segment,
        ink: Ink,
        labels: NDArray[np.int16] | None,
        number: int,
    ) -> None:
        x, y, w, h = segment.box
        room = max(3, round(_MARGIN * max(w, h)))
        left, top = self._corner = max(0, x - room), max(0, y - room)
        window = np.s_[top : y + h + room, left : x + w + room]
        tones = gray[window].copy()
        self._is_picture_edge = (
            left == 0, top == 0,
            left + tones.shape[1] == gray.shape[1], top + tones.shape[0] == gray.shape[0],
        )  # fmt: skip
        if labels is None:
            moved = replace(segment, box=(x - left, y - top, w, h))
            self._owners = label_segments([moved], tones.shape)
        else:
            self._owners = labels[window]
        self._mine = self._owners == number
        if not self._mine.any():
            raise PictureError(_NO_INK)
        self._reach = max(1, round(_REACH * max(w, h)))
        brush = np.ones((2 * self._reach + 3,) * 2, np.uint8)
        around = cv2.dilate((self._owners > 0).view(np.uint8), brush) == 0
        paper, self._grain = estimate_paper(tones, around)
        difference = tones - paper
        is_dark = ink == "dark" or (ink == "auto" and float(difference[self._mine].mean()) < 0)
        self._tones, self._foreground = _with_light_ink(tones, difference, is_dark)
        own = np.where(self._mine, self._foreground, 0).astype(np.uint8)
        tone = max(4.0 * self._grain, _INK_TONE * upper_percentile(own, 0.25))
        self._count, self._pieces, self._stats, _ = cv2.connectedComponentsWithStats(
            (self._foreground > tone).view(np.uint8), connectivity=8
        )

    def prepared(self, belongs: NDArray[np.bool_]) -> PreparedDigit:
        """The digit whose ink is what stands out where it belongs to it."""
        return _prepare(self._tones, self._foreground, belongs, self._grain, self._corner)

    def _counts(self, where: NDArray[np.bool_]) -> NDArray[np.int64]:
        """How many pixels of each connected piece lie there."""
        counts = np.bincount(self._pieces[where], minlength=self._count)
        counts[0] = 0
        return counts

    def _leaves(self) -> NDArray[np.bool_]:
        """Which connected pieces go on beyond the window."""
        height, width = self._owners.shape
        left, top = self._stats[:, 0], self._stats[:, 1]
        right, bottom = left + self._stats[:, 2], top + self._stats[:, 3]
        ends = (left == 0, top == 0, right == width, bottom == height)
        return np.any(
            [end & (not edge) for end, edge in zip(ends, self._is_picture_edge, strict=True)],
            axis=0,
        )

    def is_line_going_on(self) -> bool:
        """Whether the segment is a piece of a line that goes straight on beyond the window."""
        rows, columns = np.nonzero(self._mine)
        if np.ptp(rows) < 3 * np.ptp(columns):
            return False
        strip = self._foreground[:, columns.min() : columns.max() + 1].max(axis=1)
        is_inked = strip >= _LINE_TONE * float(np.median(strip[rows.min() : rows.max() + 1]))
        above, below = is_inked[: rows.min()], is_inked[rows.max() + 1 :]
        return any(len(part) > self._reach and part.all() for part in (above, below))

    def reached(self) -> NDArray[np.bool_]:
        """Which pixels may hold the segment's ink: its own, close to them, and whole pieces."""
        to_mine = cv2.distanceTransform((~self._mine).view(np.uint8), cv2.DIST_L2, 3)
        belongs = to_mine <= self._reach
        others = (self._owners > 0) & ~self._mine
        known = self._counts(self._mine) / np.maximum(1, self._stats[:, cv2.CC_STAT_AREA])
        is_whole = (
            (known >= _MIN_SHARE_KNOWN)
            & (self._counts(others) == 0)
            & (~self._leaves() | (known >= 0.9))
        )
        if is_whole.any():
            soft_edge = np.ones((5, 5), np.uint8)
            belongs |= cv2.dilate(is_whole[self._pieces].astype(np.uint8), soft_edge) > 0
        if others.any():
            to_others = cv2.distanceTransform((~others).view(np.uint8), cv2.DIST_L2, 3)
            belongs &= to_mine < to_others
        return np.asarray(belongs)


def _with_light_ink(
    tones: GrayImage, difference: NDArray[np.float32], is_dark: bool
) -> tuple[GrayImage, GrayImage]:
    """Tones with light ink, and by how much they stand out from the paper that way."""
    sign = -1 if is_dark else 1
    foreground = np.clip(np.rint(sign * difference), 0, 255).astype(np.uint8)
    return np.asarray(255 - tones if is_dark else tones, np.uint8), foreground


def _prepare(
    tones: GrayImage,
    foreground: GrayImage,
    belongs: NDArray[np.bool_],
    grain: float,
    corner: tuple[int, int],
) -> PreparedDigit:
    """The digit whose ink is the foreground where it belongs to it, stretched to full ink."""
    inked = np.where(belongs, foreground, 0).astype(np.uint8)
    full = upper_percentile(inked, 0.25)
    if full < _MIN_INK_CONTRAST:
        raise PictureError(_NO_INK)
    floor = 0 if grain == 0 else int(np.clip(4.0 * grain, 0.15 * full, 0.5 * full))
    inked = np.maximum(inked, np.uint8(floor)) - np.uint8(floor)
    full = int(inked.max()) if floor == 0 else upper_percentile(inked, 0.25)
    inked = np.asarray(cv2.convertScaleAbs(inked, alpha=255 / max(1, full)), np.uint8)
    digit = digit_from_ink(tones, tones, foreground, inked)
    dx, dy, dw, dh = digit.box
    return replace(digit, box=(corner[0] + dx, corner[1] + dy, dw, dh))


def estimate_paper(
    tones: GrayImage, is_paper: NDArray[np.bool_]
) -> tuple[NDArray[np.float32], float]:
    """The paper's tones under a digit, from what lies around it, and their grain.

    A plane through the tones around, fitted three times, each time without what lay far off:
    ruled lines, frames, the edge of a shadow.

    Args:
        tones: uint8 (height, width).
        is_paper: bool of that shape: where no ink is known.

    Returns:
        float32 of that shape; the standard deviation of the paper's tones, 0 if it is even.
    """
    if np.count_nonzero(is_paper) < 12:
        is_paper = np.ones_like(is_paper)
    rows, columns = np.nonzero(is_paper)
    step = max(1, len(rows) // _PAPER_POINTS)
    rows, columns = rows[::step], columns[::step]
    values = tones[rows, columns].astype(np.float32)
    middle = float(np.median(values))
    if np.count_nonzero(values == middle) * 2 >= len(values):
        return np.full(tones.shape, middle, np.float32), 0.0
    terms = np.stack([np.ones(len(values)), columns, rows], axis=-1).astype(np.float32)
    is_near = np.abs(values - middle) <= 3 * max(3.0, float(np.median(np.abs(values - middle))))
    for _ in range(3):
        fit = np.linalg.lstsq(terms[is_near], values[is_near], rcond=None)[0]
        distance = np.abs(values - terms @ fit)
        is_near = distance <= max(2.0, 2.5 * float(np.median(distance)))
    grain = float(np.median(distance[is_near])) / 0.67
    y, x = np.mgrid[0 : tones.shape[0], 0 : tones.shape[1]].astype(np.float32)
    return np.asarray(fit[0] + fit[1] * x + fit[2] * y, np.float32), max(0.3, grain)


def prepare_box(gray: GrayImage, box: Box, ink: Ink, paper: int | None) -> PreparedDigit:
    """Make an MNIST digit of all ink in a box that somebody drew; ink that reaches out is cut off.

    Args:
        gray: the picture, uint8 (height, width).
        box: x, y, width, height in pixels of it.
        ink: whether the ink is darker or lighter than the paper; "auto" finds out.
        paper: the tone of an even paper, 0..255; None where only the picture can tell.

    Returns:
        The digit; its box is in pixels of `gray`.

    Raises:
        PictureError: there is no ink in the box.
    """
    x, y, w, h = box
    margin = max(3, round(_MARGIN * max(w, h)))
    left, top = max(0, x - margin), max(0, y - margin)
    tones = gray[top : y + h + margin, left : x + w + margin].copy()
    inside = np.zeros(tones.shape, bool)
    inside[y - top : y - top + h, x - left : x - left + w] = True
    if not inside.any():
        raise PictureError(_NO_INK)
    if paper is None:
        tones_of_paper, grain = estimate_paper(tones, np.ones_like(inside))
    else:
        tones_of_paper, grain = np.full(tones.shape, paper, np.float32), 0.0
    difference = np.where(inside, tones - tones_of_paper, 0)
    is_dark = ink == "dark" or (ink == "auto" and -difference.min() > difference.max())
    tones, foreground = _with_light_ink(tones, difference, is_dark)
    return _prepare(tones, foreground, inside, grain, (left, top))
