"""Shadows told from ink by their edges: a shadow's are soft, however dark it is.

Where a shadow ends on a digit both are one piece of what is darker than the paper. Such a piece is
looked at again at higher tones, and against paper that follows the light more closely, and is taken
apart where that makes its edges sharper (thresholds chosen by the edges: Weszka 1978, "A survey of
threshold selection techniques"; the best parts of a tree of thresholds: Matas, Chum, Urban and
Pajdla 2002, "Robust wide baseline stereo from maximally stable extremal regions").
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from core.ink_pieces import Labels, Mask, without
from core.paper import Grey, steepness

SOFT: Final = 0.45  # of the usual steepness of edges
SHARP_ALL_ROUND: Final = 0.6  # of a piece's rim
SURELY_SHARP: Final = 0.8  # of a piece's rim: no shadow hangs on it
STEPS: Final = (1.0, 1.3, 1.65, 2.1, 2.7)  # tones at which shadows are parted from ink
DARKEST_LEFT: Final = 0.9  # of the darkest, what must be left where a piece is taken apart
SHEET_EDGE: Final = 0.55  # of the rim of what lies around the sheet is sharp
MOST_OF_IT: Final = 0.85  # of the darkest, what a closer paper must leave to show usual edges
SMALLEST_RIM: Final = 0.05  # of the longer side: pieces with less are no digits
GRAIN: Final = 0.003  # of the longer side: how far a pencil's grain reaches
TAKEN_APART: Final = 0.96  # what sharp rims are worth one step further on: strokes become thinner


def sharp_pieces(clear: Grey, mask: Mask) -> Mask:
    """The pieces of a mask whose edges are about as sharp as the sharpest: a shadow's are not."""
    edges = _Edges(clear)
    rims = edges.rims(mask)
    keep = rims.shares(SOFT * rims.usual()) >= SHARP_ALL_ROUND
    keep[0] = False
    return keep[rims.labels].astype(np.uint8)


def soft_pieces(clear: Grey, pieces: Mask, mask: Mask) -> Mask:
    """Of some pieces those whose edges are much softer than the sharp ones of a mask: shadows."""
    edges = _Edges(clear)
    rims = edges.rims(pieces)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    large = (stats[:, 2:4].max(axis=1) >= 0.02 * max(mask.shape)) & (stats[:, 4] < mask.size)
    large[0] = False
    steep = edges.rims(large[labels].astype(np.uint8)).steep
    sharpest = float(np.percentile(steep, 90)) if len(steep) else 0.0
    soft = rims.shares(SOFT * sharpest) < SHEET_EDGE
    soft[0] = False
    return soft[rims.labels].astype(np.uint8)


def without_shadows(
    light: Grey,
    clears: Sequence[Grey],
    smooth: Sequence[Grey],
    mask: Mask,
    tone: float,
    most: float,
) -> list[Mask]:
    """The ink of a mask, also where a shadow hangs on it: ink is darker, and has sharp edges.

    Args:
        light: the picture with light ink: edges that it does not have are made by a paper.
        clears: what is lighter than the paper, for papers that follow the light ever more closely.
        smooth: the same, smoothed, from which masks are made.
        mask: where ink may be: the first of `smooth` from `tone` on, or less.
        tone, most: the lowest and the highest tone that may part ink from paper.

    Returns:
        For each of `clears` a mask of the pieces that are best seen in it; none share a pixel.
    """
    rise = _rise_of(light)
    first = _Edges(clears[0], rise)
    rims = first.rims(mask)
    tones = [max(2.0, tone * step) for step in STEPS if tone * step < most]
    looks = [rims, *(first.rims(_from(smooth[0], one, mask)) for one in tones[1:])]
    inked = mask > 0
    dark = first.dark[inked]
    for clear, look in zip(clears[1:], smooth[1:], strict=True):
        if float(dark[look[inked] >= tone].sum()) < MOST_OF_IT * float(dark.sum()):
            break  # wide strokes are hollow here, and their grain has sharp rims
        looks.append(_Edges(clear, rise).rims(_from(look, tone, mask)))
    usual = max(look.usual() for look in looks)
    sure = rims.shares(SOFT * usual) >= SURELY_SHARP
    sure[0] = False
    chosen = [sure[rims.labels].astype(np.uint8), *(np.zeros_like(mask) for _ in clears[1:])]
    unsure = without(chosen[0], mask)
    if not unsure.any():
        return chosen
    side = max(mask.shape)
    x, y, w, h = cv2.boundingRect(unsure)
    window = np.s_[y : y + h, x : x + w]
    tree: _Layer | None = None
    for k in range(len(clears) - 1, -1, -1):
        edges = _Edges(clears[k][window], rise[window])
        look = smooth[k][window]
        base = unsure[window] if k == 0 else _from(look, tone, unsure[window])
        deeper: _Layer | None = None
        for one in tones[:0:-1]:
            deeper = _Layer(k, edges, _from(look, one, base), SOFT * usual, side, [deeper])
        tree = _Layer(k, edges, base, SOFT * usual, side, [deeper, tree])
    if tree is not None:
        tree.pick(np.ones(tree.count, bool), [one[window] for one in chosen])
    return chosen


def _from(smooth: Grey, tone: float, mask: Mask) -> Mask:
    return np.asarray((smooth >= tone) & (mask > 0), np.uint8)


def _grain(shape: tuple[int, ...]) -> int:
    return 2 * round(GRAIN * max(shape)) + 3


