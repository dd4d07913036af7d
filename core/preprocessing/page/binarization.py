"""The ink of a whole page: which pixels are ink, however the page is lit.

`extract_ink` takes the paper away, and the ruled lines on it. `core.preprocessing.background` looks
for one digit that fills much of a picture, and may estimate the paper under it from far around. A
page of small digits can follow its light more closely, and must: a shadow's edge is larger than a
digit there.

`find_ruled_lines` finds the lines of lined and squared paper, so that they can be taken away
without tearing what crosses them. A ruled line is thin, nearly straight, and runs across much of
the page; strokes are thicker, or short. Candidates come from a Hough transform (Duda & Hart 1972),
each is then followed along the page, because a lens and a page that is not flat bend it. Of the ink
on it only what is as thin as the line goes: where a stroke crosses, the ink reaches farther up and
down (as in the removal of staff lines from scores; Dalitz et al. 2008, "A comparative study of
staff removal algorithms").
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from core.preprocessing.background import (
    MIN_CONTRAST,
    GrayImage,
    Ink,
    normalize_polarity,
    to_gray,
    upper_percentile,
)
from core.preprocessing.mnist_format import check_paper, check_picture
from core.preprocessing.page.components import Mask, erase_where
from core.preprocessing.page.illumination import (
    estimate_paper,
    find_surroundings,
    has_dark_ink,
    remove_shadows,
)
from core.utils.errors import PictureError

_PAGE_SIDE: Final = 1600
"""Pages are shrunk to this long side in pixels: 200 digits in lines are then still 50 pixels high
each, more than twice the 20 that are needed, while a photo's grain is averaged away."""
_DRAWING_INK_CONTRAST: Final = 0.3
"""Share of the strongest ink from which a pixel is surely ink, on a drawing without grain."""
_PHOTO_INK_CONTRAST: Final = 0.24
"""The same in photos, whose strongest ink may be much stronger than a pencil's."""
_MAX_INK_THRESHOLD: Final = 0.7
"""Share of the strongest ink up to which the tone may lie that parts ink from shadows."""
_SOFT_EDGE_REACH: Final = 0.012
"""How far around a piece its tones are looked up, as a share of the longer side."""
_MIN_EVEN_SHARE: Final = 0.4
"""Share of a drawing that has the tone of its ground, at least."""

_MIN_LINE_CONTRAST: Final = 0.08
"""Share of the strongest ink from which something may be a ruled line."""
_MAX_THRESHOLD_RAISES: Final = 6
"""How often, at most, the tone is raised from which ruled lines are sought."""
_MAX_FAINT_SHARE: Final = 0.4
"""Share of the page: what covers more is a pattern and no writing on ruled lines."""
_MAX_LINE_THICKNESS: Final = 0.008
"""A ruled line's thickness, blur included, as a share of the longer side; 3 pixels at least."""
_MAX_LINE_TILT: Final = 20.0
"""Degrees."""
_MIN_LINE_LENGTH: Final = 0.3
"""Share of the page's width."""
_MIN_LINE_COVERAGE: Final = 0.62
"""Share of a ruled line's length that is inked where no stroke hides it."""
_COVERAGE_WINDOW_RADIUS: Final = 24
"""Columns to each side in which a ruled line's ink is measured together."""
_MAX_CROSSING_SIZE: Final = 1.5
"""What is left where two ruled lines cross, at most, in thicknesses of a line."""
_THICK_STROKE_WIDTH: Final = 0.02
"""Share of the longer side: what is that thick both ways is no ruled line, nor a crossing."""
_HOUGH_SIDE: Final = 800
"""The longer side in pixels of the copy in which ruled lines are sought."""
_MAX_LINES: Final = 160
_MAX_FAILED_LINES: Final = 60
_MAX_PASSES: Final = 3
_MAX_HOUGH_PEAKS: Final = 6000


