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
"""Tones 0..255, uint8 (height, width)."""
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
"""Share of full ink at which the box begins: where the edge's rise starts."""

# Tuned on 600 MNIST test digits enlarged to 80..230 px (mean absolute difference to the original,
# 0..255) and on scikit-learn's load_digits (accuracy). Slopes are in full tones per pixel of the
# 20 x 20 box: enlarged MNIST rises by 0.7 to 1.1, enlarged 8 x 8 digits by 0.4, drawings by 3.
HARD_SLOPE: Final = 2.0
SOFT_SLOPE: Final = 0.6
HALO: Final = 0.4
THINNEST: Final = 1.8
"""Width to which hair lines are widened, in pixels of the 20 x 20 box; MNIST's are 2 to 3."""


_STEPS: Final = (
    ("grey", "Grey", "Colours are dropped: only light and dark are kept."),
    ("polarity", "Light ink", "MNIST's ink is light on black, so dark ink is inverted."),
    ("background", "Paper removed", "What the paper alone would look like is subtracted."),
    ("ink", "Ink", "Specks away from the digit are dropped, and full ink becomes 255."),
    ("crop", "Cropped", "The tightest box around the ink: place and size stop mattering."),
    ("fit", "Fit into 20 x 20", "Scaled until the longer side is 20 pixels, without stretching."),
    ("centre", "Centre of mass in 28 x 28", "Moved until the ink balances in the middle."),
)


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
    light, paper, even = _make_light(grey, ink)
    clear, strongest, floor = _remove_paper(light, paper, even)
    inked, blur = _sharpen(_drop_specks(clear, strongest, floor))
    inked = _thicken(inked) if blur == 0 else inked
    x, y, w, h = box = _bounds(inked)
    _refuse_odd_ink(inked, box)
    crop = inked[y : y + h, x : x + w]
    fitted = _fit(inked, box, blur)
    pixels = _centre(fitted)
    stages = (grey, light, clear, inked, crop, fitted, pixels)
    steps = tuple(Step(*words, image) for words, image in zip(_STEPS, stages, strict=True))
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


def _make_light(grey: Grey, ink: Ink) -> tuple[Grey, Grey, bool]:
    """Turn the ink light.

    Returns:
        The picture with light ink; its paper, the same shape; and whether the paper is one even
        tone: so it is if most of the border has that very tone (drawings, not photos and scans).
    """
    ring = _ring(grey)
    middle = int(np.median(ring))
    even = int(np.count_nonzero(ring == middle)) * 2 >= len(ring)
    paper = np.full_like(grey, middle) if even else _paper(grey)
    dark = ink == "dark"
    if ink == "auto":
        # Ink stands out farther than the paper's grain: compare the reach of the strongest 2 %.
        dark = _top(_minus(paper, grey)) > _top(_minus(grey, paper))
    return (255 - grey, 255 - paper, even) if dark else (grey, paper, even)


def _minus(image: Grey, other: Grey) -> Grey:
    """The difference, 0 where `other` is larger."""
    return np.asarray(cv2.subtract(image, other), np.uint8)


def _top(image: Grey, share: float = 0.02) -> int:
    """The tone that only this share of the non-empty pixels exceeds."""
    counts = np.bincount(image.ravel(), minlength=256)
    counts[0] = 0
    reached = np.cumsum(counts[::-1])
    return 255 - int(np.searchsorted(reached, max(1.0, share * reached[-1]))) if reached[-1] else 0


