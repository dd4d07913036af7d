"""Any picture of a digit -> the 28×28 pixels that MNIST would have stored, every step kept.

A network that was trained on MNIST reads digits that were made like MNIST's, and few others. So
`find_digit` follows how MNIST was made: "The original black and white (bilevel) images from NIST
were size normalized to fit in a 20x20 pixel box while preserving their aspect ratio. The resulting
images contain gray levels as a result of the anti-aliasing technique used by the normalization
algorithm. The images were centered in a 28x28 image by computing the center of mass of the pixels,
and translating the image so as to position this point at the center of the 28x28 field" (the MNIST
page; LeCun, Bottou, Bengio, Haffner 1998, "Gradient-based learning applied to document
recognition", section III.A). Before that comes what NIST's scans did not need: finding which tone
is the ink and subtracting the paper (`core.preprocessing.background`), then dropping specks, and
making edges as sharp and hair lines as wide as MNIST's.

Measured on MNIST's own digits: the longer side of the ink is 20 px in 4,999 of 5,000, and the
center of mass (pixel centers at whole numbers) lies in [13.5, 14.5) of 28 both ways: whole-pixel
shifts towards 14.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from core.preprocessing.background import (
    GrayImage,
    Ink,
    border_pixels,
    normalize_polarity,
    resize,
    steepness,
    subtract_background,
    to_gray,
    upper_percentile,
)
from core.preprocessing.image_files import scale_box
from core.utils.errors import PictureError

Box = tuple[int, int, int, int]
"""x, y, width, height in pixels."""
IMAGE_SIDE: Final = 28
"""The side of MNIST's pictures in pixels."""
DIGIT_SIDE: Final = 20
"""The side in pixels of the box into which MNIST's digits are scaled."""
CENTER: Final = 14
"""The row and the column of a picture where MNIST's digits have their center of mass."""
MIN_PICTURE_SIDE: Final = 8
"""Pixels that the longer side of a picture must have; the shorter one must have half as many."""
MAX_DOT_SIDE: Final = 0.165
"""A dot's longer side as a share of the picture's: the widest pen, 40 px of 280, moved by 5 px."""
MIN_INK_SHARE: Final = 0.01
"""Share of full ink at which the box begins: where the edge's rise starts."""
# Tuned on 600 MNIST test digits enlarged to 80..230 px (mean absolute difference to the original,
# 0..255) and on scikit-learn's load_digits (accuracy). Slopes are in full tones per pixel of the
# 20×20 box: enlarged MNIST rises by 0.7 to 1.1, enlarged 8×8 digits by 0.4, drawings by 3.
SHARP_SLOPE: Final = 2.0
SOFT_SLOPE: Final = 0.6
MAX_HALO: Final = 0.4
"""Share of full ink up to which the tones of very soft ink are dropped."""
MIN_STROKE_WIDTH: Final = 1.8
"""Width to which hair lines are widened, in pixels of the 20×20 box; MNIST's are 2 to 3."""
_STEP_TEXTS: Final = (
    ("gray", "Gray", "Colors are dropped: only light and dark are kept."),
    ("polarity", "Light ink", "MNIST's ink is light on black, so dark ink is inverted."),
    ("background", "Paper removed", "What the paper alone would look like is subtracted."),
    ("ink", "Ink", "Specks away from the digit are dropped, and full ink becomes 255."),
    ("crop", "Cropped", "The tightest box around the ink: place and size stop mattering."),
    ("fit", "Fit into 20×20", "Scaled until the longer side is 20 pixels, without stretching."),
    ("center", "Center of mass in 28×28", "Moved until the ink balances in the middle."),
)


@dataclass(frozen=True)
class PreparationStep:
    """One step of the preparation.

    Attributes:
        name: a stable key.
        title: its name for a reader.
        note: what it means, a sentence for a reader.
        image: the picture after it, uint8 (height, width).
    """

    name: str
    title: str
    note: str
    image: GrayImage


@dataclass(frozen=True)
class PreparedDigit:
    """A digit as MNIST would have stored it.

    Attributes:
        pixels: uint8 (28, 28), ink up to 255 on 0, center of mass in the middle.
        steps: what the picture went through, in order; the last one shows `pixels`.
        box: x, y, width, height of the ink, in pixels of the given picture.
    """

    pixels: GrayImage
    steps: tuple[PreparationStep, ...]
    box: Box


