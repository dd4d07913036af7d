"""How a page is lit: which tone is ink, what the paper's tones are, and what is only shadow.

Ink has sharp edges and is a minority, shadows have soft ones, a table comes in from the border:
nothing else is used to tell them apart.

`has_dark_ink` and `estimate_paper` look at the page as a whole, `find_surroundings` finds the table
around the sheet, and `remove_shadows` tells shadows from ink by their edges: a shadow's are soft,
however dark it is. Where a shadow ends on a digit both are one piece of what is darker than the
paper. Such a piece is looked at again at higher tones, and against paper that follows the light
more closely, and is taken apart where that makes its edges sharper (thresholds chosen by the edges:
Weszka 1978, "A survey of threshold selection techniques"; the best parts of a tree of thresholds:
Matas, Chum, Urban and Pajdla 2002, "Robust wide baseline stereo from maximally stable extremal
regions").
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from core.preprocessing.background import (
    GrayImage,
    blur_within,
    enlarge_tones,
    normalize_polarity,
    resize,
    steepness,
    upper_percentile,
)
from core.preprocessing.page.components import Labels, Mask, erase_where

_MAX_STROKE_WIDTHS: Final = (0.045, 0.09, 0.16)
"""Shares of the longer side: what is wider is light or shadow. The narrowest is taken that loses no
edge of ink."""
_SMALL_STROKE_WIDTH: Final = 0.028
"""The same where shadows end on digits: the strokes of small ones."""
CLOSER_STROKE_WIDTHS: Final = (*_MAX_STROKE_WIDTHS[1::-1], _SMALL_STROKE_WIDTH)
"""What may be tried where the first of them shows nothing: the widest first."""
_PAPER_MEDIAN_TONE: Final = 90.0
"""A median tone, 0..255, between boards in good light and paper in the shade."""
_MEDIAN_WINDOW: Final = 0.16
"""Share of the longer side: within that far strokes are a minority."""
_PAPER_COPY_SIDE: Final = 256
"""The longer side in pixels of the copy on which the paper's tones are estimated."""
_EDGE_COPY_SIDE: Final = 512
"""The longer side in pixels of the copy on which edges are looked at."""
_SHEET_EDGE_WIDTH: Final = 41
"""Pixels of that copy across which the sheet's edge may reach."""
_MAX_LOST_EDGES: Final = 0.06
"""Share of the ink's sharp edges that the next narrower paper may lose."""

_SOFT_STEEPNESS: Final = 0.45
"""Share of the usual steepness below which an edge is soft."""
_MIN_SHARP_RIM: Final = 0.6
"""Share of a piece's rim that is sharp if it is ink."""
_SURELY_SHARP_RIM: Final = 0.8
"""Share of a piece's rim that is sharp if no shadow hangs on it."""
_MIN_SHARP_SHEET_RIM: Final = 0.55
"""Share of the rim of what lies around the sheet that is sharp."""
_THRESHOLD_FACTORS: Final = (1.0, 1.3, 1.65, 2.1, 2.7)
"""Times the lowest tone: the tones at which shadows are parted from ink."""
_MIN_DARKEST_KEPT: Final = 0.9
"""Share of a piece's darkest parts that must be left where it is taken apart."""
_MIN_DARKNESS_KEPT: Final = 0.85
"""Share of the page's darkest parts that a closer paper must leave to show usual edges."""
_MIN_RIM_LENGTH: Final = 0.05
"""Share of the longer side: pieces with less rim are no digits."""
_GRAIN_REACH: Final = 0.003
"""How far a pencil's grain reaches, as a share of the longer side."""
_SPLIT_DISCOUNT: Final = 0.96
"""What sharp rims are worth one step further on: strokes become thinner."""


