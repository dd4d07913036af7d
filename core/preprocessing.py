"""Any picture of a digit -> the 28 x 28 pixels that MNIST would have stored, every step kept.

A network that was trained on MNIST reads digits that were made like MNIST's, and few others. So
this follows how MNIST was made: "The original black and white (bilevel) images from NIST were size
normalized to fit in a 20x20 pixel box while preserving their aspect ratio. The resulting images
contain grey levels as a result of the anti-aliasing technique used by the normalization algorithm.
The images were centered in a 28x28 image by computing the center of mass of the pixels, and
translating the image so as to position this point at the center of the 28x28 field" (the MNIST
page; LeCun, Bottou, Bengio, Haffner 1998, "Gradient-based learning applied to document
recognition", section III.A). Before that comes what NIST's scans did not need: finding which tone
is the ink, taking the paper away, dropping specks.

Measured on MNIST's own digits: the longer side of the ink is 20 px in 4,999 of 5,000, and the
centre of mass (pixel centres at whole numbers) lies in [13.5, 14.5) of 28 both ways: whole-pixel
shifts towards 14.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from core.errors import PictureError
from core.pictures import flatten

Grey = NDArray[np.uint8]
Ink = Literal["auto", "dark", "light"]
Box = tuple[int, int, int, int]

SIDE: Final = 28
FIT: Final = 20
CENTRE: Final = 14

WORK_SIDE: Final = 1000
"""Pictures are shrunk to at most this long side before anything is looked for."""
SMALLEST_SIDE: Final = 8
SMALLEST_CONTRAST: Final = 12
"""Tones of 255 by which ink must differ from the paper: pencil differs by 40 and more."""
EDGE_OF_INK: Final = 0.01
"""Share of full ink at which the crop begins."""
HARD_SLOPE: Final = 2.0
SOFT_SLOPE: Final = 0.6
SOFT_GOAL: Final = 0.85
MIDDLE: Final = 0.5
CAP: Final = 1.0
CAPK: Final = 1.0


@dataclass(frozen=True)
class Step:
    """One stage on the way: a stable key, its name and meaning for a reader, and how it looks."""

    name: str
    title: str
    note: str
    image: Grey


@dataclass(frozen=True)
class Digit:
    """A digit as MNIST would have stored it.

    Attributes:
        pixels: uint8 (28, 28), ink up to 255 on 0, centre of mass in the middle.
        steps: what the picture went through, in order; the last one shows `pixels`.
        box: x, y, width, height of the ink, in pixels of the given picture.
    """

    pixels: Grey
    steps: tuple[Step, ...]
    box: Box


def find_digit(picture: NDArray[np.uint8], *, ink: Ink = "auto") -> Digit:
    """Find the one digit in a picture and make it an MNIST digit.

    Args:
        picture: uint8 (height, width) grey, (height, width, 3) RGB or (height, width, 4) RGBA.
        ink: whether the digit is darker or lighter than its ground; "auto" finds out.

    Raises:
        PictureError: no picture of that shape, too small, nothing drawn, a dot, or a scribble.
        TypeError: the array is not uint8.
    """
    _check(picture)
    height, width = picture.shape[:2]
    grey = _grey(picture)
    light, paper = _make_light(grey, ink)
    clear, floor = _remove_paper(light, paper)
    inked = _drop_specks(clear, floor)
    inked, blur = _sharpen(inked)
    x, y, w, h = box = _bounds(inked)
    _refuse_odd_ink(inked, box)
    crop = inked[y : y + h, x : x + w]
    fitted = _fit(inked, box, blur)
    pixels = _centre(fitted)
    steps = (
        Step("grey", "Grey", "Colours are dropped: only light and dark are kept.", grey),
        Step("polarity", "Light ink", "MNIST's ink is light on black, so dark ink is inverted.", light),
        Step("background", "Paper removed", "What the paper alone would look like is subtracted.", clear),
        Step("ink", "Specks dropped", "Small marks away from the digit are taken for dirt.", inked),
        Step("crop", "Cropped", "The tightest box around the ink: place and size stop mattering.", crop),
        Step("fit", "Fit into 20 x 20", "Scaled so that the longer side is 20 pixels, not stretched.", fitted),
        Step("centre", "Centre of mass in 28 x 28", "Moved so that the ink balances in the middle.", pixels),
    )
    left, top = x * width // grey.shape[1], y * height // grey.shape[0]
    right = min(width, -(-(x + w) * width // grey.shape[1]))
    bottom = min(height, -(-(y + h) * height // grey.shape[0]))
    return Digit(pixels, steps, (left, top, right - left, bottom - top))


def naive_resize(picture: NDArray[np.uint8]) -> Grey:
    """What most demos do, for comparison: grey, light ink, squeezed to 28 x 28. uint8 (28, 28).

    Raises:
        PictureError, TypeError: as `find_digit`, for shapes and types only.
    """
    _check(picture)
    grey = _grey(picture)
    light = 255 - grey if np.median(_ring(grey)) >= 128 else grey
    return _resize(light, SIDE, SIDE)


def _check(picture: NDArray[np.uint8]) -> None:
    """Refuse what is no picture or holds too few pixels for a digit."""
    if picture.dtype != np.uint8:
        raise TypeError(f"a picture is uint8, 0..255; this array is {picture.dtype}")
    if picture.ndim not in (2, 3) or (picture.ndim == 3 and picture.shape[2] not in (1, 3, 4)):
        raise PictureError(
            f"An array of shape {picture.shape} is not a picture: "
            "give (height, width), or 3 or 4 colour channels after them."
        )
    height, width = picture.shape[:2]
    if max(height, width) < SMALLEST_SIDE or min(height, width) < SMALLEST_SIDE // 2:
        raise PictureError(
            f"The picture is only {width} x {height} pixels: "
            f"a digit needs at least {SMALLEST_SIDE} x {SMALLEST_SIDE}."
        )


def _resize(image: Grey, width: int, height: int) -> Grey:
    """Area averages where it shrinks (anti-aliasing), cubic where it grows."""
    shrinks = width <= image.shape[1] and height <= image.shape[0]
    way = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(image, (width, height), interpolation=way), np.uint8)


def _grey(picture: NDArray[np.uint8]) -> Grey:
    """Shrink to `WORK_SIDE` and go to grey: by brightness, or by the one colour that tells more."""
    factor = WORK_SIDE / max(picture.shape[:2])
    if factor < 1:
        height, width = (max(1, round(side * factor)) for side in picture.shape[:2])
        picture = _resize(picture, width, height)
    if picture.ndim == 2:
        return picture
    if picture.shape[2] == 1:
        return np.ascontiguousarray(picture[..., 0])
    colours = flatten(picture) if picture.shape[2] == 4 else np.ascontiguousarray(picture)
    grey = np.asarray(cv2.cvtColor(colours, cv2.COLOR_RGB2GRAY), np.uint8)
    # Yellow on white or red on green hardly differ in brightness, but do in one channel.
    spreads = cv2.meanStdDev(colours)[1].ravel()
    best = int(spreads.argmax())
    if spreads[best] > 2.0 * float(cv2.meanStdDev(grey)[1][0, 0]):
        return np.ascontiguousarray(colours[..., best])
    return grey


def _ring(grey: Grey) -> Grey:
    """The tones along the picture's border, uint8 (n,): mostly paper, even in a tight crop."""
    k = max(1, min(grey.shape) // 50)
    inner = grey[k:-k]
    return np.concatenate(
        [grey[:k].ravel(), grey[-k:].ravel(), inner[:, :k].ravel(), inner[:, -k:].ravel()]
    )


def _make_light(grey: Grey, ink: Ink) -> tuple[Grey, Grey | int]:
    """Turn the ink light.

    Returns:
        The picture with light ink, and its paper: one tone if most of the border has that very
        tone (drawings), else a tone for every pixel, uint8 as the picture (photos, scans).
    """
    ring = _ring(grey)
    paper: Grey | int = int(np.median(ring))
    if np.count_nonzero(cv2.absdiff(ring, float(paper))) > len(ring) // 2:
        paper = _paper(grey)
    over = cv2.subtract(grey, paper)
    under = cv2.subtract(np.full_like(grey, paper) if isinstance(paper, int) else paper, grey)
    # Ink stands out farther than the paper's grain: compare the reach of the strongest 2 %.
    dark = _top(under) > _top(over) if ink == "auto" else ink == "dark"
    if not dark:
        return grey, paper
    return np.asarray(255 - grey, np.uint8), 255 - paper


def _top(image: Grey, share: float = 0.02) -> int:
    """The tone that only this share of the non-empty pixels exceeds."""
    counts = np.bincount(image.ravel(), minlength=256)
    counts[0] = 0
    reached = np.cumsum(counts[::-1])
    return 255 - int(np.searchsorted(reached, max(1.0, share * reached[-1]))) if reached[-1] else 0


def _paper(grey: Grey) -> Grey:
    """The paper under the ink of an unevenly lit picture, uint8 as `grey`.

    On a small copy: the median around each point (ink is a minority there), then once more finely
    from the points that are not ink.
    """
    scale = min(1.0, 96 / max(grey.shape))
    size = tuple(max(4, round(side * scale)) for side in grey.shape)
    small = _resize(grey, size[1], size[0])
    reach = max(3, min(size) // 2 | 1)
    rough = np.asarray(cv2.medianBlur(small, reach), np.uint8)
    off = cv2.absdiff(small, rough)
    limit = max(6.0, float(cv2.threshold(off, 0, 255, cv2.THRESH_OTSU)[0]) * 0.6)
    plain = cv2.erode((off <= limit).astype(np.uint8), np.ones((3, 3), np.uint8)).astype(np.float32)
    sigma = max(1.0, max(size) / 16)
    weight = cv2.GaussianBlur(plain, (0, 0), sigma)
    tones = cv2.GaussianBlur(plain * small, (0, 0), sigma)
    fine = np.where(weight > 0.02, tones / np.maximum(weight, 0.02), rough)
    even = np.rint(np.clip(fine, 0, 255)).astype(np.uint8)
    back = cv2.resize(even, grey.shape[::-1], interpolation=cv2.INTER_LINEAR)
    return np.asarray(back, np.uint8)


def _remove_paper(light: Grey, paper: Grey | int) -> tuple[Grey, int]:
    """Subtract the paper.

    Returns:
        What is lighter than the paper, 0..255, and the tone up to which that may be mere grain.

    Raises:
        PictureError: nothing stands out.
    """
    clear = np.asarray(cv2.subtract(light, paper), np.uint8)
    # Means over 3 x 3 pixels: lone specks must not pass for ink.
    strongest = int(cv2.blur(clear, (3, 3)).max()) if min(clear.shape) > 32 else int(clear.max())
    if strongest < SMALLEST_CONTRAST:
        raise PictureError("Nothing is drawn: write a digit, in ink that differs from its ground.")
    if isinstance(paper, int):
        return clear, 0
    below = np.asarray(cv2.subtract(paper, light), np.uint8)
    grain = 3.0 * float(np.sqrt(np.mean(np.square(below[below < strongest / 2], dtype=np.float32))))
    return clear, int(min(grain, 0.5 * strongest))


def _drop_specks(clear: Grey, floor: int) -> Grey:
    """Keep the largest piece of ink, what lies near it and what is nearly as large.

    Args:
        clear: ink on 0.
        floor: tones up to this are grain.

    Returns:
        uint8 as `clear`, stretched so that full ink is 255.
    """
    inked = np.asarray(cv2.subtract(clear, floor), np.uint8)
    limit = max(2, _top(inked, 0.10) // 12)
    mask = (inked > limit).astype(np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    if count > 2:
        keep = _belongs(stats)
        shown = keep[labels].astype(np.uint8)
        inked = np.asarray(cv2.bitwise_and(inked, inked, mask=shown), np.uint8)
    full = int(inked.max()) if floor == 0 else _top(inked, 0.10)
    if full in (0, 255):
        return inked
    return np.asarray(cv2.convertScaleAbs(inked, alpha=255 / full), np.uint8)


def _belongs(stats: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Which connected pieces (rows of OpenCV's stats; 0 is the ground) belong to the digit."""
    left, top, width, height, area = (stats[:, column].astype(np.float64) for column in range(5))
    area[0] = 0
    main = int(area.argmax())
    gap_x = np.maximum(left - (left[main] + width[main]), left[main] - (left + width))
    gap_y = np.maximum(top - (top[main] + height[main]), top[main] - (top + height))
    gap = np.maximum(np.maximum(gap_x, gap_y), 0)
    near = gap <= 0.3 * max(width[main], height[main])
    keep = ((area >= 0.02 * area[main]) & near) | (area >= 0.2 * area[main])
    keep[0] = False
    return keep


def _sharpen(inked: Grey) -> tuple[Grey, float]:
    """Make blurred ink about as sharp as MNIST's.

    Returns:
        The ink, and its remaining blur: the width of its edges in pixels of the 20 x 20 box, 0..1;
        0 for edges so sharp (drawings), or ink so small, that there is nothing to allow for.
    """
    x, y, width, height = _bounds(inked)
    unit = max(width, height) / FIT
    if unit < 2:
        return inked, 0.0
    slope = _slope(inked[y : y + height, x : x + width], unit)
    if slope > HARD_SLOPE:
        return inked, 0.0
    if slope < SOFT_SLOPE:
        gain = min(SOFT_GOAL / max(slope, 0.01), 5.0)
        inked = np.asarray(cv2.LUT(inked, _steeper(gain)), np.uint8)
        slope *= gain
    return inked, min(CAP, CAPK / slope)


def _bounds(inked: Grey) -> Box:
    """x, y, width, height around all ink above `EDGE_OF_INK`; all 0 if there is none."""
    mask = (inked > EDGE_OF_INK * 255).astype(np.uint8)
    x, y, width, height = cv2.boundingRect(mask)
    return int(x), int(y), int(width), int(height)


def _slope(crop: Grey, unit: float) -> float:
    """How steeply the ink's edges rise, in full tones per `unit` pixels (90th percentile)."""
    across = cv2.Sobel(crop, cv2.CV_32F, 1, 0, ksize=3, scale=1 / 8)
    down = cv2.Sobel(crop, cv2.CV_32F, 0, 1, ksize=3, scale=1 / 8)
    rise = np.minimum(cv2.magnitude(across, down), 255.0).astype(np.uint8)
    return _top(rise, 0.10) * unit / 255


def _steeper(gain: float) -> Grey:
    """A tone table that steepens edges around half ink: 0 and 255 stay."""
    tones = np.arange(256, dtype=np.float64)
    return np.rint(np.clip((tones - MIDDLE * 255) * gain + MIDDLE * 255, 0, 255)).astype(np.uint8)


def _refuse_odd_ink(inked: Grey, box: Box) -> None:
    """Raise PictureError for ink that is no digit: a dot, or nearly everything."""
    x, y, width, height = box
    within = inked[y : y + height, x : x + width] > 127
    filled = float(within.mean())
    share = max(width, height) / max(inked.shape)
    compact = max(width, height) < 1.5 * min(width, height) and filled > 0.6
    if max(width, height) < max(4, 0.02 * max(inked.shape)) or (compact and share < 0.12):
        raise PictureError("Only a dot is drawn: write the digit larger.")
    if filled * width * height > 0.6 * inked.size:
        raise PictureError("Ink covers nearly everything: clear it and write one digit.")


def _fit(inked: Grey, box: Box, blur: float) -> Grey:
    """Scale so that the longer side is 20 pixels: uint8 (20, 1..20) or (1..20, 20), at most 255.

    Ink that was already blurred once, as MNIST's own pixels were, must not be averaged as much
    again, and its box begins half an edge further in: `blur` (see `_sharpen`) says how much.
    """
    x, y, width, height = box
    unit = max(width, height) / (FIT + blur)
    inset = blur * unit / 2
    wide, high = width - 2 * inset, height - 2 * inset
    columns, rows = max(1, round(wide / unit)), max(1, round(high / unit))
    if blur == 0:
        fitted = _resize(inked[y : y + height, x : x + width], columns, rows)
    else:
        window = 2 * int(unit * np.sqrt(max(0.0, 1 - blur**2)) / 2) + 1
        step_x, step_y = wide / columns, high / rows
        grid = np.array(
            [
                [step_x, 0, x + inset + step_x / 2 - 0.5],
                [0, step_y, y + inset + step_y / 2 - 0.5],
            ]
        )
        smooth = cv2.blur(inked, (window, window))
        way = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        fitted = np.asarray(cv2.warpAffine(smooth, grid, (columns, rows), flags=way), np.uint8)
    return np.asarray(cv2.convertScaleAbs(fitted, alpha=255 / max(1, int(fitted.max()))), np.uint8)


def _centre(fitted: Grey) -> Grey:
    """Put into uint8 (28, 28), the centre of mass as near to (14, 14) as whole pixels allow."""
    height, width = fitted.shape
    mass = cv2.moments(fitted)
    x = round(CENTRE - mass["m10"] / mass["m00"])
    y = round(CENTRE - mass["m01"] / mass["m00"])
    # Ink is never pushed over the edge, however lopsided the digit.
    x, y = min(max(x, 0), SIDE - width), min(max(y, 0), SIDE - height)
    pixels = np.zeros((SIDE, SIDE), np.uint8)
    pixels[y : y + height, x : x + width] = fitted
    return pixels
