"""Any picture of a digit -> the 28×28 pixels that MNIST would have stored, every step kept.

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
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from core.errors import PictureError
from core.paper import Grey, Ink, make_light, remove_paper, resize, ring, to_grey
from core.pictures import scale_box
from core.strokes import FIT, Box, bounds, drop_specks, sharpen, thicken

SIDE: Final = 28
CENTRE: Final = 14

SMALLEST_SIDE: Final = 8
"""Pixels that the longer side of a picture must have; the shorter one must have half as many."""
LARGEST_DOT: Final = 0.165
"""A dot's longer side as a share of the picture's: the widest pen, 40 px of 280, moved by 5 px."""

_STEPS: Final = (
    ("grey", "Grey", "Colours are dropped: only light and dark are kept."),
    ("polarity", "Light ink", "MNIST's ink is light on black, so dark ink is inverted."),
    ("background", "Paper removed", "What the paper alone would look like is subtracted."),
    ("ink", "Ink", "Specks away from the digit are dropped, and full ink becomes 255."),
    ("crop", "Cropped", "The tightest box around the ink: place and size stop mattering."),
    ("fit", "Fit into 20×20", "Scaled until the longer side is 20 pixels, without stretching."),
    ("centre", "Centre of mass in 28×28", "Moved until the ink balances in the middle."),
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


def find_digit(picture: NDArray[np.uint8], *, ink: Ink = "auto", paper: int | None = None) -> Digit:
    """Find the one digit in a picture and make it an MNIST digit.

    Args:
        picture: uint8 (height, width) grey, (height, width, 3) RGB or (height, width, 4) RGBA.
        ink: whether the digit is darker or lighter than its ground; "auto" finds out.
        paper: the grey tone of an even ground, 0..255, where it is known (a drawing canvas): then
            ink may reach the border. None takes the ground from the border.

    Raises:
        PictureError: no picture of that shape, too small, nothing drawn, a dot, or a scribble.
        TypeError: the array is not uint8.
        ValueError: `paper` is no tone.
    """
    check_picture(picture)
    if paper is not None and not 0 <= paper <= 255:
        raise ValueError(f"paper is a tone, 0..255, not {paper}")
    grey = to_grey(picture)
    light, ground, even = make_light(grey, ink, paper)
    clear, strongest, floor = remove_paper(light, ground, even)
    inked, blur = sharpen(drop_specks(clear, strongest, floor))
    inked = thicken(inked) if blur == 0 else inked
    _refuse_odd_ink(inked, bounds(inked), known_paper=paper is not None)
    made = _finished(grey, light, clear, inked, blur)
    return Digit(made.pixels, made.steps, in_picture(made.box, grey.shape, picture.shape))


def from_ink(grey: Grey, light: Grey, clear: Grey, own: Grey) -> Digit:
    """A digit whose ink is known already, as `find_digit` makes it from there on.

    Args:
        grey, light, clear: the first three steps of the surroundings, all of one shape.
        own: the digit's ink alone, stretched so that full ink is 255; uint8, of that shape.

    Returns the digit, its box in pixels of these pictures. Raises PictureError if `own` is empty.
    """
    inked, blur = sharpen(own)
    inked = thicken(inked) if blur == 0 else inked
    if not inked.any():
        raise PictureError("There is no ink here: draw the box around a digit.")
    return _finished(grey, light, clear, inked, blur)


def _finished(grey: Grey, light: Grey, clear: Grey, inked: Grey, blur: float) -> Digit:
    """Crop, fit and centre, and keep every step; the box is in pixels of these pictures."""
    x, y, w, h = box = bounds(inked)
    crop = inked[y : y + h, x : x + w]
    fitted = _fit(inked, box, blur)
    pixels = _centre(fitted)
    stages = (grey, light, clear, inked, crop, fitted, pixels)
    steps = tuple(Step(*words, image) for words, image in zip(_STEPS, stages, strict=True))
    return Digit(pixels, steps, box)


def in_picture(box: Box, worked: tuple[int, ...], given: tuple[int, ...]) -> Box:
    """Carry a box from the shape that was worked in to the given picture's, outwards."""
    return scale_box(box, worked[1::-1], given[1::-1])


