"""Controlled corruptions of digits, to measure how robust a network is against each of them.

A `Corruption` says by how much every digit is changed; `CORRUPTIONS` lists the kinds with the
ranges of their sliders and the values at which the robustness curves are measured. Geometry, blur
and noise are those of `core.data.augmentation`.
"""

from dataclasses import dataclass
from typing import Final, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from core.data.augmentation import AugmentationDraw, apply_draw, grow_strokes
from core.utils.validation import Parameter, check_digits

Digits = NDArray[np.uint8]
CorruptionName = Literal[
    "rotation", "right", "down", "scale", "blur", "noise", "thickness", "invert", "occlude"
]
GRAY: Final = 128
"""The gray level of the square that covers a part of a digit."""
_SEED: Final = 0
_SIDE: Final = 28
_FINE: Final = 4
"""Strokes are thickened on pixels divided into 4 × 4, so by steps of half a pixel."""
_MARGIN: Final = 2
"""Background around each digit, so that no stroke grows into its neighbor; in pixels."""


@dataclass(frozen=True)
class Corruption:
    """By how much each digit is changed; not at all by default.

    Attributes:
        rotation: degrees, clockwise.
        right, down: shifts in pixels.
        scale: factor, above 0; 1 is as large as it was.
        blur: standard deviation of a Gaussian in pixels, from 0.
        noise: standard deviation of what is added to each pixel, in gray levels of 255, from 0.
        thickness: by how many pixels strokes grow wider, -2.5 to 2.5, in steps of half a pixel.
        invert: from 0 to 100 %, how much of the negative is in the picture; at 50 % all is gray.
        occlude: side of a gray square in whole pixels, 0 to 28, at a place drawn for each digit.
    """

    rotation: float = 0.0
    right: float = 0.0
    down: float = 0.0
    scale: float = 1.0
    blur: float = 0.0
    noise: float = 0.0
    thickness: float = 0.0
    invert: float = 0.0
    occlude: float = 0.0


NO_CORRUPTION: Final = Corruption()


@dataclass(frozen=True)
class CorruptionParameter(Parameter[CorruptionName]):
    """A kind of corruption, with the range of its slider.

    Attributes:
        values: where its curve is measured, in rising order; `neutral` is one of them.
    """

    values: tuple[float, ...]

    @property
    def neutral(self) -> float:
        """The value at which a digit stays unchanged."""
        return float(getattr(NO_CORRUPTION, self.name))


def _steps(low: float, high: float, count: int = 11) -> tuple[float, ...]:
    return tuple(round(float(value), 6) for value in np.linspace(low, high, count))


CORRUPTIONS: Final = (
    CorruptionParameter(
        "rotation",
        "Rotate",
        -90,
        90,
        1,
        "%.0f°",
        "+ is clockwise.",
        (-90, -60, -45, -30, -15, 0, 15, 30, 45, 60, 90),
    ),
    CorruptionParameter(
        "right", "Shift right", -10, 10, 1, "%.0f px", "In pixels; − is left.", _steps(-10, 10)
    ),
    CorruptionParameter(
        "down", "Shift down", -10, 10, 1, "%.0f px", "In pixels; − is up.", _steps(-10, 10)
    ),
    CorruptionParameter(
        "scale", "Scale", 0.5, 1.5, 0.05, "× %.2f", "1 is as large as it was.", _steps(0.5, 1.5)
    ),
    CorruptionParameter(
        "blur", "Blur", 0, 4, 0.1, "%.1f px", "The standard deviation of a Gaussian.", _steps(0, 4)
    ),
    CorruptionParameter(
        "noise",
        "Noise",
        0,
        150,
        1,
        "%.0f",
        "The standard deviation of what is added to each pixel, in gray levels of 255.",
        _steps(0, 150),
    ),
    CorruptionParameter(
        "thickness",
        "Thicken or thin",
        -2.5,
        2.5,
        0.5,
        "%.1f px",
        "How much wider the strokes become; − is thinner.",
        _steps(-2.5, 2.5),
    ),
    CorruptionParameter(
        "invert",
        "Invert",
        0,
        100,
        1,
        "%.0f %%",
        "How much of the picture is its negative: at 50 % all is gray, at 100 % ink is paper.",
        _steps(0, 100),
    ),
    CorruptionParameter(
        "occlude",
        "Cover",
        0,
        20,
        1,
        "%.0f px",
        "The side of a gray square that covers a part, at a place drawn for each digit.",
        _steps(0, 20),
    ),
)
CORRUPTION_BY_NAME: Final = {kind.name: kind for kind in CORRUPTIONS}