class _Rims:
    """The rims of a mask's pieces: how steep the picture's edges are there."""

    def __init__(self, mask: Mask, clear: Grey, rise: NDArray[np.float32]) -> None:
        count, labels = cv2.connectedComponents(mask, connectivity=8)
        self.count, self.labels = count, np.asarray(labels, np.int32)
        # The gaps in a pencil's or a chalk's stroke have no rims that count.
        brush = np.ones((_grain(mask.shape),) * 2, np.uint8)
        solid = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, brush)
        inner = cv2.erode(solid, np.ones((3, 3), np.uint8))
        rim, inked = np.flatnonzero(mask > inner), np.flatnonzero(mask)
        of = self.labels.ravel()[inked]
        tones = np.bincount(of, clear.ravel()[inked].astype(np.float64), count)
        contrast = np.maximum(1.0, tones / np.maximum(1, np.bincount(of, minlength=count)))
        self.of = self.labels.ravel()[rim]
        self.steep = rise.ravel()[rim] / contrast[self.of]
        self.around = np.bincount(self.of, minlength=count).astype(np.float64)

    def usual(self) -> float:
        """How steep the rims of large pieces are, against the contrast of what they bound."""
        steep = self.steep[(self.around >= SMALLEST_RIM * max(self.labels.shape))[self.of]]
        return float(np.percentile(steep, 60)) if len(steep) else 0.0

    def sharp(self, least: float) -> NDArray[np.float64]:
        """How many pixels of each piece's rim are that steep, float64 (count,)."""
        return np.bincount(self.of, self.steep > least, self.count).astype(np.float64)

    def shares(self, least: float) -> NDArray[np.float64]:
        """The same as a share of the rim, 0..1."""
        return np.asarray(self.sharp(least) / np.maximum(1.0, self.around), np.float64)


class _Edges:
    """How steep a picture's edges are."""

    def __init__(self, clear: Grey, most: NDArray[np.float32] | None = None) -> None:
        self.clear = np.ascontiguousarray(clear)
        self.rise = _rise_of(self.clear)
        if most is not None:
            self.rise = np.minimum(self.rise, most)
        # How dark it is here, so that ink outweighs much larger shadows; without a pencil's grain.
        self.dark = np.square(np.square(cv2.blur(clear, (_grain(clear.shape),) * 2).astype(float)))

    def rims(self, mask: Mask) -> _Rims:
        """The rims of a mask of the same shape."""
        return _Rims(np.ascontiguousarray(mask), self.clear, self.rise)


def _rise_of(image: Grey) -> NDArray[np.float32]:
    """How steep the steepest place within a pixel or two is, tones a pixel, as `image`."""
    smooth = np.asarray(cv2.GaussianBlur(image, (0, 0), 1.2), np.uint8)
    rise = np.minimum(steepness(smooth), 255.0)
    return np.asarray(cv2.dilate(rise, np.ones((5, 5), np.uint8)), np.float32)


class _Layer:
    """The pieces at one tone, and whether each is better taken whole, or as its parts below.

    Sharp rim speaks for a piece, and soft rim against it, so much that both are even where the
    share of `SHARP_ALL_ROUND` is sharp.
    """

    def __init__(
        self,
        k: int,
        edges: _Edges,
        mask: Mask,
        least: float,
        side: int,
        below: Sequence[_Layer | None],
    ) -> None:
        rims = edges.rims(mask)
        self.k, self.count, self.labels = k, rims.count, rims.labels
        self.below = [one for one in below if one is not None]
        sharp = rims.sharp(least)
        against = SHARP_ALL_ROUND / (1 - SHARP_ALL_ROUND)
        self.worth = np.maximum(0.0, sharp - against * (rims.around - sharp))
        self.worth[rims.around < SMALLEST_RIM * side] = 0.0
        self.worth[0] = 0.0
        self.choice = np.where(self.worth > 0, 0, -1)  # the piece itself, or none of it
        self.parents = []
        inked = np.flatnonzero(self.labels)
        of, dark = self.labels.ravel()[inked], edges.dark.ravel()[inked]
        all_dark = np.maximum(1.0, np.bincount(of, dark, self.count))
        for place, one in enumerate(self.below):
            parents = one.within(self.labels)
            # What loses much of the darkest takes ink for paper.
            left = np.bincount(of, dark * (one.labels.ravel()[inked] > 0), self.count) / all_dark
            parts = TAKEN_APART * np.minimum(1.0, left / DARKEST_LEFT) ** 6
            parts *= np.bincount(parents, one.worth, self.count)
            self.choice[parts > self.worth] = place + 1
            self.worth = np.maximum(self.worth, parts)
            self.parents.append(parents)

    def within(self, labels: Labels) -> NDArray[np.int64]:
        """In which of these pieces each of the layer's own lies, int64 (count,)."""
        inked = np.flatnonzero(self.labels)
        some = np.zeros(self.count, np.int64)
        some[self.labels.ravel()[inked]] = inked
        within = labels.ravel()[some].astype(np.int64)
        within[0] = 0
        return within

    def pick(self, wanted: NDArray[np.bool_], chosen: Sequence[Mask]) -> None:
        """Mark the best parts of the wanted pieces in the masks."""
        whole = wanted & (self.choice == 0)
        whole[0] = False
        np.maximum(chosen[self.k], whole[self.labels].astype(np.uint8), out=chosen[self.k])
        for place, (one, parents) in enumerate(zip(self.below, self.parents, strict=True)):
            one.pick((wanted & (self.choice == place + 1))[parents], chosen)
