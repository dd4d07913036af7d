"""Shadows told from ink by their edges: a shadow's are soft, however dark it is.

Where a shadow ends on a digit both are one piece of what is darker than the paper. Such a piece is
looked at again at higher tones, and against paper that follows the light more closely, and is taken
apart where that makes its edges sharper (thresholds chosen by the edges: Weszka 1978, "A survey of
threshold selection techniques"; the best parts of a tree of thresholds: Matas, Chum, Urban and
Pajdla 2002, "Robust wide baseline stereo from maximally stable extremal regions").

How a page is lit, and what lies around the sheet: which tone is ink, and what the paper's is.

Ink has sharp edges and is a minority, shadows have soft ones, a table comes in from the border:
that is all that is used to tell them apart.
"""

from __future__ import annotations

from collections.abc import Sequence
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
from core.preprocessing.page.components import Labels, Mask, without_components

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


def sharp_components(clear: GrayImage, mask: Mask) -> Mask:
    """The pieces of a mask whose edges are about as sharp as the sharpest: a shadow's are not."""
    edges = _Edges(clear)
    rims = edges.rims(mask)
    keep = rims.shares(SOFT * rims.usual()) >= SHARP_ALL_ROUND
    keep[0] = False
    return keep[rims.labels].astype(np.uint8)


def soft_components(clear: GrayImage, pieces: Mask, mask: Mask) -> Mask:
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


