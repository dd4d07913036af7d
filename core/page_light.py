"""How a page is lit, and what lies around the sheet: which tone is ink, and what the paper's is.

Ink has sharp edges and is a minority, shadows have soft ones, a table comes in from the border:
that is all that is used to tell them apart.
"""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from core.ink_pieces import Labels, Mask
from core.paper import Grey, make_light, resize, top

WIDEST_STROKES: Final = (0.045, 0.09, 0.16)
"""Of the longer side: what is wider is light or shadow. The narrowest that loses no edge of ink."""
BRIGHT: Final = 90.0  # a median tone between boards in good light and paper in the shade
SMALL: Final = 256  # the side of the copy on which the paper's tones are worked out
LOOK: Final = 512  # the side of the copy on which edges are looked at
SOFT: Final = 0.45  # of the usual steepness of edges
SHARP_ALL_ROUND: Final = 0.6  # of a piece's rim
SURELY_SHARP: Final = 0.9  # of a piece's rim: no shadow hangs on it
STEPS: Final = (1.0, 1.3, 1.65, 2.1, 2.7)  # tones at which shadows are parted from ink
HIGHER: Final = 0.04  # of the rim: what a higher tone must gain
NEAR_EDGE: Final = 41  # pixels of that copy across which the sheet's edge may reach
LOST: Final = 0.06  # of the ink's sharp edges that the next narrower paper may lose


def is_dark(grey: Grey) -> bool:
    """Whether the ink of an unevenly lit page is darker than the paper.

    Three signs, which fail on different pages: beside sharp edges, what lies farther from the tone
    of the surroundings' majority is ink; strokes have more of the sharp edges than what they
    enclose; and a bright picture shows paper.
    """
    small = _copy(grey, LOOK)
    light, ground, _ = make_light(small, "light")
    sides = (cv2.subtract(ground, light), cv2.subtract(light, ground))
    dark, bright = (without_surroundings(np.asarray(side, np.uint8)) for side in sides)
    sharp = _sharp(small, np.maximum(dark, bright) > 0)
    apart = [float(np.square(side[sharp].astype(np.float64)).sum()) for side in (dark, bright)]
    edges = [_edges_of_ink(255 - small), _edges_of_ink(small)]
    # How much more likely dark ink is, logarithms. Each sign may be fooled, by shadows or by
    # the table around the sheet, so none may outvote the two others; the cells of squared paper
    # have edges all round as well: these count less.
    by_contrast = np.clip(np.log((apart[0] + 1) / (apart[1] + 1)), -1.5, 1.5)
    by_edges = np.clip(np.log((edges[0] + 1) / (edges[1] + 1)) / 2, -1.5, 1.5)
    # Paper is brighter than boards, most of the time.
    by_tone = np.clip(3 * np.log(max(1.0, float(np.median(small))) / BRIGHT), -2.0, 2.0)
    return bool(by_contrast + by_edges + by_tone >= 0)


def _edges_of_ink(light: Grey) -> float:
    """How much ink-like there is at sharp edges, if the ink is light: a sum of squared tones."""
    clear = np.asarray(cv2.subtract(light, _opened_paper(light, WIDEST_STROKES[-1])), np.uint8)
    clear = without_surroundings(clear)
    mask = _inked(clear)
    count, labels = cv2.connectedComponents(mask, connectivity=8)
    free = np.ones(count, bool)
    free[np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])] = False
    free[0] = False
    if free.any():
        mask = free[labels].astype(np.uint8)
    sharp = _sharp(light, mask > 0) & (mask > 0)
    return float(np.square(clear[sharp].astype(np.float64)).sum())


def _inked(clear: Grey) -> Mask:
    return (clear >= max(6.0, 0.35 * top(clear, 0.03))).astype(np.uint8)


def paper_under(light: Grey) -> Grey:
    """The paper's tones under light ink, uint8 as `light`; it follows light and shadows."""
    copy = _copy(light, LOOK)
    wide = np.asarray(cv2.subtract(copy, _opened_paper(copy, WIDEST_STROKES[-1])), np.uint8)
    around = surroundings(wide)
    if around is not None:
        # The sheet's own edge is sharp, too.
        far = cv2.dilate(around, np.ones((NEAR_EDGE, NEAR_EDGE), np.uint8))
        wide = np.where(far > 0, 0, wide).astype(np.uint8)
    mask = _inked(wide)
    inside = sharp_pieces(wide, mask) > 0
    if not inside.any():  # shadows hang on all ink: only its edges are sure
        inside = _sharp(copy, wide > 0) & (mask > 0)
    for share in WIDEST_STROKES[:-1]:
        narrow = np.asarray(cv2.subtract(copy, _opened_paper(copy, share)), np.uint8)
        lost = np.count_nonzero(inside & (narrow < 0.6 * wide))
        if lost <= LOST * max(1, int(np.count_nonzero(inside))):
            return _opened_paper(light, share)
    return _opened_paper(light, WIDEST_STROKES[-1])


