"""The rules of lined and squared paper: found, and taken away without tearing what crosses them.

A rule is thin, nearly straight, and runs across much of the page; strokes are thicker, or short.
Candidates come from a Hough transform (Duda & Hart 1972), each is then followed along the page,
because a lens and a page that is not flat bend it. Of the ink on it only what is as thin as the
rule goes: where a stroke crosses, the ink reaches farther up and down (as in the removal of staff
lines from scores; Dalitz et al. 2008, "A comparative study of staff removal algorithms").

The ink of a whole page: which pixels are ink, however the page is lit.

`core.preprocessing.background` looks for one digit that fills much of a picture, and may take the
paper under it from far around. A page of small digits can follow its light more closely, and must:
a shadow's edge is larger than a digit there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from core.preprocessing.background import (
    SMALLEST_CONTRAST,
    GrayImage,
    Ink,
    normalize_polarity,
    to_gray,
    upper_percentile,
)
from core.preprocessing.page.components import Mask, without_components
from core.preprocessing.page.illumination import (
    find_surroundings,
    is_dark,
    paper_estimates,
    remove_shadows,
)
from core.utils.errors import PictureError

THICKEST: Final = 0.008
"""A rule's thickness, blur included, as a share of the picture's longer side; 3 pixels at least."""
STEEPEST: Final = 20.0  # degrees
SHORTEST: Final = 0.3  # of the page's width
COVERED: Final = 0.62  # of a rule's length, where no stroke hides it
HOUGH_SIDE: Final = 800
MOST_RULES: Final = 160
MOST_FAILURES: Final = 60
PASSES: Final = 3
FULLEST: Final = 0.4  # of the page: more than that is a pattern and no writing on rules
STROKE: Final = 0.02  # of the longer side: what is that thick both ways is no rule, nor a crossing
CROSSING: Final = 1.5  # of a rule's thickness at most: what is left where two rules cross
BIN: Final = 24  # columns in which a rule's place is measured together


@dataclass(frozen=True)
class _Rule:
    """A rule's middle, float64 (columns,), in rows; and the columns where it is there."""

    rows: NDArray[np.float64]
    start: int
    end: int


def rules_in(faint: Mask) -> Mask:
    """Where the rules are, but for what crosses them.

    Args:
        faint: 1 where anything stands out from the paper, rules as well as ink.

    Returns:
        uint8 as `faint`: 1 on the pixels that are only rule.
    """
    if np.count_nonzero(faint) > FULLEST * faint.size:
        return np.zeros_like(faint)
    across = _one_way(faint)
    rest = without_components(across, faint)
    down = np.ascontiguousarray(_one_way(np.ascontiguousarray(rest.T)).T)
    rules = np.asarray(cv2.bitwise_or(across, down), np.uint8)
    return _with_crossings(rules, faint) if across.any() and down.any() else rules


def thick_ink(smooth: GrayImage, tone: float) -> Mask:
    """Where what is above a tone is thicker than any rule both ways: strokes, or a shadow."""
    side = max(5, round(STROKE * max(smooth.shape))) | 1
    mask = (smooth >= tone).astype(np.uint8)
    return np.asarray(cv2.morphologyEx(mask, cv2.MORPH_OPEN, np.ones((side, side), np.uint8)))


def _thickest(shape: tuple[int, ...]) -> int:
    return max(3, round(THICKEST * max(shape)))


def _with_crossings(rules: Mask, faint: Mask) -> Mask:
    """Also what is left where two rules cross: as thick as a stroke, but small and alone."""
    thickest = _thickest(faint.shape)
    rest = without_components(rules, faint)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(rest, connectivity=8)
    small = stats[:, 2:4].max(axis=1) <= CROSSING * thickest
    beside = np.zeros(count, bool)
    beside[np.unique(labels[cv2.dilate(rules, np.ones((3, 3), np.uint8)) > 0])] = True
    small &= beside
    small[0] = False
    return np.asarray(cv2.bitwise_or(rules, small[labels].astype(np.uint8)), np.uint8)


def _one_way(faint: Mask) -> Mask:
    """The rules that run from left to right."""
    erased = np.zeros_like(faint)
    thickest = _thickest(faint.shape)
    if min(faint.shape) < 4 * thickest:
        return erased
    column = np.ones((thickest + 1, 1), np.uint8)
    thick = cv2.morphologyEx(faint, cv2.MORPH_OPEN, column)
    thin: Mask = np.asarray(cv2.subtract(faint, thick), np.uint8)
    runs: tuple[NDArray[np.int32], NDArray[np.int32]] | None = None
    for _ in range(PASSES):
        rules = _rules_along(thin, faint, thickest)
        if not rules:
            break
        runs = runs or _upright_runs(faint)
        for rule in rules:
            _erase(erased, rule, faint, *runs, thickest)
        thin = without_components(erased, thin)
    return erased