def remove_shadows(
    light: GrayImage,
    clears: Sequence[GrayImage],
    smooth: Sequence[GrayImage],
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
    unsure = without_components(chosen[0], mask)
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


def _from(smooth: GrayImage, tone: float, mask: Mask) -> Mask:
    return np.asarray((smooth >= tone) & (mask > 0), np.uint8)


def _grain(shape: tuple[int, ...]) -> int:
    return 2 * round(GRAIN * max(shape)) + 3


class _Rims:
    """The rims of a mask's pieces: how steep the picture's edges are there."""

    def __init__(self, mask: Mask, clear: GrayImage, rise: NDArray[np.float32]) -> None:
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

    def __init__(self, clear: GrayImage, most: NDArray[np.float32] | None = None) -> None:
        self.clear = np.ascontiguousarray(clear)
        self.rise = _rise_of(self.clear)
        if most is not None:
            self.rise = np.minimum(self.rise, most)
        # How dark it is here, so that ink outweighs much larger shadows; without a pencil's grain.
        self.dark = np.square(np.square(cv2.blur(clear, (_grain(clear.shape),) * 2).astype(float)))

    def rims(self, mask: Mask) -> _Rims:
        """The rims of a mask of the same shape."""
        return _Rims(np.ascontiguousarray(mask), self.clear, self.rise)


def _rise_of(image: GrayImage) -> NDArray[np.float32]:
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


WIDEST_STROKES: Final = (0.045, 0.09, 0.16)
"""Of the longer side: what is wider is light or shadow. The narrowest that loses no edge of ink."""
CLOSEST: Final = 0.028  # the same where shadows end on digits: the strokes of small ones
CLOSER: Final = (*WIDEST_STROKES[1::-1], CLOSEST)
"""What may be tried where the first of them shows nothing: the widest first."""
BRIGHT: Final = 90.0  # a median tone between boards in good light and paper in the shade
NEARBY: Final = 0.16  # of the longer side: strokes are a minority within that far
SMALL: Final = 256  # the side of the copy on which the paper's tones are worked out
LOOK: Final = 512  # the side of the copy on which edges are looked at
EDGE_MARGIN: Final = 41  # pixels of that copy across which the sheet's edge may reach
LOST_INK_SHARE: Final = 0.06  # of the ink's sharp edges that the next narrower paper may lose


def is_dark(gray: GrayImage) -> bool:
    """Whether the ink of an unevenly lit page is darker than the paper.

    Three signs, which fail on different pages: beside sharp edges, what lies farther from the tone
    of the surroundings' majority is ink, by a majority far around, and by one nearby, where shadows
    weigh less; and a bright picture shows paper.
    """
    small = _copy(gray, LOOK)
    light, ground, _ = normalize_polarity(small, "light")
    sides = (cv2.subtract(ground, light), cv2.subtract(light, ground))
    dark, bright = (_without_surroundings(np.asarray(side, np.uint8)) for side in sides)
    sharp = _sharp(small, np.maximum(dark, bright) > 0)
    apart = [float(np.square(side[sharp].astype(np.float64)).sum()) for side in (dark, bright)]
    # How much more likely dark ink is, logarithms. Each sign may be fooled, by shadows or by
    # the table around the sheet, so none may outvote the two others.
    by_contrast = np.clip(np.log((apart[0] + 1) / (apart[1] + 1)), -1.5, 1.5)
    by_minority = np.clip(0.5 * _minority(gray), -2.0, 2.0)
    # Paper is brighter than boards, most of the time.
    by_tone = np.clip(3 * np.log(max(1.0, float(np.median(small))) / BRIGHT), -2.0, 2.0)
    return bool(by_contrast + by_minority + by_tone >= 0)


def _minority(gray: GrayImage) -> float:
    """How much more of what stands out from the medians around it is dark: a logarithm."""
    small = np.asarray(cv2.GaussianBlur(_copy(gray, SMALL), (0, 0), 0.7), np.uint8)
    off = small.astype(np.float64) - cv2.medianBlur(small, round(NEARBY * SMALL) | 1)
    across = cv2.Sobel(small, cv2.CV_32F, 1, 0, ksize=3)
    rise = cv2.magnitude(across, cv2.Sobel(small, cv2.CV_32F, 0, 1, ksize=3))
    strongest = float(np.sort(rise.ravel())[-max(1, rise.size // 100)])
    edges = (rise > max(0.4 * strongest, 8.0)).astype(np.uint8)
    off = off[cv2.dilate(edges, np.ones((3, 3), np.uint8)) > 0]
    dark, bright = (float(np.square(np.maximum(side - 2, 0)).sum()) for side in (-off, off))
    return float(np.log((dark + 100) / (bright + 100)))


def _inked(clear: GrayImage) -> Mask:
    return (clear >= max(6.0, 0.35 * upper_percentile(clear, 0.03))).astype(np.uint8)


def paper_estimates(light: GrayImage, widest: float | None = None) -> list[GrayImage]:
    """The paper's tones under light ink, uint8 as `light`; they follow light and shadows.

    The first is the closest that takes no wide stroke for paper, as far as can be told from all
    of the picture; the others follow the light more closely still, and lose wide strokes.
    `widest`: one of `WIDEST_STROKES` or `CLOSEST`, if it is not to be told from the picture.
    """
    share = widest or _widest_stroke(light)
    return [_opened_paper(light, one) for one in (*WIDEST_STROKES[::-1], CLOSEST) if one <= share]


def _widest_stroke(light: GrayImage) -> float:
    """The narrowest of `WIDEST_STROKES` above whose paper no wide stroke is lost."""
    copy = _copy(light, LOOK)
    wide = _above(copy, WIDEST_STROKES[-1])
    around = find_surroundings(wide)
    if around is not None:
        # The sheet's own edge is sharp, too.
        far = cv2.dilate(around, np.ones((EDGE_MARGIN, EDGE_MARGIN), np.uint8))
        wide = without_components(np.asarray(far, np.uint8), wide)
    mask = _inked(wide)
    inside = sharp_components(wide, mask) > 0
    if not inside.any():  # shadows hang on all ink: only its edges are sure
        inside = _sharp(copy, wide > 0) & (mask > 0)
    for share in WIDEST_STROKES[:-1]:
        narrow = _above(copy, share)
        lost = np.count_nonzero(inside & (narrow < 0.6 * wide))
        if lost <= LOST_INK_SHARE * max(1, int(np.count_nonzero(inside))):
            return share
    return WIDEST_STROKES[-1]


def _without_surroundings(clear: GrayImage) -> GrayImage:
    """Drop what lies around the sheet: see `surroundings`."""
    around = find_surroundings(clear, shadows_too=True)
    return clear if around is None else without_components(around, clear)


def find_surroundings(clear: GrayImage, *, shadows_too: bool = False) -> Mask | None:
    """Wide ink-like areas that come in from the border, and their rim; None if there are none."""
    side = max(clear.shape)
    mask = (clear >= max(8.0, 0.25 * upper_percentile(clear, 0.1))).astype(np.uint8)
    k = max(3, round(0.012 * side)) | 1
    # Beyond the border it goes on as at the border: so corners of the table are wide, too.
    padded = cv2.copyMakeBorder(mask, k, k, k, k, cv2.BORDER_REPLICATE)
    wide = cv2.morphologyEx(padded, cv2.MORPH_OPEN, np.ones((k, k), np.uint8))[k:-k, k:-k]
    count, labels = cv2.connectedComponents(np.ascontiguousarray(wide), connectivity=8)
    rim = np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])
    touched = np.bincount(rim, minlength=count)
    touched[0] = 0
    around = (touched >= 0.03 * side)[labels].astype(np.uint8)
    if around.any() and not shadows_too:
        around[soft_components(clear, around, mask) > 0] = 0
    if not around.any():
        return None
    brush = np.ones((2 * k + 1, 2 * k + 1), np.uint8)
    return np.asarray(cv2.dilate(around, brush), np.uint8)


def _copy(image: GrayImage, side: int) -> GrayImage:
    scale = min(1.0, side / max(image.shape))
    return resize(image, *(max(4, round(n * scale)) for n in image.shape[::-1]))


def _sharp(image: GrayImage, where: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """What lies within two pixels of the sharp edges in a part of a picture."""
    smooth = np.asarray(cv2.GaussianBlur(image, (0, 0), 0.8), np.uint8)
    rise = np.where(where, steepness(smooth), 0)
    # The page's sharpest edges, not its very sharpest pixels.
    strongest = float(np.sort(rise.ravel())[-max(1, rise.size // 200)])
    edges = (rise > max(0.5 * strongest, 1.0)).astype(np.uint8)
    return np.asarray(cv2.dilate(edges, np.ones((5, 5), np.uint8)) > 0)


def _above(light: GrayImage, share: float) -> GrayImage:
    """How far ink stands out from the paper of `_opened_paper`, uint8 as `light`."""
    return np.asarray(cv2.subtract(light, _opened_paper(light, share)), np.uint8)


def _opened_paper(light: GrayImage, share: float) -> GrayImage:
    """The paper under strokes of at most this share of the longer side, uint8 as `light`.

    A morphological opening on a small copy, then a weighted mean of what is near it: opening alone
    takes the darkest grain for the paper.
    """
    small = _copy(light, SMALL)
    size = small.shape
    k = max(3, int(share * max(size[0], size[1]))) | 1
    brush = np.ones((k, k), np.uint8)
    opened = np.asarray(cv2.morphologyEx(small, cv2.MORPH_OPEN, brush), np.uint8)
    off = np.asarray(cv2.subtract(small, opened), np.uint8)
    limit = max(5.0, 0.5 * float(cv2.threshold(off, 0, 255, cv2.THRESH_OTSU)[0]))
    even = (off <= limit).astype(np.uint8)
    plain = np.asarray(cv2.erode(even, np.ones((3, 3), np.uint8)), np.uint8)
    sigma = max(1.0, max(size[0], size[1]) / 48)
    fine = blur_within(small, plain, sigma, least=0.05, otherwise=opened)
    # Across the paper's edge a mean would mix paper and table; the opening does not.
    bias = float(np.median(fine - opened)) + 4
    fine = np.clip(fine, opened, opened + bias).astype(np.float32)
    return enlarge_tones(fine, light.shape)