def find_digit(
    picture: NDArray[np.uint8], *, ink: Ink = "auto", paper: int | None = None
) -> PreparedDigit:
    """Find the one digit in a picture and make it an MNIST digit.

    Args:
        picture: uint8 (height, width) gray, (height, width, 3) RGB or (height, width, 4) RGBA.
        ink: whether the digit is darker or lighter than its ground; "auto" finds out.
        paper: the gray tone of an even ground, 0..255, where it is known (a drawing canvas): then
            ink may reach the border. None takes the ground from the border.

    Raises:
        PictureError: no picture of that shape, too small, nothing drawn, a dot, or a scribble.
        TypeError: the array is not uint8.
        ValueError: `paper` is no tone.

    Example:
        >>> picture = np.full((100, 100), 255, np.uint8)
        >>> picture[20:80, 45:55] = 0
        >>> digit = find_digit(picture)
        >>> digit.pixels.shape, digit.box
        ((28, 28), (45, 20, 10, 60))
    """
    check_picture(picture)
    check_paper(paper)
    gray = to_gray(picture)
    digit = find_digit_in(gray, ink=ink, paper=paper)
    box = to_picture_box(digit.box, gray.shape, picture.shape)
    return PreparedDigit(digit.pixels, digit.steps, box)


def find_digit_in(gray: GrayImage, *, ink: Ink = "auto", paper: int | None = None) -> PreparedDigit:
    """`find_digit` in a picture that is gray already, uint8 (height, width): its box is in it."""
    light, background, even = normalize_polarity(gray, ink, paper)
    foreground, strongest, floor = subtract_background(light, background, even)
    inked, blur = sharpen_edges(keep_main_components(foreground, strongest, floor))
    inked = dilate_thin_strokes(inked) if blur == 0 else inked
    _refuse_no_digit(inked, ink_bounds(inked), known_paper=paper is not None)
    return _crop_fit_center(gray, light, foreground, inked, blur)


def digit_from_ink(
    gray: GrayImage, light: GrayImage, foreground: GrayImage, ink: GrayImage
) -> PreparedDigit:
    """Make an MNIST digit of ink that is known already: the second half of `find_digit`.

    Args:
        gray: the surroundings of the digit, uint8 (height, width).
        light: the same with light ink.
        foreground: the same without the paper.
        ink: the digit's ink alone, stretched so that full ink is 255; uint8, of that shape.

    Returns:
        The digit; its box is in pixels of these pictures.

    Raises:
        PictureError: `ink` is empty.
    """
    inked, blur = sharpen_edges(ink)
    inked = dilate_thin_strokes(inked) if blur == 0 else inked
    if not inked.any():
        raise PictureError("There is no ink here: draw the box around a digit.")
    return _crop_fit_center(gray, light, foreground, inked, blur)


def _crop_fit_center(
    gray: GrayImage, light: GrayImage, foreground: GrayImage, inked: GrayImage, blur: float
) -> PreparedDigit:
    """Crop, fit and center, and keep every step; the box is in pixels of these pictures."""
    x, y, w, h = box = ink_bounds(inked)
    crop = inked[y : y + h, x : x + w]
    fitted = _fit(inked, box, blur)
    pixels = center_of_mass_image(fitted)
    stages = (gray, light, foreground, inked, crop, fitted, pixels)
    steps = tuple(
        PreparationStep(*texts, image) for texts, image in zip(_STEP_TEXTS, stages, strict=True)
    )
    return PreparedDigit(pixels, steps, box)


def to_picture_box(box: Box, working_shape: tuple[int, ...], picture_shape: tuple[int, ...]) -> Box:
    """Carry a box from a picture of one shape to the same one in another shape, outwards."""
    return scale_box(box, working_shape[1::-1], picture_shape[1::-1])


def naive_resize(picture: NDArray[np.uint8]) -> GrayImage:
    """Squeeze a picture to 28×28, gray with light ink, as most demos do: for comparison.

    Returns:
        uint8 (28, 28).

    Raises:
        PictureError, TypeError: as `find_digit`, for shapes and types only.
    """
    check_picture(picture)
    gray = to_gray(picture)
    light = 255 - gray if np.median(border_pixels(gray)) >= 128 else gray
    return resize(light, IMAGE_SIDE, IMAGE_SIDE)


def check_picture(picture: NDArray[np.uint8]) -> None:
    """Raise PictureError or TypeError for what is no picture or too small for a digit."""
    if picture.dtype != np.uint8:
        raise TypeError(f"a picture is uint8, 0..255; this array is {picture.dtype}")
    if picture.ndim not in (2, 3) or (picture.ndim == 3 and picture.shape[2] not in (1, 3, 4)):
        raise PictureError(
            f"An array of shape {picture.shape} is not a picture: "
            "give (height, width), or 3 or 4 color channels after them."
        )
    height, width = picture.shape[:2]
    if max(height, width) < MIN_PICTURE_SIDE or min(height, width) < MIN_PICTURE_SIDE // 2:
        raise PictureError(
            f"The picture is only {width}×{height} pixels: "
            f"a digit needs at least {MIN_PICTURE_SIDE}×{MIN_PICTURE_SIDE}."
        )