def _rules_along(thin: Mask, faint: Mask, thickest: int) -> list[_Rule]:
    """The rules through much thin ink, those with the most ink first."""
    factor = min(1.0, HOUGH_SIDE / max(thin.shape))
    size = (max(1, round(thin.shape[1] * factor)), max(1, round(thin.shape[0] * factor)))
    small = (cv2.resize(thin * 255, size, interpolation=cv2.INTER_AREA) > 70).astype(np.uint8)
    steep = np.radians(STEEPEST)
    least = max(12, int(0.8 * SHORTEST * size[0]))
    found = cv2.HoughLines(
        small, 1, np.pi / 720, least, min_theta=np.pi / 2 - steep, max_theta=np.pi / 2 + steep
    )
    rules: list[_Rule] = []
    if found is None:
        return rules
    ends = np.array([0.15, 0.5, 0.85]) * size[0]
    taken, failed = np.zeros((0, 3)), np.zeros((0, 3))
    for rho, theta in np.asarray(found, np.float64).reshape(-1, 2)[:6000]:
        slope = -np.cos(theta) / np.sin(theta)
        rows = rho / np.sin(theta) + slope * ends
        off = rows - taken
        # Another line through the same ink, or across several rules, is no rule of its own.
        if (np.abs(off).min(1) < 2.5).any() or (off.min(1) * off.max(1) < 0).any():
            continue
        if (np.abs(rows - failed).max(1) < 2.5).any():
            continue
        rule = _followed(thin, faint, float(rho / np.sin(theta)) / factor, float(slope), thickest)
        if rule is None:
            failed = np.vstack([failed, rows])
        else:
            taken = np.vstack([taken, rows])
            rules.append(rule)
        if len(rules) == MOST_RULES or len(failed) == MOST_FAILURES:
            break
    return rules