@dataclass(frozen=True)
class PageInk:
    """The ink of a picture, before digits are looked for; all pictures are of one shape.

    Attributes:
        gray: the picture's tones, 0..255.
        light: the same with the ink light.
        foreground: how much lighter than the paper each pixel is, 0..255.
        mask: 1 where ink surely is.
        noise_floor: tones of `foreground` up to this are grain; 0 for drawings.
        even_ground: whether the ground is one even tone: a drawing.
    """

    gray: GrayImage
    light: GrayImage
    foreground: GrayImage
    mask: Mask
    noise_floor: int
    even_ground: bool


def extract_ink(
    picture: NDArray[np.uint8], ink: Ink, paper: int | None, stroke_width: float | None = None
) -> PageInk:
    """Take the paper away from a page.

    Args:
        picture: uint8 (height, width) gray, (height, width, 3) RGB or (height, width, 4) RGBA.
        ink: whether the ink is darker or lighter than its ground; "auto" finds out.
        paper: the gray tone of an even ground, 0..255, where it is known (a drawing canvas).
        stroke_width: as for `core.preprocessing.page.illumination.estimate_paper`.

    Raises:
        PictureError: no picture of that shape, too small, or nothing stands out from the paper.
        TypeError: the array is not uint8.
        ValueError: `paper` is no tone.
    """
    check_picture(picture)
    check_paper(paper)
    gray = to_gray(picture, _PAGE_SIDE)
    light, background, even = normalize_polarity(gray, ink, paper)
    # A table around the sheet may be even, too.
    even = even and float(np.mean(background[0, 0] == light)) >= _MIN_EVEN_SHARE
    if paper is not None:
        foreground = np.asarray(cv2.subtract(light, background), np.uint8)
        mask = _threshold(foreground, _DRAWING_INK_CONTRAST * _strong_tone(foreground))
        return PageInk(gray, light, foreground, mask, 0, True)
    if not even:
        if ink == "auto":
            light = 255 - gray if has_dark_ink(gray) else gray
        return _extract_from_photo(gray, light, stroke_width)
    foreground = np.asarray(cv2.subtract(light, background), np.uint8)
    line_threshold = max(_MIN_LINE_CONTRAST * _strong_tone(foreground), MIN_CONTRAST / 3)
    foreground = erase_where(_bare_lines(foreground, line_threshold), foreground)
    threshold = max(_DRAWING_INK_CONTRAST * _strong_tone(foreground), MIN_CONTRAST / 2)
    return PageInk(gray, light, foreground, _threshold(foreground, threshold), 0, True)


def _extract_from_photo(gray: GrayImage, light: GrayImage, stroke_width: float | None) -> PageInk:
    """The ink of a photo: uneven light, grain, shadows, and what lies around the sheet."""
    estimates = [_subtract_paper(light, paper) for paper in estimate_paper(light, stroke_width)]
    grain = estimates[0][1]
    foregrounds = [foreground for foreground, _ in estimates]
    surroundings = find_surroundings(foregrounds[0])
    if surroundings is not None:
        foregrounds = [erase_where(surroundings, foreground) for foreground in foregrounds]
    smoothed = [_smooth(foreground) for foreground in foregrounds]
    strongest = _strong_tone(foregrounds[0])
    threshold = max(3.5 * grain, _MIN_LINE_CONTRAST * strongest, MIN_CONTRAST / 3)
    line_masks = _bare_lines_of_all(smoothed, threshold)
    if any(lines.any() for lines in line_masks):
        foregrounds = _erase_each(line_masks, foregrounds)
        smoothed = _erase_each(line_masks, smoothed)
        strongest = _strong_tone(foregrounds[0])
    threshold = max(4.5 * grain, _PHOTO_INK_CONTRAST * strongest, MIN_CONTRAST / 2)
    mask = _threshold(smoothed[0], threshold)
    mask = mask if surroundings is None else _drop_border_rest(mask, surroundings)
    masks = remove_shadows(
        light, foregrounds, smoothed, mask, threshold, _MAX_INK_THRESHOLD * strongest
    )
    floor = int(np.clip(4.0 * grain, 0.15 * strongest, 0.5 * strongest))
    return PageInk(
        gray, light, _combine(foregrounds, masks), np.maximum.reduce(masks), floor, False
    )


