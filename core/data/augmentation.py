"""Augmentation of digits: the settings of a training, and what they do, without TensorFlow.

`Augmentation` holds the largest changes that a training makes at random; `augmented_examples` shows
the affine ones on a few digits, with the maps of `core.training.input_pipeline.augment`. An
`AugmentationDraw` is one exact change of one digit. Besides rotation, shifts, shear, zoom and an
elastic warp it knows blur and noise by an exact amount; a recipe has these only among its
corruptions (`core.data.random_corruptions`).

The elastic warp is that of Simard, Steinkraus and Platt, "Best Practices for Convolutional Neural
Networks Applied to Visual Document Analysis", ICDAR 2003: each pixel gets a random displacement
from -1 to 1, down and to the right, the displacements are smoothed with a Gaussian of standard
deviation sigma, then multiplied by alpha. Their best values for MNIST were sigma 4 and alpha 34.
"""

from collections.abc import Sequence
from dataclasses import astuple, dataclass
from functools import lru_cache
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from core.data.mnist import CLASSES
from core.data.statistics import SplitName, split_of
from core.utils.validation import FrozenModel, bounds, read_only


class Augmentation(FrozenModel):
    """Random changes, new ones each time a digit is seen.

    The first five are the largest changes of an affine map, in the units of Keras's
    ImageDataGenerator: degrees for rotation and shear, fractions of the 28 pixels for the shifts,
    and a factor between 1 - zoom and 1 + zoom for each axis. `pens` is the share of digits that are
    redrawn before that (`core.preprocessing.pens`). After it, `warp` is the largest alpha of the
    elastic warp, `corruptions` the share of digits that get noise, blur, lines and the like
    (`core.data.random_corruptions`), and `adversarial` by how much of the gray scale each pixel may
    be pushed towards a larger loss (`core.recipes.adversarial_network`).
    """

    rotation: float = Field(default=0.0, ge=0, le=45)
    width_shift: float = Field(default=0.0, ge=0, le=0.3)
    height_shift: float = Field(default=0.0, ge=0, le=0.3)
    shear: float = Field(default=0.0, ge=0, le=45)
    zoom: float = Field(default=0.0, ge=0, le=0.5)
    warp: float = Field(default=0.0, ge=0, le=60)
    pens: float = Field(default=0.0, ge=0, le=1)
    corruptions: float = Field(default=0.0, ge=0, le=1)
    adversarial: float = Field(default=0.0, ge=0, le=0.3)

    @property
    def active(self) -> bool:
        """Whether anything is changed at all."""
        return any(self.model_dump().values())

    @property
    def warps_or_corrupts(self) -> bool:
        """Whether `core.data.random_corruptions` has anything to do."""
        return bool(self.warp or self.corruptions)


Floats = NDArray[np.float64]


def random_draws(n: int, seed: int) -> Floats:
    """Draw what `augmented_examples` scales: six numbers in [-1, 1) for each of n digits.

    Returns:
        float64 (6, n): rotation, shear, shift down, shift right, height and width.

    Example:
        >>> random_draws(3, seed=0).shape
        (6, 3)
    """
    return np.random.default_rng(seed).uniform(-1, 1, (6, n))


def augmented_examples(
    digits: NDArray[np.uint8], augmentation: Augmentation, draws: Floats
) -> NDArray[np.uint8]:
    """Augment digits as training does, for given draws.

    The maps and the bilinear interpolation are those of `core.training.input_pipeline.augment`.

    Args:
        digits: uint8 (n, height, width).
        augmentation: The largest change of each kind.
        draws: (6, n), what part of it each digit gets, -1 to 1 (see `random_draws`).

    Returns:
        uint8 (n, height, width).

    Example:
        >>> digits = np.eye(28, dtype=np.uint8)[None] * 255
        >>> augmented = augmented_examples(digits, Augmentation(), random_draws(1, seed=0))
        >>> bool((augmented == digits).all())
        True
    """
    n, height, width = digits.shape
    turn, shear = np.radians([[augmentation.rotation], [augmentation.shear]]) * draws[:2]
    down = draws[2] * augmentation.height_shift * height
    right = draws[3] * augmentation.width_shift * width
    tall, wide = 1 + draws[4:] * augmentation.zoom

    # Output pixel to input pixel, about the center: rotation · (shift + shear · zoom · pixel).
    middle = np.array([(height - 1) / 2, (width - 1) / 2])
    pixels = np.indices((height, width)).reshape(2, -1) - middle[:, None]
    row = tall[:, None] * pixels[0] - (np.sin(shear) * wide)[:, None] * pixels[1] + down[:, None]
    column = (np.cos(shear) * wide)[:, None] * pixels[1] + right[:, None]
    cos, sin = np.cos(turn)[:, None], np.sin(turn)[:, None]
    rows = cos * row - sin * column + middle[0]
    columns = sin * row + cos * column + middle[1]
    augmented = _bilinear(digits.astype(np.float64), rows, columns)
    return np.rint(augmented).astype(np.uint8).reshape(n, height, width)