def without_surroundings(clear: Grey) -> Grey:
    """Drop what lies around the sheet: see `surroundings`."""
    around = surroundings(clear)
    return clear if around is None else np.where(around > 0, 0, clear).astype(np.uint8)


def surroundings(clear: Grey) -> Mask | None:
    """Wide ink-like areas that come in from the border, and their rim; None if there are none."""
    side = max(clear.shape)
    mask = (clear >= max(8.0, 0.25 * top(clear, 0.1))).astype(np.uint8)
    k = max(3, round(0.012 * side)) | 1
    # Beyond the border it goes on as at the border: so corners of the table are wide, too.
    padded = cv2.copyMakeBorder(mask, k, k, k, k, cv2.BORDER_REPLICATE)
    wide = cv2.morphologyEx(padded, cv2.MORPH_OPEN, np.ones((k, k), np.uint8))[k:-k, k:-k]
    count, labels = cv2.connectedComponents(np.ascontiguousarray(wide), connectivity=8)
    rim = np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])
    touched = np.bincount(rim, minlength=count)
    touched[0] = 0
    around = (touched >= 0.03 * side)[labels]
    if not around.any():
        return None
    brush = np.ones((2 * k + 1, 2 * k + 1), np.uint8)
    return np.asarray(cv2.dilate(around.astype(np.uint8), brush), np.uint8)


def sharp_pieces(clear: Grey, mask: Mask) -> Mask:
    """The pieces of a mask whose edges are about as sharp as the sharpest: a shadow's are not."""
    return _Edges(clear).sharp(mask, None)


def without_shadows(clear: Grey, smooth: Grey, mask: Mask, tone: float, most: float) -> Mask:
    """The ink of a mask, also where a shadow hangs on it: ink is darker, and has sharp edges.

    A piece whose rim is partly soft is looked at again at higher tones, and taken at the one at
    which its rim is sharp nearly all round (thresholds chosen by the edges; Weszka 1978, "A survey
    of threshold selection techniques").

    Args:
        clear: what is lighter than the paper.
        smooth: the same, smoothed, from which the masks are made.
        mask: where ink may be: `smooth` from `tone` on, or less.
        tone, most: the lowest and the highest tone that may part ink from paper.
    """
    edges = _Edges(clear)
    tones = [max(2.0, tone * step) for step in STEPS if tone * step < most]
    masks = [mask, *(((smooth >= one) & (mask > 0)).astype(np.uint8) for one in tones[1:])]
    usual = max(edges.usual(one) for one in masks)
    count, labels = cv2.connectedComponents(mask, connectivity=8)
    shares = np.stack(
        [edges.shares(one, np.asarray(labels, np.int32), count, usual) for one in masks]
    )
    # Each step up costs, because it makes strokes thinner.
    worth = shares - np.arange(len(masks))[:, None] * HIGHER
    level = np.where(shares[0] >= SURELY_SHARP, 0, worth.argmax(axis=0))
    level[0] = len(masks)
    at = level[labels]
    chosen = np.zeros_like(mask)
    for k, one in enumerate(masks):
        chosen |= one & (at == k)
    return edges.sharp(chosen, usual)