def _erase_each(masks: Sequence[Mask], images: Sequence[GrayImage]) -> list[GrayImage]:
    """Each picture with nothing where its mask is set."""
    return [erase_where(mask, image) for mask, image in zip(masks, images, strict=True)]


def _combine(foregrounds: Sequence[GrayImage], masks: Sequence[Mask]) -> GrayImage:
    """The first picture; around the pieces that are better seen in another one, the other one."""
    combined = foregrounds[0]
    reach = 2 * round(_SOFT_EDGE_REACH * max(combined.shape)) + 1
    for foreground, mask in zip(foregrounds[1:], masks[1:], strict=True):
        if mask.any():
            near = cv2.dilate(mask, np.ones((reach, reach), np.uint8))
            combined = np.where(near > 0, foreground, combined).astype(np.uint8)
    return combined


def _smooth(foreground: GrayImage) -> GrayImage:
    return np.asarray(cv2.GaussianBlur(foreground, (0, 0), 1.0), np.uint8)


def _bare_lines_of_all(smoothed: Sequence[GrayImage], threshold: float) -> list[Mask]:
    """Where ruled lines are bare of ink, for each of several estimates of the paper.

    Where a shadow lies on a ruled line, only paper that follows the light closely shows the line.
    But wide strokes are hollow above that paper: what is thick above the others stays.
    """
    lines = _bare_lines(smoothed[0], threshold)
    if len(smoothed) == 1:
        return [lines]
    closer_lines = _bare_lines(smoothed[-1], threshold)
    thick = [thick_ink(image, threshold) for image in smoothed[1:]]
    return [lines, *(lines | erase_where(mask, closer_lines) for mask in thick)]


def _bare_lines(smoothed: GrayImage, threshold: float) -> Mask:
    """Where the page's ruled lines are bare of ink."""
    faint = _faint_mask(smoothed, threshold)
    lines = find_ruled_lines(faint)
    if not lines.any():
        return lines
    wide = cv2.dilate(lines, np.ones((3, 3), np.uint8))
    return np.asarray((wide > 0) & ((lines > 0) | (faint == 0)), np.uint8)


def _faint_mask(smoothed: GrayImage, threshold: float) -> Mask:
    """Where anything stands out from the paper by at least this tone.

    The soft rims of dark lines may cover most of squared paper: then by a higher one.
    """
    for _ in range(_MAX_THRESHOLD_RAISES):
        if np.count_nonzero(smoothed >= threshold) <= _MAX_FAINT_SHARE * smoothed.size:
            break
        threshold *= 1.4
    return _threshold(smoothed, threshold)


def _threshold(image: GrayImage, threshold: float) -> Mask:
    return (image >= max(2.0, threshold)).astype(np.uint8)


def _drop_border_rest(mask: Mask, surroundings: Mask) -> Mask:
    """Drop pieces at the picture's border beside the surroundings of the sheet: their rest."""
    count, labels = cv2.connectedComponents(mask, connectivity=8)
    rim = np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])
    labels_beside = labels[cv2.dilate(surroundings, np.ones((5, 5), np.uint8)) > 0]
    is_kept = np.ones(count, bool)
    is_kept[np.intersect1d(rim, labels_beside)] = False
    is_kept[0] = False
    return is_kept[labels].astype(np.uint8)