def check_paper(paper: int | None) -> None:
    """Raise ValueError for what is no tone, 0..255."""
    if paper is not None and not 0 <= paper <= 255:
        raise ValueError(f"paper is a tone, 0..255, not {paper}")


def _refuse_no_digit(inked: GrayImage, box: Box, *, known_paper: bool) -> None:
    """Raise PictureError for ink that is no digit: a dot, or nearly everything."""
    x, y, width, height = box
    is_ink = inked[y : y + height, x : x + width] > 127
    side = max(inked.shape)
    longer = max(width, height)
    is_dot = longer < MAX_DOT_SIDE * side and _is_blob(is_ink, 0.01 * side)
    if is_dot or longer < max(4, 0.02 * side):
        raise PictureError("Only a dot is drawn: write the digit larger.")
    if np.count_nonzero(is_ink) > 0.6 * inked.size:
        raise PictureError(
            "Ink covers nearly everything: clear it and write one digit."
            if known_paper
            else "Ink covers nearly everything, or reaches the border all around: "
            "leave empty ground around one digit."
        )


def _is_blob(is_ink: NDArray[np.bool_], tolerance: float) -> bool:
    """Whether ink is one touch of a pen: without bays or holes, and hardly longer than wide.

    Digits have bays or holes, and a 1 is longer.

    Args:
        is_ink: where ink is, in its box.
        tolerance: by how many pixels more it may be longer: a hand slips.
    """
    points = cv2.findNonZero(is_ink.astype(np.uint8))
    if points is None:
        return False
    hull = cv2.convexHull(points)
    filled = np.zeros(is_ink.shape, np.uint8)
    cv2.fillConvexPoly(filled, hull, 1)
    short, long = sorted(side + 1 for side in cv2.minAreaRect(hull)[1])
    is_compact = long <= 1.5 * short + tolerance
    area = int(np.count_nonzero(filled))
    # A few pixels: the smoothed rim of a very small dot is ragged.
    return is_compact and area - len(points) <= max(6, 0.1 * area)


def _fit(inked: GrayImage, box: Box, blur: float) -> GrayImage:
    """Scale so that the longer side is 20 pixels: uint8 (20, 1..20) or (1..20, 20), at most 255.

    Ink that was already blurred once, as MNIST's own pixels were, must not be averaged as much
    again, and its box begins half an edge further in: `blur` (see `sharpen_edges`) says how much.
    """
    x, y, width, height = box
    unit = max(width, height) / (DIGIT_SIDE + blur)
    inset = blur * unit / 2
    inner_width, inner_height = width - 2 * inset, height - 2 * inset
    columns, rows = max(1, round(inner_width / unit)), max(1, round(inner_height / unit))
    if blur == 0:
        fitted = resize(inked[y : y + height, x : x + width], columns, rows)
    else:
        window = 2 * int(unit * np.sqrt(max(0.0, 1 - blur**2)) / 2) + 1
        step_x, step_y = inner_width / columns, inner_height / rows
        grid = np.array(
            [
                [step_x, 0, x + inset + step_x / 2 - 0.5],
                [0, step_y, y + inset + step_y / 2 - 0.5],
            ]
        )
        smooth = cv2.blur(inked, (window, window))
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        fitted = np.asarray(cv2.warpAffine(smooth, grid, (columns, rows), flags=flags), np.uint8)
    return np.asarray(cv2.convertScaleAbs(fitted, alpha=255 / max(1, int(fitted.max()))), np.uint8)


def center_of_mass_image(fitted: GrayImage) -> GrayImage:
    """Put into uint8 (28, 28), the center of mass as near to (14, 14) as whole pixels allow.

    Raises PictureError if there is no ink.
    """
    height, width = fitted.shape
    mass = cv2.moments(fitted)
    if not mass["m00"]:  # a trace of ink, too faint to outlast the averaging
        raise PictureError("Nothing is drawn: write a digit, in ink that differs from its ground.")
    x = round(CENTER - mass["m10"] / mass["m00"])
    y = round(CENTER - mass["m01"] / mass["m00"])
    # Ink is never pushed over the edge, however lopsided the digit.
    x, y = min(max(x, 0), IMAGE_SIDE - width), min(max(y, 0), IMAGE_SIDE - height)
    pixels = np.zeros((IMAGE_SIDE, IMAGE_SIDE), np.uint8)
    pixels[y : y + height, x : x + width] = fitted
    return pixels