def has_dark_ink(gray: GrayImage) -> bool:
    """Tell whether the ink of an unevenly lit page is darker than the paper.

    Three signs, which fail on different pages: beside sharp edges, what lies farther from the tone
    of the surroundings' majority is ink, by a majority far around, and by one nearby, where shadows
    weigh less; and a bright picture shows paper.

    Example:
        >>> paper = np.tile(np.linspace(150, 230, 200).astype(np.uint8), (200, 1))
        >>> paper[60:140, 90:100] = 30
        >>> has_dark_ink(paper), has_dark_ink(255 - paper)
        (True, False)
    """
    small = _shrink(gray, _EDGE_COPY_SIDE)
    light, background, _ = normalize_polarity(small, "light")
    sides = (cv2.subtract(background, light), cv2.subtract(light, background))
    dark, bright = (_erase_surroundings(np.asarray(side, np.uint8)) for side in sides)
    sharp = _near_sharp_edges(small, np.maximum(dark, bright) > 0)
    energies = [float(np.square(side[sharp].astype(np.float64)).sum()) for side in (dark, bright)]
    # How much more likely dark ink is, logarithms. Each sign may be fooled, by shadows or by
    # the table around the sheet, so none may outvote the two others.
    by_contrast = np.clip(np.log((energies[0] + 1) / (energies[1] + 1)), -1.5, 1.5)
    by_minority = np.clip(0.5 * _dark_log_odds(gray), -2.0, 2.0)
    # Paper is brighter than boards, most of the time.
    by_tone = np.clip(3 * np.log(max(1.0, float(np.median(small))) / _PAPER_MEDIAN_TONE), -2.0, 2.0)
    return bool(by_contrast + by_minority + by_tone >= 0)