def _followed(
    thin: Mask, faint: Mask, intercept: float, slope: float, thickest: int
) -> _Rule | None:
    """Follow a rule along the page; None if there is no ink on much of it."""
    height, width = thin.shape
    columns = np.arange(width)
    rows = intercept + slope * columns
    reach = 2 * thickest
    for _ in range(2):
        offsets = np.arange(-reach, reach + 1)
        index = np.rint(rows[None, :] + offsets[:, None]).astype(np.int64)
        inside = (index >= 0) & (index < height)
        hit = thin[np.clip(index, 0, height - 1), columns[None, :]] * inside
        weight = hit.sum(0).astype(np.float64)
        place = (hit * offsets[:, None]).sum(0) / np.maximum(weight, 1)
        good = (weight > 0) & (weight <= thickest)
        if np.count_nonzero(good) < 0.5 * SHORTEST * width:
            return None
        moved = np.polynomial.Polynomial.fit(
            columns[good], place[good], 3 if reach <= thickest else 1
        )
        rows = rows + np.clip(moved(columns), -reach, reach)
        reach = max(2, thickest // 2)
    near, hidden = np.zeros(width, bool), np.zeros(width, bool)
    for offset in range(-reach, reach + 1):
        index = np.rint(rows + offset).astype(np.int64)
        inside = (index >= 0) & (index < height)
        index = np.clip(index, 0, height - 1)
        near |= inside & (thin[index, columns] > 0)
        hidden |= inside & (faint[index, columns] > thin[index, columns])
    # Strokes, and rules that run the other way, hide it: there it is neither seen nor missed.
    window = np.ones(min(2 * BIN + 1, width))  # numpy takes the longer one's length
    seen = np.convolve(near, window, mode="same")
    there = np.flatnonzero(seen > 0.4 * np.convolve(near | ~hidden, window, mode="same"))
    if len(there) == 0:
        return None
    start, end = int(there[0]), int(there[-1]) + 1
    open_ = np.count_nonzero((near | ~hidden)[start:end])
    seen_in_all = np.count_nonzero(near[start:end])
    if end - start < SHORTEST * width or seen_in_all < COVERED * open_:
        return None
    if seen_in_all < 0.5 * SHORTEST * width:
        return None
    return _Rule(np.asarray(rows, np.float64), start, end)


def _upright_runs(mask: Mask) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """For each pixel the length of the upright run of ink it is in, and the row it begins at."""
    height = mask.shape[0]
    row = np.arange(height, dtype=np.int32)[:, None]
    last_gap = np.maximum.accumulate(np.where(mask == 0, row, np.int32(-1)), axis=0)
    next_gap = np.minimum.accumulate(np.where(mask == 0, row, np.int32(height))[::-1], axis=0)[::-1]
    return (next_gap - last_gap - 1).astype(np.int32), (last_gap + 1).astype(np.int32)


def _erase(
    erased: Mask,
    rule: _Rule,
    faint: Mask,
    runs: NDArray[np.int32],
    starts: NDArray[np.int32],
    thickest: int,
) -> None:
    """Mark the rule's own runs: those that are hardly longer than the rule is thick."""
    height = faint.shape[0]
    columns = np.arange(rule.start, rule.end)
    reach = max(2, thickest // 2)
    seen = np.zeros(len(columns), np.int64)
    for offset in sorted(range(-reach, reach + 1), key=abs):
        index = np.rint(rule.rows[rule.start : rule.end] + offset).astype(np.int64)
        inside = (index >= 0) & (index < height)
        index = np.clip(index, 0, height - 1)
        fresh = inside & (seen == 0) & (faint[index, columns] > 0)
        seen[fresh] = index[fresh] + 1
    met = np.flatnonzero(seen)
    at, column = seen[met] - 1, columns[met]
    lengths = runs[at, column]
    if len(lengths) == 0:
        return
    usual = float(np.median(lengths[lengths <= thickest])) if (lengths <= thickest).any() else 2.0
    limit = max(usual + 2, 1.5 * usual)
    own = np.flatnonzero(lengths <= limit)
    first, column, lengths = starts[at[own], column[own]], column[own], lengths[own]
    for down in range(int(lengths.max(initial=0))):
        longer = lengths > down
        erased[first[longer] + down, column[longer]] = 1


PAGE_SIDE: Final = 1600
"""Pages are shrunk to this long side: 200 digits in lines are then still 50 pixels high each, more
than twice the 20 that are needed, while a photo's grain is averaged away."""
INK: Final = 0.3
"""Share of the strongest ink from which a pixel is surely ink, on a drawing without grain."""
RULE_WIDTH: Final = 0.08
"""Share of the strongest ink from which something may be a rule."""
MIN_INK_CONTRAST: Final = 0.24
"""The same in photos, whose strongest ink may be much stronger than a pencil's."""
SOFT_EDGE: Final = 0.012  # of the longer side: how far around a piece its tones are looked up
EVEN_BACKGROUND: Final = 0.4  # of a drawing at least has the tone of its ground
RAISED_THRESHOLD: Final = 6  # times, at most, that the tone from which rules are sought is raised
HIGHEST: Final = 0.7
"""Share of the strongest ink up to which the tone may lie that parts ink from shadows."""


@dataclass(frozen=True)
class PageInk:
    """What is known of a picture's ink before digits are looked for; all of one shape.

    Attributes:
        gray: the picture's tones, 0..255.
        light: the same with the ink light.
        clear: what is lighter than the paper, 0..255.
        mask: 1 where ink surely is.
        floor: tones of `clear` up to this are grain; 0 for drawings.
        even: whether the ground is one even tone: a drawing.
    """

    gray: GrayImage
    light: GrayImage
    clear: GrayImage
    mask: Mask
    floor: int
    even: bool


def ink_of(
    picture: NDArray[np.uint8], ink: Ink, paper: int | None, widest: float | None = None
) -> PageInk:
    """Take the paper away from a page.

    Args: as `core.preprocessing.page.detection.find_digits`, and `widest` as
    `core.preprocessing.page.illumination.paper_estimates`.

    Raises:
        PictureError: nothing stands out from the paper.
    """
    gray = to_gray(picture, PAGE_SIDE)
    light, ground, even = normalize_polarity(gray, ink, paper)
    # A table around the sheet may be even, too.
    even = even and float(np.mean(ground[0, 0] == light)) >= EVEN_BACKGROUND
    if paper is not None:
        clear = np.asarray(cv2.subtract(light, ground), np.uint8)
        return PageInk(gray, light, clear, _at_least(clear, INK * _strongest(clear)), 0, True)
    if not even:
        if ink == "auto":
            light = 255 - gray if is_dark(gray) else gray
        return _in_photo(gray, light, widest)
    clear = np.asarray(cv2.subtract(light, ground), np.uint8)
    strongest = _strongest(clear)
    clear = without_components(
        _bare(clear, max(RULE_WIDTH * strongest, SMALLEST_CONTRAST / 3)), clear
    )
    tone = max(INK * _strongest(clear), SMALLEST_CONTRAST / 2)
    return PageInk(gray, light, clear, _at_least(clear, tone), 0, True)


def _in_photo(gray: GrayImage, light: GrayImage, widest: float | None) -> PageInk:
    """The ink of a photo: uneven light, grain, shadows, and what lies around the sheet."""
    above = [_above(light, ground) for ground in paper_estimates(light, widest)]
    grain = above[0][1]
    clears = [clear for clear, _ in above]
    around = find_surroundings(clears[0])
    if around is not None:
        clears = [without_components(around, clear) for clear in clears]
    smooth = [_smoothed(clear) for clear in clears]
    strongest = _strongest(clears[0])
    tone = max(3.5 * grain, RULE_WIDTH * strongest, SMALLEST_CONTRAST / 3)
    each = _rules_of(smooth, tone)
    if any(bare.any() for bare in each):
        clears = [without_components(bare, clear) for bare, clear in zip(each, clears, strict=True)]
        smooth = [without_components(bare, look) for bare, look in zip(each, smooth, strict=True)]
        strongest = _strongest(clears[0])
    tone = max(4.5 * grain, MIN_INK_CONTRAST * strongest, SMALLEST_CONTRAST / 2)
    mask = _at_least(smooth[0], tone)
    mask = mask if around is None else _off_border(mask, around)
    masks = remove_shadows(light, clears, smooth, mask, tone, HIGHEST * strongest)
    floor = int(np.clip(4.0 * grain, 0.15 * strongest, 0.5 * strongest))
    return PageInk(gray, light, _by_parts(clears, masks), np.maximum.reduce(masks), floor, False)


def _by_parts(clears: Sequence[GrayImage], masks: Sequence[Mask]) -> GrayImage:
    """The first picture, and around the pieces that are better seen in another one that."""
    together = clears[0]
    reach = 2 * round(SOFT_EDGE * max(together.shape)) + 1
    for clear, mask in zip(clears[1:], masks[1:], strict=True):
        if mask.any():
            near = cv2.dilate(mask, np.ones((reach, reach), np.uint8))
            together = np.where(near > 0, clear, together).astype(np.uint8)
    return together


def _smoothed(clear: GrayImage) -> GrayImage:
    return np.asarray(cv2.GaussianBlur(clear, (0, 0), 1.0), np.uint8)


def _rules_of(smooth: Sequence[GrayImage], tone: float) -> list[Mask]:
    """Where the rules are, above each of several papers.

    Where a shadow lies on a rule, only paper that follows the light closely shows the rule. But
    wide strokes are hollow above that paper: what is thick above the others stays.
    """
    bare = _bare(smooth[0], tone)
    if len(smooth) == 1:
        return [bare]
    closer = _bare(smooth[-1], tone)
    return [bare, *(bare | without_components(thick_ink(one, tone), closer) for one in smooth[1:])]


def _bare(smooth: GrayImage, tone: float) -> Mask:
    """Where the page's rules are bare of ink."""
    faint = _faint(smooth, tone)
    rules = rules_in(faint)
    if not rules.any():
        return rules
    wide = cv2.dilate(rules, np.ones((3, 3), np.uint8))
    return np.asarray((wide > 0) & ((rules > 0) | (faint == 0)), np.uint8)


def _faint(smooth: GrayImage, tone: float) -> Mask:
    """Where anything stands out from the paper, from this tone on.

    The soft rims of dark rules may cover most of squared paper: then from a higher one.
    """
    for _ in range(RAISED_THRESHOLD):
        if np.count_nonzero(smooth >= tone) <= FULLEST * smooth.size:
            break
        tone *= 1.4
    return _at_least(smooth, tone)


def _at_least(image: GrayImage, tone: float) -> Mask:
    return (image >= max(2.0, tone)).astype(np.uint8)


def _off_border(mask: Mask, around: Mask) -> Mask:
    """Drop pieces at the picture's border beside what lies around the sheet: its rest."""
    count, labels = cv2.connectedComponents(mask, connectivity=8)
    rim = np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])
    beside = labels[cv2.dilate(around, np.ones((5, 5), np.uint8)) > 0]
    kept = np.ones(count, bool)
    kept[np.intersect1d(rim, beside)] = False
    kept[0] = False
    return kept[labels].astype(np.uint8)


def _strongest(clear: GrayImage) -> int:
    """The tone of the page's strong ink, above lone specks and highlights.

    Raises PictureError if there is none.
    """
    smooth = cv2.blur(clear, (3, 3)) if min(clear.shape) > 32 else clear
    peak = int(smooth.max())
    if peak < SMALLEST_CONTRAST:
        raise PictureError("Nothing is drawn: write a digit, in ink that differs from its ground.")
    return upper_percentile(np.where(smooth > 0.35 * peak, smooth, 0).astype(np.uint8), 0.3)


def _above(light: GrayImage, ground: GrayImage) -> tuple[GrayImage, float]:
    """Ink above its paper, and the paper's grain (a standard deviation), both in tones."""
    off = light.astype(np.int16) - ground
    below = -off[::2, ::2][off[::2, ::2] < 0]
    # Half a normal distribution: its median lies at 0.67 standard deviations.
    grain = float(np.median(below)) / 0.67 if len(below) else 0.0
    return np.clip(off, 0, 255).astype(np.uint8), grain