def _bilinear(digits: Floats, rows: Floats, columns: Floats) -> Floats:
    """Interpolate each digit (n, height, width) at points (n, points) between its pixels."""
    n, height, width = digits.shape
    # A border of background on each side stands for everything outside.
    framed = np.pad(digits, ((0, 0), (1, 1), (1, 1)))
    rows, columns = np.clip(rows + 1, 0, height + 1), np.clip(columns + 1, 0, width + 1)
    top = np.minimum(rows.astype(np.intp), height)
    left = np.minimum(columns.astype(np.intp), width)
    down, right = rows - top, columns - left
    digit = np.arange(n)[:, None]
    upper = framed[digit, top, left] * (1 - right) + framed[digit, top, left + 1] * right
    lower = framed[digit, top + 1, left] * (1 - right) + framed[digit, top + 1, left + 1] * right
    return upper * (1 - down) + lower * down


PAPER_SIGMA: Final = 4.0
PAPER_ALPHA: Final = 34.0


def gaussian_blur(values: Floats, sigma: float, *, mirrored: bool = False) -> Floats:
    """Smooth values with a Gaussian, cut at four sigma.

    Args:
        values: float64 (height, width).
        sigma: Standard deviation in pixels, above 0.
        mirrored: Whether the values are mirrored beyond the edges; otherwise there are zeros.

    Returns:
        float64 (height, width).
    """
    side = 2 * int(4 * sigma + 0.5) + 1
    border = cv2.BORDER_REFLECT if mirrored else cv2.BORDER_CONSTANT
    blurred = cv2.GaussianBlur(values, (side, side), sigma, borderType=border)
    return np.asarray(blurred, np.float64)


def displacement_fields(rough: Floats, alpha: float, sigma: float) -> Floats:
    """Compute how far the elastic warp moves each pixel.

    The paper does not say what is beyond the edges; mirrored, displacements do not fade out there.

    Args:
        rough: Random numbers from -1 to 1, (2, height, width).
        alpha: Factor of the smoothed numbers.
        sigma: Standard deviation of the smoothing, in pixels.

    Returns:
        Displacements down and to the right, in pixels, (2, height, width).
    """
    return alpha * np.stack([gaussian_blur(part, sigma, mirrored=True) for part in rough])


def elastic_warp(digit: Floats, moves: Floats) -> Floats:
    """Warp a digit: each pixel is read from a place that is displaced from its own.

    Between pixels the brightness is bilinear; outside is background.

    Args:
        digit: float64 (height, width).
        moves: The displacements down and to the right, in pixels, (2, height, width).
    """
    rows, columns = (np.indices(digit.shape) + moves).astype(np.float32)
    warped = cv2.remap(
        digit.astype(np.float32),
        columns,
        rows,
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=0,
    )
    return np.asarray(warped, np.float64)


Digits = NDArray[np.uint8]
MAX_DRAWS: Final = {name: bounds(Augmentation, name).high for name in Augmentation.model_fields}
"""The largest setting of each kind that a training accepts, in its own units."""
_DRAWS_PER_SETTING: Final = 6
"""How many digits of each label the grid holds: with two more, 64 are read at once."""


@dataclass(frozen=True)
class AugmentationDraw:
    """An exact change of one digit; or the largest change, of either sign, to draw from.

    Attributes:
        rotation: degrees, clockwise.
        right, down: shifts, as parts of the 28 pixels.
        shear: degrees; the right-hand side goes down, the left-hand side up.
        taller, wider: zoom; at 0.2 a part of 0.8 is spread over the whole height or width, so that
            the digit grows to 1 / 0.8 = 1.25 of its size.
        warp: alpha of the elastic warp, from 0.
        smoothness: its sigma in pixels, above 0.
        blur: standard deviation of a Gaussian in pixels, from 0.
        noise: standard deviation in gray levels of 255, from 0.
    """

    rotation: float = 0.0
    right: float = 0.0
    down: float = 0.0
    shear: float = 0.0
    taller: float = 0.0
    wider: float = 0.0
    warp: float = 0.0
    smoothness: float = PAPER_SIGMA
    blur: float = 0.0
    noise: float = 0.0


def exceeds_training(change: AugmentationDraw) -> tuple[str, ...]:
    """Name what in a change no recipe can ask for; empty if a recipe can ask for all of it.

    Example:
        >>> exceeds_training(AugmentationDraw(rotation=10, blur=1.5))
        ('blur',)
    """
    offered = {
        "rotation": (f"rotation beyond {MAX_DRAWS['rotation']:g}°", change.rotation),
        "width_shift": (f"shifts beyond {100 * MAX_DRAWS['width_shift']:g} %", change.right),
        "height_shift": (f"shifts beyond {100 * MAX_DRAWS['height_shift']:g} %", change.down),
        "shear": (f"shear beyond {MAX_DRAWS['shear']:g}°", change.shear),
        "zoom": (
            f"zoom beyond {100 * MAX_DRAWS['zoom']:g} %",
            max(change.taller, change.wider, key=abs),
        ),
        "warp": (f"warp beyond {MAX_DRAWS['warp']:g}", change.warp),
    }
    too_far = [text for name, (text, value) in offered.items() if abs(value) > MAX_DRAWS[name]]
    not_offered = {
        f"a warp of smoothness {change.smoothness:g}": change.warp
        and change.smoothness != PAPER_SIGMA,
        "blur": change.blur,
        "noise": change.noise,
    }
    # The two shifts share their text.
    return tuple(dict.fromkeys([*too_far, *(text for text, value in not_offered.items() if value)]))