def _strong_tone(foreground: GrayImage) -> int:
    """The tone of the page's strong ink, above lone specks and highlights.

    Raises PictureError if there is none.
    """
    smoothed = cv2.blur(foreground, (3, 3)) if min(foreground.shape) > 32 else foreground
    peak = int(smoothed.max())
    if peak < MIN_CONTRAST:
        raise PictureError("Nothing is drawn: write a digit, in ink that differs from its ground.")
    return upper_percentile(np.where(smoothed > 0.35 * peak, smoothed, 0).astype(np.uint8), 0.3)


def _subtract_paper(light: GrayImage, paper: GrayImage) -> tuple[GrayImage, float]:
    """What is lighter than the paper, and the paper's grain (a standard deviation), in tones."""
    difference = light.astype(np.int16) - paper
    below = -difference[::2, ::2][difference[::2, ::2] < 0]
    # Half a normal distribution: its median lies at 0.67 standard deviations.
    grain = float(np.median(below)) / 0.67 if len(below) else 0.0
    return np.clip(difference, 0, 255).astype(np.uint8), grain


@dataclass(frozen=True)
class _RuledLine:
    """A ruled line.

    Attributes:
        rows: the row of its middle in each column of the page, float64 (columns,).
        start: the first column that it covers.
        end: the column after the last one that it covers.
    """

    rows: NDArray[np.float64]
    start: int
    end: int


def find_ruled_lines(faint: Mask) -> Mask:
    """Find the ruled lines of a page, both ways, without what crosses them.

    Args:
        faint: 1 where anything stands out from the paper, ruled lines as well as ink.

    Returns:
        uint8 as `faint`: 1 on the pixels that are only ruled line.

    Example:
        >>> faint = np.zeros((100, 200), np.uint8)
        >>> faint[50] = 1
        >>> faint[30:70, 100:106] = 1  # a stroke that crosses the line
        >>> lines = find_ruled_lines(faint)
        >>> int(lines[50, 20]), int(lines[50, 102])
        (1, 0)
    """
    if np.count_nonzero(faint) > _MAX_FAINT_SHARE * faint.size:
        return np.zeros_like(faint)
    horizontal = _find_horizontal_lines(faint)
    remaining = erase_where(horizontal, faint)
    vertical = np.ascontiguousarray(_find_horizontal_lines(np.ascontiguousarray(remaining.T)).T)
    lines = np.asarray(cv2.bitwise_or(horizontal, vertical), np.uint8)
    return _add_crossings(lines, faint) if horizontal.any() and vertical.any() else lines


def thick_ink(smoothed: GrayImage, threshold: float) -> Mask:
    """Find what is thicker than any ruled line both ways: strokes, or a shadow.

    Args:
        smoothed: what is lighter than the paper, smoothed.
        threshold: the tone, 0..255, from which a pixel counts.

    Returns:
        uint8 as `smoothed`: 1 on the thick parts.
    """
    side = max(5, round(_THICK_STROKE_WIDTH * max(smoothed.shape))) | 1
    mask = (smoothed >= threshold).astype(np.uint8)
    return np.asarray(cv2.morphologyEx(mask, cv2.MORPH_OPEN, np.ones((side, side), np.uint8)))


def _max_line_thickness(shape: tuple[int, ...]) -> int:
    return max(3, round(_MAX_LINE_THICKNESS * max(shape)))


def _add_crossings(lines: Mask, faint: Mask) -> Mask:
    """Add what is left where two ruled lines cross: as thick as a stroke, but small and alone."""
    max_thickness = _max_line_thickness(faint.shape)
    rest = erase_where(lines, faint)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(rest, connectivity=8)
    is_crossing = stats[:, 2:4].max(axis=1) <= _MAX_CROSSING_SIZE * max_thickness
    is_beside = np.zeros(count, bool)
    is_beside[np.unique(labels[cv2.dilate(lines, np.ones((3, 3), np.uint8)) > 0])] = True
    is_crossing &= is_beside
    is_crossing[0] = False
    return np.asarray(cv2.bitwise_or(lines, is_crossing[labels].astype(np.uint8)), np.uint8)