def _paper(grey: Grey) -> Grey:
    """The paper under the ink of an unevenly lit picture, uint8 as `grey`.

    On a small copy without its trend: the median around each point (ink is a minority there), then
    once more finely from the points that are not ink.
    """
    scale = min(1.0, 96 / max(grey.shape))
    size = tuple(max(4, round(side * scale)) for side in grey.shape)
    small = _resize(grey, size[1], size[0]).astype(np.float32)
    trend = _trend(small)
    flat = np.rint(np.clip(small - trend + 128, 0, 255)).astype(np.uint8)
    rough = np.asarray(cv2.medianBlur(flat, max(3, min(size) // 2 | 1)), np.uint8)
    off = cv2.absdiff(flat, rough)
    limit = max(6.0, 0.6 * float(cv2.threshold(off, 0, 255, cv2.THRESH_OTSU)[0]))
    plain = cv2.erode((off <= limit).astype(np.uint8), np.ones((3, 3), np.uint8)).astype(np.float32)
    sigma = max(1.0, max(size) / 16)
    weight = cv2.GaussianBlur(plain, (0, 0), sigma)
    tones = cv2.GaussianBlur(plain * flat, (0, 0), sigma)
    fine = np.where(weight > 0.02, tones / np.maximum(weight, 0.02), rough) - 128 + trend
    back = cv2.resize(fine.astype(np.float32), grey.shape[::-1], interpolation=cv2.INTER_LINEAR)
    return np.rint(np.clip(back, 0, 255)).astype(np.uint8)


def _trend(small: NDArray[np.float32]) -> NDArray[np.float32]:
    """The surface of second order through the paper's tones, float32 as `small`.

    Least squares, three times, each without the points that lay far off before: those are ink. A
    median alone bends at the borders of a picture whose light falls off to one side.
    """
    y, x = np.mgrid[-1 : 1 : small.shape[0] * 1j, -1 : 1 : small.shape[1] * 1j]
    terms = np.stack([np.ones_like(x), x, y, x * y, x * x, y * y], axis=-1).astype(np.float32)
    step = max(1, max(small.shape) // 32)
    points = terms[::step, ::step].reshape(-1, 6)
    tones = small[::step, ::step].ravel()
    near = np.ones(len(tones), bool)
    for _ in range(3):
        factors = np.linalg.lstsq(points[near], tones[near], rcond=None)[0]
        off = np.abs(tones - points @ factors)
        near = off <= max(2.0, 1.5 * float(np.median(off)))
    return np.asarray(terms @ factors, np.float32)


def _remove_paper(light: Grey, paper: Grey, even: bool) -> tuple[Grey, int, int]:
    """Subtract the paper.

    Returns:
        What is lighter than the paper, 0..255; the tone of its strongest ink; and the tone up to
        which it may be mere grain or the rim of a shadow, 0 for a drawing on an even ground.

    Raises:
        PictureError: nothing stands out.
    """
    clear = _minus(light, paper)
    # Means over 3 x 3 pixels: lone specks must not pass for ink.
    strongest = int(cv2.blur(clear, (3, 3)).max()) if min(clear.shape) > 32 else int(clear.max())
    if strongest < SMALLEST_CONTRAST:
        raise PictureError("Nothing is drawn: write a digit, in ink that differs from its ground.")
    if even:
        return clear, strongest, 0
    below = _minus(paper, light).astype(np.float32)
    grain = 4.0 * float(np.sqrt(np.mean(np.square(below[below < strongest / 2]))))
    return clear, strongest, int(np.clip(grain, 0.15 * strongest, 0.5 * strongest))


def _drop_specks(clear: Grey, strongest: int, floor: int) -> Grey:
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
    full = int(inked.max()) if floor == 0 else _top(inked, 0.25)
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


def _sharpen(inked: Grey) -> tuple[Grey, float]:
    """Make blurred ink about as sharp as MNIST's.

    Very soft ink loses its halo: the lower tones. Sharpening it towards two tones was tried and
    reads worse (8 x 8 digits keep the shape of thin strokes in their greys).

    Returns:
        The ink, and the blur that `_fit` is to allow for: the width of its edges in pixels of the
        20 x 20 box, 0..1; 0 for sharp edges (drawings), small ink, and where the halo was cut.
    """
    x, y, width, height = _bounds(inked)
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


def _thicken(inked: Grey) -> Grey:
    """Widen strokes that would fade in the 20 x 20 box; others stay as they are."""
    x, y, width, height = _bounds(inked)
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


def _without(halo: float) -> Grey:
    """A table of tones: those up to the share `halo` of full ink become 0, and 255 stays."""
    tones = np.linspace(0.0, 1.0, 256)
    return np.rint(np.maximum(tones - halo, 0) / (1 - halo) * 255).astype(np.uint8)


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
