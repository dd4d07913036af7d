"""How a page is lit, and what lies around the sheet: which tone is ink, and what the paper's is.

Ink has sharp edges and is a minority, shadows have soft ones, a table comes in from the border:
that is all that is used to tell them apart.
"""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from core.ink_pieces import Mask, without
from core.paper import Grey, blur_within, enlarge_tones, make_light, resize, steepness, top
from core.shadows import sharp_pieces, soft_pieces

WIDEST_STROKES: Final = (0.045, 0.09, 0.16)
"""Of the longer side: what is wider is light or shadow. The narrowest that loses no edge of ink."""
CLOSEST: Final = 0.028  # the same where shadows end on digits: the strokes of small ones
CLOSER: Final = (*WIDEST_STROKES[1::-1], CLOSEST)
"""What may be tried where the first of them shows nothing: the widest first."""
BRIGHT: Final = 90.0  # a median tone between boards in good light and paper in the shade
NEARBY: Final = 0.16  # of the longer side: strokes are a minority within that far
SMALL: Final = 256  # the side of the copy on which the paper's tones are worked out
LOOK: Final = 512  # the side of the copy on which edges are looked at
NEAR_EDGE: Final = 41  # pixels of that copy across which the sheet's edge may reach
LOST: Final = 0.06  # of the ink's sharp edges that the next narrower paper may lose


def is_dark(grey: Grey) -> bool:
    """Whether the ink of an unevenly lit page is darker than the paper.

    Three signs, which fail on different pages: beside sharp edges, what lies farther from the tone
    of the surroundings' majority is ink, by a majority far around, and by one nearby, where shadows
    weigh less; and a bright picture shows paper.
    """
    small = _copy(grey, LOOK)
    light, ground, _ = make_light(small, "light")
    sides = (cv2.subtract(ground, light), cv2.subtract(light, ground))
    dark, bright = (_without_surroundings(np.asarray(side, np.uint8)) for side in sides)
    sharp = _sharp(small, np.maximum(dark, bright) > 0)
    apart = [float(np.square(side[sharp].astype(np.float64)).sum()) for side in (dark, bright)]
    # How much more likely dark ink is, logarithms. Each sign may be fooled, by shadows or by
    # the table around the sheet, so none may outvote the two others.
    by_contrast = np.clip(np.log((apart[0] + 1) / (apart[1] + 1)), -1.5, 1.5)
    by_minority = np.clip(0.5 * _minority(grey), -2.0, 2.0)
    # Paper is brighter than boards, most of the time.
    by_tone = np.clip(3 * np.log(max(1.0, float(np.median(small))) / BRIGHT), -2.0, 2.0)
    return bool(by_contrast + by_minority + by_tone >= 0)


def _minority(grey: Grey) -> float:
    """How much more of what stands out from the medians around it is dark: a logarithm."""
    small = np.asarray(cv2.GaussianBlur(_copy(grey, SMALL), (0, 0), 0.7), np.uint8)
    off = small.astype(np.float64) - cv2.medianBlur(small, round(NEARBY * SMALL) | 1)
    across = cv2.Sobel(small, cv2.CV_32F, 1, 0, ksize=3)
    rise = cv2.magnitude(across, cv2.Sobel(small, cv2.CV_32F, 0, 1, ksize=3))
    strongest = float(np.sort(rise.ravel())[-max(1, rise.size // 100)])
    edges = (rise > max(0.4 * strongest, 8.0)).astype(np.uint8)
    off = off[cv2.dilate(edges, np.ones((3, 3), np.uint8)) > 0]
    dark, bright = (float(np.square(np.maximum(side - 2, 0)).sum()) for side in (-off, off))
    return float(np.log((dark + 100) / (bright + 100)))


def _inked(clear: Grey) -> Mask:
    return (clear >= max(6.0, 0.35 * top(clear, 0.03))).astype(np.uint8)


def papers_under(light: Grey, widest: float | None = None) -> list[Grey]:
    """The paper's tones under light ink, uint8 as `light`; they follow light and shadows.

    The first is the closest that takes no wide stroke for paper, as far as can be told from all
    of the picture; the others follow the light more closely still, and lose wide strokes.
    `widest`: one of `WIDEST_STROKES` or `CLOSEST`, if it is not to be told from the picture.
    """
    share = widest or _widest_stroke(light)
    return [_opened_paper(light, one) for one in (*WIDEST_STROKES[::-1], CLOSEST) if one <= share]


def _widest_stroke(light: Grey) -> float:
    """The narrowest of `WIDEST_STROKES` above whose paper no wide stroke is lost."""
    copy = _copy(light, LOOK)
    wide = _above(copy, WIDEST_STROKES[-1])
    around = surroundings(wide)
    if around is not None:
        # The sheet's own edge is sharp, too.
        far = cv2.dilate(around, np.ones((NEAR_EDGE, NEAR_EDGE), np.uint8))
        wide = without(np.asarray(far, np.uint8), wide)
    mask = _inked(wide)
    inside = sharp_pieces(wide, mask) > 0
    if not inside.any():  # shadows hang on all ink: only its edges are sure
        inside = _sharp(copy, wide > 0) & (mask > 0)
    for share in WIDEST_STROKES[:-1]:
        narrow = _above(copy, share)
        lost = np.count_nonzero(inside & (narrow < 0.6 * wide))
        if lost <= LOST * max(1, int(np.count_nonzero(inside))):
            return share
    return WIDEST_STROKES[-1]


def _without_surroundings(clear: Grey) -> Grey:
    """Drop what lies around the sheet: see `surroundings`."""
    around = surroundings(clear, shadows_too=True)
    return clear if around is None else without(around, clear)


def surroundings(clear: Grey, *, shadows_too: bool = False) -> Mask | None:
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
    around = (touched >= 0.03 * side)[labels].astype(np.uint8)
    if around.any() and not shadows_too:
        around[soft_pieces(clear, around, mask) > 0] = 0
    if not around.any():
        return None
    brush = np.ones((2 * k + 1, 2 * k + 1), np.uint8)
    return np.asarray(cv2.dilate(around, brush), np.uint8)


def _copy(image: Grey, side: int) -> Grey:
    scale = min(1.0, side / max(image.shape))
    return resize(image, *(max(4, round(n * scale)) for n in image.shape[::-1]))


def _sharp(image: Grey, where: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """What lies within two pixels of the sharp edges in a part of a picture."""
    smooth = np.asarray(cv2.GaussianBlur(image, (0, 0), 0.8), np.uint8)
    rise = np.where(where, steepness(smooth), 0)
    # The page's sharpest edges, not its very sharpest pixels.
    strongest = float(np.sort(rise.ravel())[-max(1, rise.size // 200)])
    edges = (rise > max(0.5 * strongest, 1.0)).astype(np.uint8)
    return np.asarray(cv2.dilate(edges, np.ones((5, 5), np.uint8)) > 0)


def _above(light: Grey, share: float) -> Grey:
    """How far ink stands out from the paper of `_opened_paper`, uint8 as `light`."""
    return np.asarray(cv2.subtract(light, _opened_paper(light, share)), np.uint8)


def _opened_paper(light: Grey, share: float) -> Grey:
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