def keep_main_components(foreground: GrayImage, strongest: int, floor: int) -> GrayImage:
    """Keep the largest piece of ink, what lies near it and what is nearly as large.

    Args:
        clear: ink on 0.
        strongest: the tone of the strongest ink.
        floor: tones up to this are no ink.

    Returns:
        uint8 as `clear`, stretched so that full ink is 255.
    """
    inked = np.maximum(foreground, floor) - np.uint8(floor)
    mask = (inked > max(1.0, 0.01 * strongest)).view(np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    if count > 2:
        is_kept = _is_part_of_digit(np.asarray(stats, np.int32))[labels].astype(np.uint8)
        inked = np.asarray(cv2.bitwise_and(inked, inked, mask=is_kept), np.uint8)
    # A drawing's ink has one strongest tone; a photo's has grain above it as well.
    full_tone = int(inked.max()) if floor == 0 else upper_percentile(inked, 0.25)
    return np.asarray(cv2.convertScaleAbs(inked, alpha=255 / max(1, full_tone)), np.uint8)


def _is_part_of_digit(stats: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Which connected pieces (rows of OpenCV's stats; 0 is the background) belong to the digit."""
    left, top, width, height, area = (stats[:, column].astype(np.float64) for column in range(5))
    area[0] = 0
    main = int(area.argmax())
    gap_x = np.maximum(left - (left[main] + width[main]), left[main] - (left + width))
    gap_y = np.maximum(top - (top[main] + height[main]), top[main] - (top + height))
    gap = np.maximum(np.maximum(gap_x, gap_y), 0)
    is_near = gap <= 0.3 * max(width[main], height[main])
    is_kept: NDArray[np.bool_] = (area >= 0.2 * area[main]) | (
        is_near & (area >= 0.02 * area[main])
    )
    is_kept[0] = False
    return is_kept


def sharpen_edges(inked: GrayImage) -> tuple[GrayImage, float]:
    """Make blurred ink about as sharp as MNIST's.

    Very soft ink loses its halo: the lower tones. Sharpening it towards two tones was tried and
    reads worse (8×8 digits keep the shape of thin strokes in their grays).

    Returns:
        The ink, and the blur that `_fit` is to allow for: the width of its edges in pixels of the
        20×20 box, 0..1; 0 for sharp edges (drawings), small ink, and where the halo was cut.
    """
    x, y, width, height = ink_bounds(inked)
    unit = max(width, height) / DIGIT_SIDE
    if unit < 2:
        return inked, 0.0
    slope = _edge_slope(inked[y : y + height, x : x + width], unit)
    if slope > SHARP_SLOPE:
        return inked, 0.0
    if slope < SOFT_SLOPE:
        halo = min(MAX_HALO * (1 - slope / SOFT_SLOPE), 0.4)
        return np.asarray(cv2.LUT(inked, _halo_table(halo)), np.uint8), 0.0
    return inked, min(1.0, 1.0 / slope)


def dilate_thin_strokes(inked: GrayImage) -> GrayImage:
    """Widen strokes that would fade in the 20×20 box; others stay as they are."""
    x, y, width, height = ink_bounds(inked)
    unit = max(width, height) / DIGIT_SIDE
    crop = np.pad(inked[y : y + height, x : x + width] > 127, 1).astype(np.uint8)
    area = np.count_nonzero(crop)
    if area == 0:
        return inked
    # Across a stroke of width w the distance to the background averages w / 4.
    depth = float(cv2.distanceTransform(crop, cv2.DIST_L2, 3).sum()) / area
    extra = int(MIN_STROKE_WIDTH * unit - 4 * depth)
    if extra < 1:
        return inked
    brush = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (extra + 1, extra + 1))
    return np.asarray(cv2.dilate(inked, brush), np.uint8)


def ink_bounds(inked: GrayImage) -> Box:
    """x, y, width, height around all ink above `MIN_INK_SHARE`; all 0 if there is none."""
    mask = (inked > MIN_INK_SHARE * 255).astype(np.uint8)
    x, y, width, height = cv2.boundingRect(mask)
    return int(x), int(y), int(width), int(height)


def _edge_slope(crop: GrayImage, unit: float) -> float:
    """How steeply the ink's edges rise, in full tones per `unit` pixels (90th percentile)."""
    rise = np.minimum(steepness(crop), 255.0).astype(np.uint8)
    return upper_percentile(rise, 0.10) * unit / 255


def _halo_table(halo: float) -> GrayImage:
    """A table of tones: those up to the share `halo` of full ink become 0, and 255 stays."""
    shares = np.linspace(0.0, 1.0, 256)
    return np.rint(np.maximum(shares - halo, 0) / (1 - halo) * 255).astype(np.uint8)