def _find_horizontal_lines(faint: Mask) -> Mask:
    """The mask of the ruled lines that run from left to right."""
    erased = np.zeros_like(faint)
    max_thickness = _max_line_thickness(faint.shape)
    if min(faint.shape) < 4 * max_thickness:
        return erased
    column = np.ones((max_thickness + 1, 1), np.uint8)
    thick = cv2.morphologyEx(faint, cv2.MORPH_OPEN, column)
    thin: Mask = np.asarray(cv2.subtract(faint, thick), np.uint8)
    runs: tuple[NDArray[np.int32], NDArray[np.int32]] | None = None
    for _ in range(_MAX_PASSES):
        lines = _find_lines(thin, faint, max_thickness)
        if not lines:
            break
        runs = runs or _vertical_runs(faint)
        for line in lines:
            _mark_line(erased, line, faint, *runs, max_thickness)
        thin = erase_where(erased, thin)
    return erased


def _find_lines(thin: Mask, faint: Mask, max_thickness: int) -> list[_RuledLine]:
    """The ruled lines through much thin ink, those with the most ink first."""
    factor = min(1.0, _HOUGH_SIDE / max(thin.shape))
    size = (max(1, round(thin.shape[1] * factor)), max(1, round(thin.shape[0] * factor)))
    small = (cv2.resize(thin * 255, size, interpolation=cv2.INTER_AREA) > 70).astype(np.uint8)
    max_tilt = np.radians(_MAX_LINE_TILT)
    min_votes = max(12, int(0.8 * _MIN_LINE_LENGTH * size[0]))
    peaks = cv2.HoughLines(
        small,
        1,
        np.pi / 720,
        min_votes,
        min_theta=np.pi / 2 - max_tilt,
        max_theta=np.pi / 2 + max_tilt,
    )
    lines: list[_RuledLine] = []
    if peaks is None:
        return lines
    ends = np.array([0.15, 0.5, 0.85]) * size[0]
    line_rows, failed_rows = np.zeros((0, 3)), np.zeros((0, 3))
    for rho, theta in np.asarray(peaks, np.float64).reshape(-1, 2)[:_MAX_HOUGH_PEAKS]:
        slope = -np.cos(theta) / np.sin(theta)
        rows = rho / np.sin(theta) + slope * ends
        offsets = rows - line_rows
        # Another line through the same ink, or across several ruled lines, is no line of its own.
        if (np.abs(offsets).min(1) < 2.5).any() or (offsets.min(1) * offsets.max(1) < 0).any():
            continue
        if (np.abs(rows - failed_rows).max(1) < 2.5).any():
            continue
        line = _follow_line(
            thin, faint, float(rho / np.sin(theta)) / factor, float(slope), max_thickness
        )
        if line is None:
            failed_rows = np.vstack([failed_rows, rows])
        else:
            line_rows = np.vstack([line_rows, rows])
            lines.append(line)
        if len(lines) == _MAX_LINES or len(failed_rows) == _MAX_FAILED_LINES:
            break
    return lines