def naive_resize(picture: NDArray[np.uint8]) -> Grey:
    """What most demos do, for comparison: grey, light ink, squeezed to 28×28. uint8 (28, 28).

    Raises:
        PictureError, TypeError: as `find_digit`, for shapes and types only.
    """
    check_picture(picture)
    grey = to_grey(picture)
    light = 255 - grey if np.median(ring(grey)) >= 128 else grey
    return resize(light, SIDE, SIDE)


def check_picture(picture: NDArray[np.uint8]) -> None:
    """Raise PictureError or TypeError for what is no picture or too small for a digit."""
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
            f"The picture is only {width}×{height} pixels: "
            f"a digit needs at least {SMALLEST_SIDE}×{SMALLEST_SIDE}."
        )


def _refuse_odd_ink(inked: Grey, box: Box, *, known_paper: bool) -> None:
    """Raise PictureError for ink that is no digit: a dot, or nearly everything."""
    x, y, width, height = box
    within = inked[y : y + height, x : x + width] > 127
    side = max(inked.shape)
    longer = max(width, height)
    dot = longer < LARGEST_DOT * side and _is_blob(within, 0.01 * side)
    if dot or longer < max(4, 0.02 * side):
        raise PictureError("Only a dot is drawn: write the digit larger.")
    if np.count_nonzero(within) > 0.6 * inked.size:
        raise PictureError(
            "Ink covers nearly everything: clear it and write one digit."
            if known_paper
            else "Ink covers nearly everything, or reaches the border all around: "
            "leave empty ground around one digit."
        )


def _is_blob(within: NDArray[np.bool_], slip: float) -> bool:
    """Whether ink is one touch of a pen: without bays or holes, and hardly longer than wide.

    Digits have bays or holes, and a 1 is longer.

    Args:
        within: where ink is, in its box.
        slip: by how many pixels more it may be longer: a hand slips.
    """
    points = cv2.findNonZero(within.astype(np.uint8))
    if points is None:
        return False
    hull = cv2.convexHull(points)
    solid = np.zeros(within.shape, np.uint8)
    cv2.fillConvexPoly(solid, hull, 1)
    short, long = sorted(side + 1 for side in cv2.minAreaRect(hull)[1])
    compact = long <= 1.5 * short + slip
    area = int(np.count_nonzero(solid))
    # A few pixels: the smoothed rim of a very small dot is ragged.
    return compact and area - len(points) <= max(6, 0.1 * area)


def _fit(inked: Grey, box: Box, blur: float) -> Grey:
    """Scale so that the longer side is 20 pixels: uint8 (20, 1..20) or (1..20, 20), at most 255.

    Ink that was already blurred once, as MNIST's own pixels were, must not be averaged as much
    again, and its box begins half an edge further in: `blur` (see `sharpen`) says how much.
    """
    x, y, width, height = box
    unit = max(width, height) / (FIT + blur)
    inset = blur * unit / 2
    wide, high = width - 2 * inset, height - 2 * inset
    columns, rows = max(1, round(wide / unit)), max(1, round(high / unit))
    if blur == 0:
        fitted = resize(inked[y : y + height, x : x + width], columns, rows)
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
    """Put into uint8 (28, 28), the centre of mass as near to (14, 14) as whole pixels allow.

    Raises PictureError if there is no ink.
    """
    height, width = fitted.shape
    mass = cv2.moments(fitted)
    if not mass["m00"]:  # a trace of ink, too faint to outlast the averaging
        raise PictureError("Nothing is drawn: write a digit, in ink that differs from its ground.")
    x = round(CENTRE - mass["m10"] / mass["m00"])
    y = round(CENTRE - mass["m01"] / mass["m00"])
    # Ink is never pushed over the edge, however lopsided the digit.
    x, y = min(max(x, 0), SIDE - width), min(max(y, 0), SIDE - height)
    pixels = np.zeros((SIDE, SIDE), np.uint8)
    pixels[y : y + height, x : x + width] = fitted
    return pixels
