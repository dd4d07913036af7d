"""Augmentation to play with: a digit changed by exactly so much, or many at random.

Rotation, shifts, shear and zoom are the maps of `core.data.augmentation`, so those of training.
After them come an elastic warp, blur and noise, as paper, lens and sensor would add them: no recipe
knows these.

What augmentation does to a few digits: `core.training.input_pipeline.augment` without TensorFlow,
at once.

The elastic warp of Simard, Steinkraus and Platt: a digit as if it were written on rubber.

"Best Practices for Convolutional Neural Networks Applied to Visual Document Analysis", ICDAR 2003:
each pixel gets a random displacement from -1 to 1, down and to the right, the displacements are
smoothed with a Gaussian of standard deviation sigma, then multiplied by alpha. Their best values
for MNIST were sigma 4 and alpha 34.
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
    """Random affine changes, new ones each time a digit is seen; each value is the largest change.

    Units are those of Keras's ImageDataGenerator: degrees for rotation and shear, fractions of the
    28 pixels for the shifts, and a factor between 1 - zoom and 1 + zoom for each axis.
    """

    rotation: float = Field(default=0.0, ge=0, le=45)
    width_shift: float = Field(default=0.0, ge=0, le=0.3)
    height_shift: float = Field(default=0.0, ge=0, le=0.3)
    shear: float = Field(default=0.0, ge=0, le=45)
    zoom: float = Field(default=0.0, ge=0, le=0.5)

    @property
    def active(self) -> bool:
        """Whether anything is changed at all."""
        return any(self.model_dump().values())


Floats = NDArray[np.float64]


def random_draws(n: int, seed: int) -> Floats:
    """Six numbers in [-1, 1) for each of n digits, (6, n): which way it is changed, and how far."""
    return np.random.default_rng(seed).uniform(-1, 1, (6, n))


def augmented_examples(
    digits: NDArray[np.uint8], augmentation: Augmentation, draws: Floats
) -> NDArray[np.uint8]:
    """The digits, uint8 (n, height, width), as training might see them, for these draws (6, n).

    The same maps and the same bilinear interpolation as `core.training.input_pipeline.augment`,
    with the draws of turn, shear, shift down, shift right, height and width in this order.
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
    seen = _bilinear(digits.astype(np.float64), rows, columns)
    return np.rint(seen).astype(np.uint8).reshape(n, height, width)


def augmentation_sheet(
    digits: NDArray[np.uint8], augmentation: Augmentation, rows: int, seed: int
) -> NDArray[np.uint8]:
    """One picture, uint8 ((1 + rows) · height, n · width): the digits, then changed ones below.

    The same seed gives the same draws, so that a stronger setting shows as more of the same change.
    """
    n = len(digits)
    changed = [
        augmented_examples(digits, augmentation, random_draws(n, seed + row)) for row in range(rows)
    ]
    return np.vstack([np.hstack(list(line)) for line in (digits, *changed)])


def _bilinear(digits: Floats, rows: Floats, columns: Floats) -> Floats:
    """The brightness of each digit (n, height, width) at points (n, points) between its pixels."""
    n, height, width = digits.shape
    # A border of background on each side stands for everything outside.
    framed = np.pad(digits, ((0, 0), (1, 1), (1, 1)))
    rows, columns = np.clip(rows + 1, 0, height + 1), np.clip(columns + 1, 0, width + 1)
    top = np.minimum(rows.astype(np.intp), height)
    left = np.minimum(columns.astype(np.intp), width)
    low, far = rows - top, columns - left
    which = np.arange(n)[:, None]
    upper = framed[which, top, left] * (1 - far) + framed[which, top, left + 1] * far
    lower = framed[which, top + 1, left] * (1 - far) + framed[which, top + 1, left + 1] * far
    return upper * (1 - low) + lower * low


PAPER_SIGMA: Final = 4.0
PAPER_ALPHA: Final = 34.0


def gaussian_blur(values: Floats, sigma: float, *, mirrored: bool = False) -> Floats:
    """Numbers (height, width) smoothed with a Gaussian of `sigma` > 0 pixels, cut at four sigma.

    Beyond the edges there are zeros or, `mirrored`, what lies inside them.
    """
    side = 2 * int(4 * sigma + 0.5) + 1
    border = cv2.BORDER_REFLECT if mirrored else cv2.BORDER_CONSTANT
    smooth = cv2.GaussianBlur(values, (side, side), sigma, borderType=border)
    return np.asarray(smooth, np.float64)


def displacement_fields(rough: Floats, alpha: float, sigma: float) -> Floats:
    """How far each pixel is moved, in pixels, down and to the right: (2, height, width).

    `rough`: random numbers from -1 to 1 of the same shape. The paper does not say what is beyond
    the edges; mirrored, displacements do not fade out there.
    """
    return alpha * np.stack([gaussian_blur(part, sigma, mirrored=True) for part in rough])