def _follow_line(
    thin: Mask, faint: Mask, intercept: float, slope: float, max_thickness: int
) -> _RuledLine | None:
    """Follow a ruled line along the page; None if there is no ink on much of it."""
    height, width = thin.shape
    columns = np.arange(width)
    rows = intercept + slope * columns
    reach = 2 * max_thickness
    for _ in range(2):
        offsets = np.arange(-reach, reach + 1)
        index = np.rint(rows[None, :] + offsets[:, None]).astype(np.int64)
        inside = (index >= 0) & (index < height)
        hits = thin[np.clip(index, 0, height - 1), columns[None, :]] * inside
        weight = hits.sum(0).astype(np.float64)
        offset_mean = (hits * offsets[:, None]).sum(0) / np.maximum(weight, 1)
        is_thin = (weight > 0) & (weight <= max_thickness)
        if np.count_nonzero(is_thin) < 0.5 * _MIN_LINE_LENGTH * width:
            return None
        correction = np.polynomial.Polynomial.fit(
            columns[is_thin], offset_mean[is_thin], 3 if reach <= max_thickness else 1
        )
        rows = rows + np.clip(correction(columns), -reach, reach)
        reach = max(2, max_thickness // 2)
    is_inked, is_hidden = np.zeros(width, bool), np.zeros(width, bool)
    for offset in range(-reach, reach + 1):
        index = np.rint(rows + offset).astype(np.int64)
        inside = (index >= 0) & (index < height)
        index = np.clip(index, 0, height - 1)
        is_inked |= inside & (thin[index, columns] > 0)
        is_hidden |= inside & (faint[index, columns] > thin[index, columns])
    # Strokes, and lines that run the other way, hide it: there it is neither seen nor missed.
    # The window is no wider than the page: numpy returns the length of the longer one.
    window = np.ones(min(2 * _COVERAGE_WINDOW_RADIUS + 1, width))
    inked = np.convolve(is_inked, window, mode="same")
    covered = np.flatnonzero(inked > 0.4 * np.convolve(is_inked | ~is_hidden, window, mode="same"))
    if len(covered) == 0:
        return None
    start, end = int(covered[0]), int(covered[-1]) + 1
    visible = np.count_nonzero((is_inked | ~is_hidden)[start:end])
    inked_in_all = np.count_nonzero(is_inked[start:end])
    if end - start < _MIN_LINE_LENGTH * width or inked_in_all < _MIN_LINE_COVERAGE * visible:
        return None
    if inked_in_all < 0.5 * _MIN_LINE_LENGTH * width:
        return None
    return _RuledLine(np.asarray(rows, np.float64), start, end)


def _vertical_runs(mask: Mask) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """For each pixel the length of the vertical run of ink it is in, and the run's first row."""
    height = mask.shape[0]
    row = np.arange(height, dtype=np.int32)[:, None]
    last_gap = np.maximum.accumulate(np.where(mask == 0, row, np.int32(-1)), axis=0)
    next_gap = np.minimum.accumulate(np.where(mask == 0, row, np.int32(height))[::-1], axis=0)[::-1]
    return (next_gap - last_gap - 1).astype(np.int32), (last_gap + 1).astype(np.int32)


def _mark_line(
    erased: Mask,
    line: _RuledLine,
    faint: Mask,
    runs: NDArray[np.int32],
    starts: NDArray[np.int32],
    max_thickness: int,
) -> None:
    """Mark where a ruled line is bare: its vertical runs are hardly longer than it is thick."""
    height = faint.shape[0]
    columns = np.arange(line.start, line.end)
    reach = max(2, max_thickness // 2)
    row_found = np.zeros(len(columns), np.int64)
    for offset in sorted(range(-reach, reach + 1), key=abs):
        index = np.rint(line.rows[line.start : line.end] + offset).astype(np.int64)
        inside = (index >= 0) & (index < height)
        index = np.clip(index, 0, height - 1)
        fresh = inside & (row_found == 0) & (faint[index, columns] > 0)
        row_found[fresh] = index[fresh] + 1
    columns_met = np.flatnonzero(row_found)
    row, column = row_found[columns_met] - 1, columns[columns_met]
    lengths = runs[row, column]
    if len(lengths) == 0:
        return
    thin = lengths[lengths <= max_thickness]
    usual = float(np.median(thin)) if len(thin) else 2.0
    limit = max(usual + 2, 1.5 * usual)
    bare = np.flatnonzero(lengths <= limit)
    start, column, lengths = starts[row[bare], column[bare]], column[bare], lengths[bare]
    for down in range(int(lengths.max(initial=0))):
        longer = lengths > down
        erased[start[longer] + down, column[longer]] = 1