def draw_augmentations(most: AugmentationDraw, n: int, seed: int) -> list[AugmentationDraw]:
    """Draw random changes, each amount uniformly distributed, as in training.

    The same seed gives the same draws, so that a stronger setting shows as more of the same.

    Args:
        most: The largest change. Shifts, rotation, shear and the zoom of each axis go either way;
            warp, blur and noise lie between 0 and it.
        n: How many changes.
        seed: Of the draws.
    """
    turn, shear, down, right, tall, wide = random_draws(n, seed)
    warp, blur, noise = np.random.default_rng([seed, n]).uniform(0, 1, (3, n))
    return [
        AugmentationDraw(
            rotation=most.rotation * float(turn[k]),
            right=most.right * float(right[k]),
            down=most.down * float(down[k]),
            shear=most.shear * float(shear[k]),
            taller=most.taller * float(tall[k]),
            wider=most.wider * float(wide[k]),
            warp=most.warp * float(warp[k]),
            smoothness=most.smoothness,
            blur=most.blur * float(blur[k]),
            noise=most.noise * float(noise[k]),
        )
        for k in range(n)
    ]


def apply_draw(digits: Digits, changes: Sequence[AugmentationDraw], seed: int) -> Digits:
    """Apply to each digit its change.

    What is random in warp and noise depends only on the seed and the position of a digit.

    Args:
        digits: uint8 (n, 28, 28).
        changes: One for each digit.
        seed: Of warp and noise.

    Returns:
        uint8 (n, 28, 28).

    Raises:
        ValueError: There is not one change for each digit.
    """
    if len(digits) != len(changes):
        raise ValueError(f"{len(digits)} digits cannot take {len(changes)} changes")
    moved = _moved(digits, changes)
    changed = [
        _warped_and_noisy(digit, change, np.random.default_rng([seed, position]))
        for position, (digit, change) in enumerate(zip(moved, changes, strict=True))
    ]
    return np.stack(changed) if changed else moved


def grow_strokes(picture: NDArray[np.uint8], radius: int) -> NDArray[np.uint8]:
    """Move every edge of light ink outwards: grayscale dilation with a disc.

    Args:
        picture: uint8 (height, width), 0 is background.
        radius: the disc's radius in pixels; negative moves edges inwards (erosion).
    """
    across = np.arange(-abs(radius), abs(radius) + 1)
    disc = (across**2 + across[:, None] ** 2 <= radius**2).astype(np.uint8)
    morph = cv2.dilate if radius > 0 else cv2.erode
    moved = morph(picture, disc, borderType=cv2.BORDER_CONSTANT, borderValue=(0,))
    return np.asarray(moved, np.uint8)


@lru_cache(maxsize=8)
def example_draws(dataset: str, split: SplitName) -> NDArray[np.intp]:
    """Choose the digits of the augmentation example: the first six of each label.

    Returns:
        Their indices in the split, label by label, int (60,), read-only.
    """
    labels = split_of(dataset, split).labels
    first_of_each = [np.flatnonzero(labels == k)[:_DRAWS_PER_SETTING] for k in range(CLASSES)]
    return read_only(np.concatenate(first_of_each))


def _moved(digits: Digits, changes: Sequence[AugmentationDraw]) -> Digits:
    """Rotate, shift, shear and zoom, by the maps of training.

    An amount becomes a draw of the largest that training accepts; it may lie beyond 1 here. The
    maps say from where a pixel is read, a change where it goes: hence the changed signs.
    """
    amounts = np.array([astuple(change)[:6] for change in changes]).reshape(-1, 6).T
    rotation, right, down, shear, taller, wider = amounts
    draws = [
        rotation / MAX_DRAWS["rotation"],
        shear / MAX_DRAWS["shear"],
        -down / MAX_DRAWS["height_shift"],
        -right / MAX_DRAWS["width_shift"],
        -taller / MAX_DRAWS["zoom"],
        -wider / MAX_DRAWS["zoom"],
    ]
    return augmented_examples(digits, Augmentation(**MAX_DRAWS), np.array(draws))


def _warped_and_noisy(
    digit: Digits, change: AugmentationDraw, generator: np.random.Generator
) -> Digits:
    """Warp and blur one digit (28, 28), and add noise."""
    # Both are always drawn, so that the noise stays the same when the warp is turned on.
    rough = generator.uniform(-1, 1, (2, *digit.shape))
    grain = generator.standard_normal(digit.shape)
    values = digit.astype(np.float64)
    if change.warp:
        values = elastic_warp(values, displacement_fields(rough, change.warp, change.smoothness))
    if change.blur:
        values = gaussian_blur(values, change.blur)
    return np.rint(np.clip(values + change.noise * grain, 0, 255)).astype(np.uint8)