class _Edges:
    """How steep a picture's edges are, against the contrast of what they bound."""

    def __init__(self, clear: Grey) -> None:
        self.clear = clear
        smooth = cv2.GaussianBlur(clear, (0, 0), 1.2)
        across = cv2.Sobel(smooth, cv2.CV_32F, 1, 0, ksize=3, scale=1 / 8)
        down = cv2.Sobel(smooth, cv2.CV_32F, 0, 1, ksize=3, scale=1 / 8)
        rise = np.minimum(cv2.magnitude(across, down), 255.0)
        # The steepest place within a pixel or two of a rim counts.
        self.rise = cv2.dilate(rise, np.ones((5, 5), np.uint8))

    def _rims(self, mask: Mask) -> tuple[NDArray[np.int64], NDArray[np.float64], Labels, int]:
        """The rim's pixels of all pieces, how steep it is there, and the pieces' labels."""
        count, labels = cv2.connectedComponents(mask, connectivity=8)
        inner = cv2.erode(mask, np.ones((3, 3), np.uint8))
        rim, inked = np.flatnonzero(mask > inner), np.flatnonzero(mask)
        of = labels.ravel()[inked]
        tones = np.bincount(of, self.clear.ravel()[inked].astype(np.float64), count)
        contrast = np.maximum(1.0, tones / np.maximum(1, np.bincount(of, minlength=count)))
        steep = self.rise.ravel()[rim] / contrast[labels.ravel()[rim]]
        return rim, steep.astype(np.float64), np.asarray(labels, np.int32), count

    def usual(self, mask: Mask) -> float:
        """How steep rims are."""
        steep = self._rims(mask)[1]
        return float(np.percentile(steep, 60)) if len(steep) else 0.0

    def shares(
        self, mask: Mask, pieces: NDArray[np.int32], count: int, usual: float
    ) -> NDArray[np.float64]:
        """What share of the rim is sharp within each of other `pieces`, float64 (count,)."""
        rim, steep, _, _ = self._rims(mask)
        of = pieces.ravel()[rim]
        sharp = np.bincount(of, steep > SOFT * usual, count)
        return np.asarray(sharp / np.maximum(1, np.bincount(of, minlength=count)), np.float64)

    def sharp(self, mask: Mask, usual: float | None) -> Mask:
        """The pieces of a mask that are sharp on most of their rim."""
        rim, steep, labels, count = self._rims(mask)
        if usual is None:
            usual = float(np.percentile(steep, 60)) if len(steep) else 0.0
        of = labels.ravel()[rim]
        around = np.maximum(1, np.bincount(of, minlength=count))
        keep = np.bincount(of, steep > SOFT * usual, count) / around >= SHARP_ALL_ROUND
        keep[0] = False
        return keep[labels].astype(np.uint8)


def _copy(image: Grey, side: int) -> Grey:
    scale = min(1.0, side / max(image.shape))
    return resize(image, *(max(4, round(n * scale)) for n in image.shape[::-1]))


def _sharp(image: Grey, where: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """What lies within two pixels of the sharp edges in a part of a picture."""
    smooth = cv2.GaussianBlur(image, (0, 0), 0.8)
    across = cv2.Sobel(smooth, cv2.CV_32F, 1, 0, ksize=3)
    down = cv2.Sobel(smooth, cv2.CV_32F, 0, 1, ksize=3)
    rise = np.where(where, cv2.magnitude(across, down), 0)
    # The page's sharpest edges, not its very sharpest pixels.
    strongest = float(np.sort(rise.ravel())[-max(1, rise.size // 200)])
    edges = (rise > max(0.5 * strongest, 8.0)).astype(np.uint8)
    return np.asarray(cv2.dilate(edges, np.ones((5, 5), np.uint8)) > 0)


def _opened_paper(light: Grey, share: float) -> Grey:
    """The paper under strokes of at most this share of the longer side, uint8 as `light`.

    A morphological opening on a small copy, then a weighted mean of what is near it: opening alone
    takes the darkest grain for the paper.
    """
    small = _copy(light, SMALL)
    size = small.shape
    k = max(3, int(share * max(size[0], size[1]))) | 1
    opened = cv2.morphologyEx(small, cv2.MORPH_OPEN, np.ones((k, k), np.uint8))
    off = np.asarray(cv2.subtract(small, opened), np.uint8)
    limit = max(5.0, 0.5 * float(cv2.threshold(off, 0, 255, cv2.THRESH_OTSU)[0]))
    plain = cv2.erode((off <= limit).astype(np.uint8), np.ones((3, 3), np.uint8)).astype(np.float32)
    sigma = max(1.0, max(size[0], size[1]) / 48)
    weight = cv2.GaussianBlur(plain, (0, 0), sigma)
    tones = cv2.GaussianBlur(plain * small, (0, 0), sigma)
    fine = np.where(weight > 0.05, tones / np.maximum(weight, 0.05), opened)
    # Across the paper's edge a mean would mix paper and table; the opening does not.
    bias = float(np.median(fine - opened)) + 4
    fine = np.clip(fine, opened, opened + bias).astype(np.float32)
    back = cv2.resize(fine, light.shape[::-1], interpolation=cv2.INTER_LINEAR)
    return np.rint(np.clip(back, 0, 255)).astype(np.uint8)