def _dark_log_odds(gray: GrayImage) -> float:
    """The logarithm of how much more of what stands out from the medians around it is dark."""
    small = np.asarray(cv2.GaussianBlur(_shrink(gray, _PAPER_COPY_SIDE), (0, 0), 0.7), np.uint8)
    difference = small.astype(np.float64) - cv2.medianBlur(
        small, round(_MEDIAN_WINDOW * _PAPER_COPY_SIDE) | 1
    )
    across = cv2.Sobel(small, cv2.CV_32F, 1, 0, ksize=3)
    rise = cv2.magnitude(across, cv2.Sobel(small, cv2.CV_32F, 0, 1, ksize=3))
    strongest = float(np.sort(rise.ravel())[-max(1, rise.size // 100)])
    edges = (rise > max(0.4 * strongest, 8.0)).astype(np.uint8)
    difference = difference[cv2.dilate(edges, np.ones((3, 3), np.uint8)) > 0]
    sides = (-difference, difference)
    dark, bright = (float(np.square(np.maximum(side - 2, 0)).sum()) for side in sides)
    return float(np.log((dark + 100) / (bright + 100)))


def _ink_mask(foreground: GrayImage) -> Mask:
    """Where a picture without its paper is inked."""
    return (foreground >= max(6.0, 0.35 * upper_percentile(foreground, 0.03))).astype(np.uint8)


def estimate_paper(light: GrayImage, stroke_width: float | None = None) -> list[GrayImage]:
    """Estimate the paper's tones under light ink; they follow light and shadows.

    Args:
        light: the picture with light ink.
        stroke_width: of the widest stroke, one of `_MAX_STROKE_WIDTHS` or `_SMALL_STROKE_WIDTH`;
            None tells it from the picture.

    Returns:
        Estimates, uint8 as `light`. The first is the closest that takes no wide stroke for paper,
        as far as the whole picture shows; the others follow the light more closely still, and lose
        wide strokes.
    """
    max_width = stroke_width or _choose_stroke_width(light)
    return [
        _estimate_paper_under(light, width)
        for width in (*_MAX_STROKE_WIDTHS[::-1], _SMALL_STROKE_WIDTH)
        if width <= max_width
    ]


def _choose_stroke_width(light: GrayImage) -> float:
    """The narrowest of `_MAX_STROKE_WIDTHS` whose paper loses no wide stroke."""
    copy = _shrink(light, _EDGE_COPY_SIDE)
    wide = _subtract_paper(copy, _MAX_STROKE_WIDTHS[-1])
    surroundings = find_surroundings(wide)
    if surroundings is not None:
        # The sheet's own edge is sharp, too.
        brush = np.ones((_SHEET_EDGE_WIDTH, _SHEET_EDGE_WIDTH), np.uint8)
        near_edge = cv2.dilate(surroundings, brush)
        wide = erase_where(np.asarray(near_edge, np.uint8), wide)
    mask = _ink_mask(wide)
    is_ink = sharp_components(wide, mask) > 0
    if not is_ink.any():  # shadows hang on all ink: only its edges are sure
        is_ink = _near_sharp_edges(copy, wide > 0) & (mask > 0)
    for width in _MAX_STROKE_WIDTHS[:-1]:
        narrow = _subtract_paper(copy, width)
        lost = np.count_nonzero(is_ink & (narrow < 0.6 * wide))
        if lost <= _MAX_LOST_EDGES * max(1, int(np.count_nonzero(is_ink))):
            return width
    return _MAX_STROKE_WIDTHS[-1]


def _erase_surroundings(foreground: GrayImage) -> GrayImage:
    """Erase what lies around the sheet, with its shadows: see `find_surroundings`."""
    surroundings = find_surroundings(foreground, shadows_too=True)
    return foreground if surroundings is None else erase_where(surroundings, foreground)


def find_surroundings(foreground: GrayImage, *, shadows_too: bool = False) -> Mask | None:
    """Find wide ink-like areas that come in from the border: the table around a sheet.

    Args:
        foreground: what is lighter than the paper.
        shadows_too: whether areas with soft edges count, too.

    Returns:
        The mask of the areas and their rim; None if there are none.
    """
    side = max(foreground.shape)
    mask = (foreground >= max(8.0, 0.25 * upper_percentile(foreground, 0.1))).astype(np.uint8)
    width = max(3, round(0.012 * side)) | 1
    # Beyond the border it goes on as at the border: so corners of the table are wide, too.
    padded = cv2.copyMakeBorder(mask, width, width, width, width, cv2.BORDER_REPLICATE)
    opened = cv2.morphologyEx(padded, cv2.MORPH_OPEN, np.ones((width, width), np.uint8))
    wide = opened[width:-width, width:-width]
    count, labels = cv2.connectedComponents(np.ascontiguousarray(wide), connectivity=8)
    border = np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])
    border_pixels = np.bincount(border, minlength=count)
    border_pixels[0] = 0
    surroundings = (border_pixels >= 0.03 * side)[labels].astype(np.uint8)
    if surroundings.any() and not shadows_too:
        surroundings[soft_components(foreground, surroundings, mask) > 0] = 0
    if not surroundings.any():
        return None
    brush = np.ones((2 * width + 1, 2 * width + 1), np.uint8)
    return np.asarray(cv2.dilate(surroundings, brush), np.uint8)


def _shrink(image: GrayImage, side: int) -> GrayImage:
    """A copy of at most `side` pixels on the longer side."""
    scale = min(1.0, side / max(image.shape))
    return resize(image, *(max(4, round(length * scale)) for length in image.shape[::-1]))


def _near_sharp_edges(image: GrayImage, where: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """What lies within two pixels of the sharp edges in a part of a picture."""
    smooth = np.asarray(cv2.GaussianBlur(image, (0, 0), 0.8), np.uint8)
    rise = np.where(where, steepness(smooth), 0)
    # The page's sharpest edges, not its very sharpest pixels.
    strongest = float(np.sort(rise.ravel())[-max(1, rise.size // 200)])
    edges = (rise > max(0.5 * strongest, 1.0)).astype(np.uint8)
    return np.asarray(cv2.dilate(edges, np.ones((5, 5), np.uint8)) > 0)


def _subtract_paper(light: GrayImage, width: float) -> GrayImage:
    """How far ink stands out from the paper of `_estimate_paper_under`, uint8 as `light`."""
    return np.asarray(cv2.subtract(light, _estimate_paper_under(light, width)), np.uint8)


def _estimate_paper_under(light: GrayImage, width: float) -> GrayImage:
    """The paper under strokes of at most this width, a share of the longer side; uint8 as `light`.

    A morphological opening on a small copy, then a weighted mean of what is near it: opening alone
    takes the darkest grain for the paper.
    """
    small = _shrink(light, _PAPER_COPY_SIDE)
    shape = small.shape
    size = max(3, int(width * max(shape[0], shape[1]))) | 1
    brush = np.ones((size, size), np.uint8)
    opened = np.asarray(cv2.morphologyEx(small, cv2.MORPH_OPEN, brush), np.uint8)
    difference = np.asarray(cv2.subtract(small, opened), np.uint8)
    limit = max(5.0, 0.5 * float(cv2.threshold(difference, 0, 255, cv2.THRESH_OTSU)[0]))
    is_even = (difference <= limit).astype(np.uint8)
    is_paper = np.asarray(cv2.erode(is_even, np.ones((3, 3), np.uint8)), np.uint8)
    sigma = max(1.0, max(shape[0], shape[1]) / 48)
    blurred = blur_within(small, is_paper, sigma, min_weight=0.05, fallback=opened)
    # Across the paper's edge a mean would mix paper and table; the opening does not.
    bias = float(np.median(blurred - opened)) + 4
    blurred = np.clip(blurred, opened, opened + bias).astype(np.float32)
    return enlarge_tones(blurred, light.shape)


def sharp_components(foreground: GrayImage, mask: Mask) -> Mask:
    """Keep the pieces of a mask whose edges are about as sharp as usual: a shadow's are not."""
    edges = _Edges(foreground)
    rims = edges.rims(mask)
    is_kept = rims.sharp_shares(_SOFT_STEEPNESS * rims.usual_steepness()) >= _MIN_SHARP_RIM
    is_kept[0] = False
    return is_kept[rims.labels].astype(np.uint8)


def soft_components(foreground: GrayImage, pieces: Mask, mask: Mask) -> Mask:
    """Keep of some pieces those with much softer edges than the sharp ones of a mask: shadows."""
    edges = _Edges(foreground)
    rims = edges.rims(pieces)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    is_large = (stats[:, 2:4].max(axis=1) >= 0.02 * max(mask.shape)) & (stats[:, 4] < mask.size)
    is_large[0] = False
    rise = edges.rims(is_large[labels].astype(np.uint8)).steepness
    sharpest = float(np.percentile(rise, 90)) if len(rise) else 0.0
    is_soft = rims.sharp_shares(_SOFT_STEEPNESS * sharpest) < _MIN_SHARP_SHEET_RIM
    is_soft[0] = False
    return is_soft[rims.labels].astype(np.uint8)


def remove_shadows(
    light: GrayImage,
    foregrounds: Sequence[GrayImage],
    smoothed: Sequence[GrayImage],
    mask: Mask,
    threshold: float,
    max_threshold: float,
) -> list[Mask]:
    """Keep the ink of a mask, also where a shadow hangs on it: ink is darker, and has sharp edges.

    Args:
        light: the picture with light ink: edges that it does not have are made by a paper.
        foregrounds: what is lighter than the paper, for estimates of the paper that follow the
            light ever more closely.
        smoothed: the same, smoothed, from which masks are made.
        mask: where ink may be: the first of `smoothed` from `threshold` on, or less.
        threshold: the lowest tone, 0..255, that may part ink from paper.
        max_threshold: the highest.

    Returns:
        For each of `foregrounds` a mask of the pieces that are best seen in it; none share a pixel.
    """
    max_rise = _max_rise(light)
    edges = _Edges(foregrounds[0], max_rise)
    rims = edges.rims(mask)
    tones = [threshold * factor for factor in _THRESHOLD_FACTORS]
    higher = [max(2.0, tone) for tone in tones if tone < max_threshold][1:]
    candidates = [rims, *(edges.rims(_threshold(smoothed[0], t, mask)) for t in higher)]
    candidates += _rims_by_closer_papers(
        foregrounds[1:], smoothed[1:], mask, threshold, edges.darkness, max_rise
    )
    min_steepness = _SOFT_STEEPNESS * max(candidate.usual_steepness() for candidate in candidates)
    is_sure = rims.sharp_shares(min_steepness) >= _SURELY_SHARP_RIM
    is_sure[0] = False
    masks = [is_sure[rims.labels].astype(np.uint8), *(np.zeros_like(mask) for _ in foregrounds[1:])]
    unsure = erase_where(masks[0], mask)
    if not unsure.any():
        return masks
    x, y, w, h = cv2.boundingRect(unsure)
    window = np.s_[y : y + h, x : x + w]
    layers = _nested_layers(
        [foreground[window] for foreground in foregrounds],
        [image[window] for image in smoothed],
        unsure[window],
        [threshold, *higher],
        max_rise[window],
        min_steepness,
        max(mask.shape),
    )
    if layers is not None:
        layers.mark_best(np.ones(layers.count, bool), [chosen[window] for chosen in masks])
    return masks


def _rims_by_closer_papers(
    foregrounds: Sequence[GrayImage],
    smoothed: Sequence[GrayImage],
    mask: Mask,
    threshold: float,
    darkness: NDArray[np.float64],
    max_rise: NDArray[np.float32],
) -> Iterator[_Rims]:
    """Yield the rims of the ink by each closer estimate of the paper that keeps the dark ink.

    Args:
        foregrounds: as for `remove_shadows`, without the first.
        smoothed: the same, smoothed.
        mask: where ink may be.
        threshold: the lowest tone, 0..255, of ink.
        darkness: of the first foreground, as in `_Edges`.
        max_rise: of the picture with light ink.
    """
    inked = mask > 0
    darkness = darkness[inked]
    for foreground, image in zip(foregrounds, smoothed, strict=True):
        kept = float(darkness[image[inked] >= threshold].sum())
        if kept < _MIN_DARKNESS_KEPT * float(darkness.sum()):
            return  # wide strokes are hollow here, and their grain has sharp rims
        yield _Edges(foreground, max_rise).rims(_threshold(image, threshold, mask))


def _nested_layers(
    foregrounds: Sequence[GrayImage],
    smoothed: Sequence[GrayImage],
    unsure: Mask,
    thresholds: Sequence[float],
    max_rise: NDArray[np.float32],
    min_steepness: float,
    side: int,
) -> _Layer | None:
    """Nest the pieces at all tones, by all estimates of the paper; the outermost are the widest.

    Args:
        foregrounds: as for `remove_shadows`, in a window of the picture.
        smoothed: the same, smoothed.
        unsure: pieces in the window that are ink, shadow or both.
        thresholds: tones, 0..255, in rising order, at least one.
        max_rise: of the picture with light ink, in the window.
        min_steepness: from which on a rim is sharp.
        side: of the whole picture, the longer one, in pixels.

    Returns:
        The layer of `unsure`; None if there are no foregrounds.
    """
    outer: _Layer | None = None
    for k in range(len(foregrounds) - 1, -1, -1):
        edges = _Edges(foregrounds[k], max_rise)
        base = unsure if k == 0 else _threshold(smoothed[k], thresholds[0], unsure)
        below: _Layer | None = None
        for t in thresholds[:0:-1]:
            part = _threshold(smoothed[k], t, base)
            below = _Layer(k, edges, part, min_steepness, side, [below])
        outer = _Layer(k, edges, base, min_steepness, side, [below, outer])
    return outer


def _threshold(smoothed: GrayImage, threshold: float, mask: Mask) -> Mask:
    """The part of a mask that reaches a tone."""
    return np.asarray((smoothed >= threshold) & (mask > 0), np.uint8)


def _grain_size(shape: tuple[int, ...]) -> int:
    """The side in pixels of a square that is wider than a pencil's grain."""
    return 2 * round(_GRAIN_REACH * max(shape)) + 3


class _Rims:
    """The rims of a mask's pieces: how steep the picture's edges are there.

    Attributes:
        count: the number of pieces, with the background as piece 0.
        labels: which piece each pixel belongs to.
        piece_of_pixel: the piece of each pixel of the rims, int32 (rim pixels,).
        steepness: of each pixel of the rims, against the mean contrast of its piece.
        lengths: of each piece's rim in pixels, float64 (count,).
    """

    def __init__(self, mask: Mask, foreground: GrayImage, rise: NDArray[np.float32]) -> None:
        count, labels = cv2.connectedComponents(mask, connectivity=8)
        self.count, self.labels = count, np.asarray(labels, np.int32)
        # The gaps in a pencil's or a chalk's stroke have no rims that count.
        brush = np.ones((_grain_size(mask.shape),) * 2, np.uint8)
        solid = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, brush)
        inner = cv2.erode(solid, np.ones((3, 3), np.uint8))
        rim, inked = np.flatnonzero(mask > inner), np.flatnonzero(mask)
        piece_of_pixel = self.labels.ravel()[inked]
        tones = np.bincount(piece_of_pixel, foreground.ravel()[inked].astype(np.float64), count)
        areas = np.bincount(piece_of_pixel, minlength=count)
        contrast = np.maximum(1.0, tones / np.maximum(1, areas))
        self.piece_of_pixel = self.labels.ravel()[rim]
        self.steepness = rise.ravel()[rim] / contrast[self.piece_of_pixel]
        self.lengths = np.bincount(self.piece_of_pixel, minlength=count).astype(np.float64)

    def usual_steepness(self) -> float:
        """How steep the rims of large pieces are, against the contrast of what they bound."""
        is_large = self.lengths >= _MIN_RIM_LENGTH * max(self.labels.shape)
        large = self.steepness[is_large[self.piece_of_pixel]]
        return float(np.percentile(large, 60)) if len(large) else 0.0

    def sharp_lengths(self, min_steepness: float) -> NDArray[np.float64]:
        """How many pixels of each piece's rim are steeper than that, float64 (count,)."""
        is_sharp = self.steepness > min_steepness
        return np.bincount(self.piece_of_pixel, is_sharp, self.count).astype(np.float64)

    def sharp_shares(self, min_steepness: float) -> NDArray[np.float64]:
        """The same as a share of the rim, 0..1."""
        shares = self.sharp_lengths(min_steepness) / np.maximum(1.0, self.lengths)
        return np.asarray(shares, np.float64)


class _Edges:
    """How steep a picture's edges are.

    Attributes:
        foreground: the picture: what is lighter than the paper.
        rise: the steepest rise near each pixel, tones a pixel, float32.
        darkness: the fourth power of the tones, float64.
    """

    def __init__(self, foreground: GrayImage, max_rise: NDArray[np.float32] | None = None) -> None:
        self.foreground = np.ascontiguousarray(foreground)
        self.rise = _max_rise(self.foreground)
        if max_rise is not None:
            self.rise = np.minimum(self.rise, max_rise)
        # How dark it is here, so that ink outweighs much larger shadows; without a pencil's grain.
        smooth = cv2.blur(foreground, (_grain_size(foreground.shape),) * 2).astype(float)
        self.darkness = np.square(np.square(smooth))

    def rims(self, mask: Mask) -> _Rims:
        """The rims of a mask of the same shape."""
        return _Rims(np.ascontiguousarray(mask), self.foreground, self.rise)


def _max_rise(image: GrayImage) -> NDArray[np.float32]:
    """How steep the steepest place within a pixel or two is, tones a pixel, as `image`."""
    smooth = np.asarray(cv2.GaussianBlur(image, (0, 0), 1.2), np.uint8)
    rise = np.minimum(steepness(smooth), 255.0)
    return np.asarray(cv2.dilate(rise, np.ones((5, 5), np.uint8)), np.float32)


class _Layer:
    """The pieces at one tone, and whether each is better taken whole, or as its parts below.

    Sharp rim speaks for a piece, and soft rim against it, so much that both are even where the
    share of `_MIN_SHARP_RIM` is sharp.

    Attributes:
        index: which of the foregrounds it belongs to.
        count, labels: its pieces, as in `_Rims`.
        below: layers that hold parts of its pieces.
        value: what each piece is worth at best, whole or as parts, float64 (count,).
        choice: for each piece 0 to take it whole, k to take its parts in the layer `below[k - 1]`,
            -1 to take none of it.
        parents: for each layer below, which of these pieces each of its own lies in.
    """

    def __init__(
        self,
        index: int,
        edges: _Edges,
        mask: Mask,
        min_steepness: float,
        side: int,
        below: Sequence[_Layer | None],
    ) -> None:
        rims = edges.rims(mask)
        self.index, self.count, self.labels = index, rims.count, rims.labels
        self.below = [part_layer for part_layer in below if part_layer is not None]
        sharp_rim = rims.sharp_lengths(min_steepness)
        soft_weight = _MIN_SHARP_RIM / (1 - _MIN_SHARP_RIM)
        self.value = np.maximum(0.0, sharp_rim - soft_weight * (rims.lengths - sharp_rim))
        self.value[rims.lengths < _MIN_RIM_LENGTH * side] = 0.0
        self.value[0] = 0.0
        self.choice = np.where(self.value > 0, 0, -1)
        self.parents = []
        inked = np.flatnonzero(self.labels)
        piece_of_pixel, darkness = self.labels.ravel()[inked], edges.darkness.ravel()[inked]
        all_darkness = np.maximum(1.0, np.bincount(piece_of_pixel, darkness, self.count))
        for position, part_layer in enumerate(self.below):
            parents = part_layer.within(self.labels)
            # What loses much of the darkest takes ink for paper.
            left = darkness * (part_layer.labels.ravel()[inked] > 0)
            kept = np.bincount(piece_of_pixel, left, self.count) / all_darkness
            parts = _SPLIT_DISCOUNT * np.minimum(1.0, kept / _MIN_DARKEST_KEPT) ** 6
            parts *= np.bincount(parents, part_layer.value, self.count)
            self.choice[parts > self.value] = position + 1
            self.value = np.maximum(self.value, parts)
            self.parents.append(parents)

    def within(self, labels: Labels) -> NDArray[np.int64]:
        """Which piece of `labels` each piece of this layer lies in, int64 (count,)."""
        inked = np.flatnonzero(self.labels)
        sample = np.zeros(self.count, np.int64)
        sample[self.labels.ravel()[inked]] = inked
        parents = labels.ravel()[sample].astype(np.int64)
        parents[0] = 0
        return parents

    def mark_best(self, wanted: NDArray[np.bool_], masks: Sequence[Mask]) -> None:
        """Mark the best parts of the wanted pieces in the masks."""
        is_whole = wanted & (self.choice == 0)
        is_whole[0] = False
        np.maximum(masks[self.index], is_whole[self.labels].astype(np.uint8), out=masks[self.index])
        for position, (layer, parents) in enumerate(zip(self.below, self.parents, strict=True)):
            layer.mark_best((wanted & (self.choice == position + 1))[parents], masks)
