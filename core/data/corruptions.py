"""."""

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
    """How far each digit is changed; nothing is, by default.

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
    """A way to change digits.

    Attributes:
        values: where its curve is measured, in rising order; one of them is that of `NOTHING`.
    """

    values: tuple[float, ...]

    @property
    def nothing(self) -> float:
        """The value at which a digit stays as it is."""
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
        "The standard deviation of what is added to each pixel, in grey levels of 255.",
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
        "How much of the picture is its negative: at 50 % all is grey, at 100 % ink is paper.",
        _steps(0, 100),
    ),
    CorruptionParameter(
        "occlude",
        "Cover",
        0,
        20,
        1,
        "%.0f px",
        "The side of a grey square that covers a part, at a place drawn for each digit.",
        _steps(0, 20),
    ),
)
CORRUPTION_BY_NAME: Final = {kind.name: kind for kind in CORRUPTIONS}


def single_corruption(name: CorruptionName, value: float) -> Corruption:
    """Nothing but one kind of change."""
    return Corruption(**{name: value})


def describe_corruption(stress: Corruption) -> str:
    """The changes that are made, with their amounts, for reading."""
    made = [kind for kind in CORRUPTIONS if getattr(stress, kind.name) != kind.nothing]
    named = (
        f"{kind.label.lower()} {kind.format_value(getattr(stress, kind.name))}" for kind in made
    )
    return ", ".join(named) or "nothing is changed"


def corrupt(images: Digits, stress: Corruption) -> Digits:
    """The digits, uint8 (n, 28, 28), changed: the pen first, then the place, the light, the dirt.

    Noise and the covered place follow from a digit's place in the array alone, so a slider that
    moves shows more of the same. Raises ValueError for any other shape or dtype.
    """
    check_digits(images)
    if stress == NO_CORRUPTION or not len(images):
        return images
    seen = _thickened(images, stress.thickness)
    change = AugmentationDraw(
        rotation=stress.rotation,
        right=stress.right / _SIDE,
        down=stress.down / _SIDE,
        # A change says what part of the picture is left out: at a factor of 1.25 a fifth.
        taller=1 - 1 / stress.scale,
        wider=1 - 1 / stress.scale,
        blur=stress.blur,
        noise=stress.noise,
    )
    if change != AugmentationDraw():
        seen = apply_draw(seen, [change] * len(seen), _SEED)
    return _covered(_inverted(seen, stress.invert / 100), round(stress.occlude))


def _thickened(images: Digits, pixels: float) -> Digits:
    """Strokes wider by so many pixels: half of it on either side."""
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
