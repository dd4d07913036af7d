"""The strokes of one digit: which ink belongs to it, and how sharp and how wide its strokes are."""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from core.paper import Grey, steepness, top

Box = tuple[int, int, int, int]
"""x, y, width, height in pixels."""

FIT: Final = 20
"""The side of the box into which MNIST's digits are scaled."""
EDGE_OF_INK: Final = 0.01
"""Share of full ink at which the box begins: where the edge's rise starts."""

# Tuned on 600 MNIST test digits enlarged to 80..230 px (mean absolute difference to the original,
# 0..255) and on scikit-learn's load_digits (accuracy). Slopes are in full tones per pixel of the
# 20×20 box: enlarged MNIST rises by 0.7 to 1.1, enlarged 8×8 digits by 0.4, drawings by 3.
HARD_SLOPE: Final = 2.0
SOFT_SLOPE: Final = 0.6
HALO: Final = 0.4
THINNEST: Final = 1.8
"""Width to which hair lines are widened, in pixels of the 20×20 box; MNIST's are 2 to 3."""


def drop_specks(clear: Grey, strongest: int, floor: int) -> Grey:
    """Keep the largest piece of ink, what lies near it and what is nearly as large.

    Args:
        clear: ink on 0.
        strongest: the tone of the strongest ink.
        floor: tones up to this are no ink.

    Returns:
        uint8 as `clear`, stretched so that full ink is 255.
    """
    inked = np.maximum(clear, floor) - np.uint8(floor)
    mask = (inked > max(1.0, 0.01 * strongest)).view(np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    if count > 2:
        kept = _belongs(np.asarray(stats, np.int32))[labels].astype(np.uint8)
        inked = np.asarray(cv2.bitwise_and(inked, inked, mask=kept), np.uint8)
    # A drawing's ink has one strongest tone; a photo's has grain above it as well.
    full = int(inked.max()) if floor == 0 else top(inked, 0.25)
    return np.asarray(cv2.convertScaleAbs(inked, alpha=255 / max(1, full)), np.uint8)


def _belongs(stats: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Which connected pieces (rows of OpenCV's stats; 0 is the ground) belong to the digit."""
    left, top, width, height, area = (stats[:, column].astype(np.float64) for column in range(5))
    area[0] = 0
    main = int(area.argmax())
    gap_x = np.maximum(left - (left[main] + width[main]), left[main] - (left + width))
    gap_y = np.maximum(top - (top[main] + height[main]), top[main] - (top + height))
    gap = np.maximum(np.maximum(gap_x, gap_y), 0)
    near = gap <= 0.3 * max(width[main], height[main])
    keep: NDArray[np.bool_] = (area >= 0.2 * area[main]) | (near & (area >= 0.02 * area[main]))
    keep[0] = False
    return keep


def sharpen(inked: Grey) -> tuple[Grey, float]:
    """Make blurred ink about as sharp as MNIST's.

    Very soft ink loses its halo: the lower tones. Sharpening it towards two tones was tried and
    reads worse (8×8 digits keep the shape of thin strokes in their greys).

    Returns:
        The ink, and the blur that `_fit` is to allow for: the width of its edges in pixels of the
        20×20 box, 0..1; 0 for sharp edges (drawings), small ink, and where the halo was cut.
    """
    x, y, width, height = bounds(inked)
    unit = max(width, height) / FIT
    if unit < 2:
        return inked, 0.0
    slope = _slope(inked[y : y + height, x : x + width], unit)
    if slope > HARD_SLOPE:
        return inked, 0.0
    if slope < SOFT_SLOPE:
        halo = min(HALO * (1 - slope / SOFT_SLOPE), 0.4)
        return np.asarray(cv2.LUT(inked, _without(halo)), np.uint8), 0.0
    return inked, min(1.0, 1.0 / slope)


def thicken(inked: Grey) -> Grey:
    """Widen strokes that would fade in the 20×20 box; others stay as they are."""
    x, y, width, height = bounds(inked)
    unit = max(width, height) / FIT
    crop = np.pad(inked[y : y + height, x : x + width] > 127, 1).astype(np.uint8)
    area = np.count_nonzero(crop)
    if area == 0:
        return inked
    # Across a stroke of width w the distance to the ground averages w / 4.
    depth = float(cv2.distanceTransform(crop, cv2.DIST_L2, 3).sum()) / area
    extra = int(THINNEST * unit - 4 * depth)
    if extra < 1:
        return inked
    brush = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (extra + 1, extra + 1))
    return np.asarray(cv2.dilate(inked, brush), np.uint8)


def bounds(inked: Grey) -> Box:
    """x, y, width, height around all ink above `EDGE_OF_INK`; all 0 if there is none."""
    mask = (inked > EDGE_OF_INK * 255).astype(np.uint8)
    x, y, width, height = cv2.boundingRect(mask)
    return int(x), int(y), int(width), int(height)


def _slope(crop: Grey, unit: float) -> float:
    """How steeply the ink's edges rise, in full tones per `unit` pixels (90th percentile)."""
    rise = np.minimum(steepness(crop), 255.0).astype(np.uint8)
    return top(rise, 0.10) * unit / 255


def _without(halo: float) -> Grey:
    """A table of tones: those up to the share `halo` of full ink become 0, and 255 stays."""
    tones = np.linspace(0.0, 1.0, 256)
    return np.rint(np.maximum(tones - halo, 0) / (1 - halo) * 255).astype(np.uint8)