def elastic_warp(digit: Floats, moves: Floats) -> Floats:
    """A digit (height, width) whose pixels are each read from a place `moves` (2, ...) away.

    Between pixels the brightness is bilinear; outside is background.
    """
    rows, columns = (np.indices(digit.shape) + moves).astype(np.float32)
    seen = cv2.remap(
        digit.astype(np.float32),
        columns,
        rows,
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=0,
    )
    return np.asarray(seen, np.float64)


Digits = NDArray[np.uint8]
MAX_DRAWS: Final = {name: bounds(Augmentation, name).high for name in Augmentation.model_fields}
"""The largest strengths that a training takes, in its own units."""
DRAWS_PER_SETTING: Final = 6
"""How many digits of each label the grid holds: with two more, 64 are read at once."""


@dataclass(frozen=True)
class AugmentationDraw:
    """What happens to one digit, exactly; or the most that may happen, either way.

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
    """What of a change no training here can be asked for, in words; empty if it can do all."""
    offered = {
        "rotation": (f"rotation beyond {MAX_DRAWS['rotation']:g}°", change.rotation),
        "width_shift": (f"shifts beyond {100 * MAX_DRAWS['width_shift']:g} %", change.right),
        "height_shift": (f"shifts beyond {100 * MAX_DRAWS['height_shift']:g} %", change.down),
        "shear": (f"shear beyond {MAX_DRAWS['shear']:g}°", change.shear),
        "zoom": (
            f"zoom beyond {100 * MAX_DRAWS['zoom']:g} %",
            max(change.taller, change.wider, key=abs),
        ),
    }
    too_far = [words for name, (words, value) in offered.items() if abs(value) > MAX_DRAWS[name]]
    to_play = {"elastic warp": change.warp, "blur": change.blur, "noise": change.noise}
    # The two shifts share their words.
    return tuple(dict.fromkeys([*too_far, *(words for words, value in to_play.items() if value)]))


def draw_augmentations(most: AugmentationDraw, n: int, seed: int) -> list[AugmentationDraw]:
    """`n` random changes within `most`, each amount evenly distributed, as in training.

    Shifts, rotation, shear and the zoom of each axis go either way; warp, blur and noise lie
    between 0 and what `most` allows. The same seed gives the same draws, so that a stronger setting
    shows as more of the same.
    """
    turn, shear, down, right, tall, wide = random_draws(n, seed)
    rubber, lens, grain = np.random.default_rng([seed, n]).uniform(0, 1, (3, n))
    return [
        AugmentationDraw(
            rotation=most.rotation * float(turn[k]),
            right=most.right * float(right[k]),
            down=most.down * float(down[k]),
            shear=most.shear * float(shear[k]),
            taller=most.taller * float(tall[k]),
            wider=most.wider * float(wide[k]),
            warp=most.warp * float(rubber[k]),
            smoothness=most.smoothness,
            blur=most.blur * float(lens[k]),
            noise=most.noise * float(grain[k]),
        )
        for k in range(n)
    ]


def apply_draw(digits: Digits, changes: Sequence[AugmentationDraw], seed: int) -> Digits:
    """The digits, uint8 (n, 28, 28), each after its change.

    What is random in warp and noise follows from the seed and a digit's place alone. Raises
    ValueError if there is not a change for each digit.
    """
    if len(digits) != len(changes):
        raise ValueError(f"{len(digits)} digits cannot take {len(changes)} changes")
    moved = _moved(digits, changes)
    done = [
        _roughened(digit, change, np.random.default_rng([seed, place]))
        for place, (digit, change) in enumerate(zip(moved, changes, strict=True))
    ]
    return np.stack(done) if done else moved


def grow_strokes(picture: NDArray[np.uint8], radius: int) -> NDArray[np.uint8]:
    """Move every edge of light ink outwards: gray-scale dilation with a disc.

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
    """The indices of the first six digits of each label, label by label: read-only (60,)."""
    labels = split_of(dataset, split).labels
    found = np.concatenate(
        [np.flatnonzero(labels == k)[:DRAWS_PER_SETTING] for k in range(CLASSES)]
    )
    return read_only(found)


def _moved(digits: Digits, changes: Sequence[AugmentationDraw]) -> Digits:
    """Rotation, shifts, shear and zoom, by the maps of training.

    An amount is a draw of the largest that training takes; a draw may lie beyond 1 here. Signs are
    turned where the maps say from where a pixel is read, and a change whither it goes.
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


def _roughened(digit: Digits, change: AugmentationDraw, chance: np.random.Generator) -> Digits:
    """Warp, blur and noise of one digit (28, 28)."""
    # Both are always drawn, so that the noise stays the same when the warp is turned on.
    rough = chance.uniform(-1, 1, (2, *digit.shape))
    grain = chance.standard_normal(digit.shape)
    values = digit.astype(np.float64)
    if change.warp:
        values = elastic_warp(values, displacement_fields(rough, change.warp, change.smoothness))
    if change.blur:
        values = gaussian_blur(values, change.blur)
    return np.rint(np.clip(values + change.noise * grain, 0, 255)).astype(np.uint8)