def single_corruption(name: CorruptionName, value: float) -> Corruption:
    """Make a corruption of a single kind.

    Example:
        >>> single_corruption("rotation", 15) == Corruption(rotation=15)
        True
    """
    return Corruption(**{name: value})


def describe_corruption(corruption: Corruption) -> str:
    """List the changes with their amounts, for reading.

    Example:
        >>> describe_corruption(Corruption(rotation=15, blur=0.5))
        'rotate 15°, blur 0.5 px'
    """
    amounts = ((kind, getattr(corruption, kind.name)) for kind in CORRUPTIONS)
    described = (
        f"{kind.label.lower()} {kind.format_value(amount)}"
        for kind, amount in amounts
        if amount != kind.neutral
    )
    return ", ".join(described) or "nothing is changed"


def corrupt(images: Digits, corruption: Corruption) -> Digits:
    """Corrupt digits: stroke thickness first, then geometry, blur, noise, inversion, occlusion.

    Noise and the covered square depend only on a digit's position in the array, so a slider that
    moves shows more of the same change.

    Args:
        images: uint8 (n, 28, 28).
        corruption: What is changed, and by how much.

    Returns:
        uint8 (n, 28, 28); the same array if nothing is changed.

    Raises:
        ValueError: The images have another shape or dtype.
    """
    check_digits(images)
    if corruption == NO_CORRUPTION or not len(images):
        return images
    changed = _thickened(images, corruption.thickness)
    draw = AugmentationDraw(
        rotation=corruption.rotation,
        right=corruption.right / _SIDE,
        down=corruption.down / _SIDE,
        # A draw says what part of the picture is left out: at a factor of 1.25 a fifth.
        taller=1 - 1 / corruption.scale,
        wider=1 - 1 / corruption.scale,
        blur=corruption.blur,
        noise=corruption.noise,
    )
    if draw != AugmentationDraw():
        changed = apply_draw(changed, [draw] * len(changed), _SEED)
    return _covered(_inverted(changed, corruption.invert / 100), round(corruption.occlude))


def _thickened(images: Digits, pixels: float) -> Digits:
    """Widen the strokes by so many pixels, half of it on either side."""
    radius = round(pixels / 2 * _FINE)
    if not radius:
        return images
    n, side = len(images), _SIDE + 2 * _MARGIN
    framed = np.pad(images, ((0, 0), (_MARGIN, _MARGIN), (_MARGIN, _MARGIN)))
    # One tall picture of all digits: one call instead of a thousand.
    tall = framed.reshape(n * side, side).repeat(_FINE, axis=0).repeat(_FINE, axis=1)
    small = cv2.resize(grow_strokes(tall, radius), (side, n * side), interpolation=cv2.INTER_AREA)
    inner = slice(_MARGIN, _MARGIN + _SIDE)
    return np.ascontiguousarray(small.reshape(n, side, side)[:, inner, inner], np.uint8)


def _inverted(images: Digits, part: float) -> Digits:
    if not part:
        return images
    # A picture has 256 gray levels, whatever its size.
    level = np.arange(256)
    table = np.rint(level * (1 - part) + (255 - level) * part).astype(np.uint8)
    return table[images]


def _covered(images: Digits, side: int) -> Digits:
    if not side:
        return images
    free = np.random.default_rng(_SEED).random((len(images), 2, 1))
    corner = np.floor(free * (_SIDE + 1 - side))
    along = np.arange(_SIDE)
    inside = (along >= corner) & (along < corner + side)
    square = inside[:, 0, :, None] & inside[:, 1, None, :]
    return np.where(square, np.uint8(GRAY), images)
