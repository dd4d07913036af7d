"""Stress tests: the same digits turned, moved, blurred, covered ..., and what a run still reads.

The idea is that of MNIST-C (Mu and Gilmer, "MNIST-C: A Robustness Benchmark for Computer Vision",
arXiv:1906.02337): a network is tried on digits that are changed as no training changed them, with
their labels kept. Rotation, shifts, scale, blur and noise are those of `core.augment_play`.
"""

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from core.answered import Answered
from core.arrays import check_digits, read_only
from core.augment_play import Change, changed, grow_strokes
from core.digit_stats import split_of
from core.parameters import Parameter
from core.runs import Network

Digits = NDArray[np.uint8]
KindName = Literal[
    "rotation", "right", "down", "scale", "blur", "noise", "thickness", "invert", "occlude"
]
DATASET: Final = "mnist-sample"
"""Stress tests are made on the sample's 1,000 test digits: always there, and soon answered."""
GREY: Final = 128
"""The grey level of the square that covers a part of a digit."""
_SEED: Final = 0
_SIDE: Final = 28
_FINE: Final = 4
"""Strokes are thickened on pixels divided into 4 × 4, so by steps of half a pixel."""
_MARGIN: Final = 2
"""Background around each digit, so that no stroke grows into its neighbour; in pixels."""


@dataclass(frozen=True)
class Stress:
    """How far each digit is changed; nothing is, by default.

    Attributes:
        rotation: degrees, clockwise.
        right, down: shifts in pixels.
        scale: factor, above 0; 1 is as large as it was.
        blur: standard deviation of a Gaussian in pixels, from 0.
        noise: standard deviation of what is added to each pixel, in grey levels of 255, from 0.
        thickness: by how many pixels strokes grow wider, -2.5 to 2.5, in steps of half a pixel.
        invert: from 0 to 100 %, how much of the negative is in the picture; at 50 % all is grey.
        occlude: side of a grey square in whole pixels, 0 to 28, at a place drawn for each digit.
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


NOTHING: Final = Stress()


@dataclass(frozen=True)
class Kind(Parameter[KindName]):
    """A way to change digits.

    Attributes:
        values: where its curve is measured, in rising order; one of them is that of `NOTHING`.
    """

    values: tuple[float, ...]

    @property
    def nothing(self) -> float:
        """The value at which a digit stays as it is."""
        return float(getattr(NOTHING, self.name))


def _steps(low: float, high: float, count: int = 11) -> tuple[float, ...]:
    return tuple(round(float(value), 6) for value in np.linspace(low, high, count))


KINDS: Final = (
    Kind(
        "rotation",
        "Rotate",
        -90,
        90,
        1,
        "%.0f°",
        "+ is clockwise.",
        (-90, -60, -45, -30, -15, 0, 15, 30, 45, 60, 90),
    ),
    Kind("right", "Shift right", -10, 10, 1, "%.0f px", "In pixels; − is left.", _steps(-10, 10)),
    Kind("down", "Shift down", -10, 10, 1, "%.0f px", "In pixels; − is up.", _steps(-10, 10)),
    Kind("scale", "Scale", 0.5, 1.5, 0.05, "× %.2f", "1 is as large as it was.", _steps(0.5, 1.5)),
    Kind(
        "blur", "Blur", 0, 4, 0.1, "%.1f px", "The standard deviation of a Gaussian.", _steps(0, 4)
    ),
    Kind(
        "noise",
        "Noise",
        0,
        150,
        1,
        "%.0f",
        "The standard deviation of what is added to each pixel, in grey levels of 255.",
        _steps(0, 150),
    ),
    Kind(
        "thickness",
        "Thicken or thin",
        -2.5,
        2.5,
        0.5,
        "%.1f px",
        "How much wider the strokes become; − is thinner.",
        _steps(-2.5, 2.5),
    ),
    Kind(
        "invert",
        "Invert",
        0,
        100,
        1,
        "%.0f %%",
        "How much of the picture is its negative: at 50 % all is grey, at 100 % ink is paper.",
        _steps(0, 100),
    ),
    Kind(
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
KIND: Final = {kind.name: kind for kind in KINDS}


def only(name: KindName, value: float) -> Stress:
    """Nothing but one kind of change."""
    return Stress(**{name: value})


def in_words(stress: Stress) -> str:
    """The changes that are made, with their amounts, for reading."""
    made = [kind for kind in KINDS if getattr(stress, kind.name) != kind.nothing]
    named = (f"{kind.label.lower()} {kind.written(getattr(stress, kind.name))}" for kind in made)
    return ", ".join(named) or "nothing is changed"


def apply(images: Digits, stress: Stress) -> Digits:
    """The digits, uint8 (n, 28, 28), changed: the pen first, then the place, the light, the dirt.

    Noise and the covered place follow from a digit's place in the array alone, so a slider that
    moves shows more of the same. Raises ValueError for any other shape or dtype.
    """
    check_digits(images)
    if stress == NOTHING or not len(images):
        return images
    seen = _thickened(images, stress.thickness)
    change = Change(
        rotation=stress.rotation,
        right=stress.right / _SIDE,
        down=stress.down / _SIDE,
        # A change says what part of the picture is left out: at a factor of 1.25 a fifth.
        taller=1 - 1 / stress.scale,
        wider=1 - 1 / stress.scale,
        blur=stress.blur,
        noise=stress.noise,
    )
    if change != Change():
        seen = changed(seen, [change] * len(seen), _SEED)
    return _covered(_inverted(seen, stress.invert / 100), round(stress.occlude))


@lru_cache(maxsize=16)
def stressed(network: Network, stress: Stress) -> Answered:
    """Let a network read the sample's test digits, changed. Imports TensorFlow when it is called.

    Args:
        network: a run's, finished or as it was after an epoch.
        stress: how the digits are changed.

    Returns:
        The answers, with the changed pictures; each time the same object.

    Raises:
        RunError: the network cannot be opened.
    """
    digits = split_of(DATASET, "test")
    held_out = network.run.info.provenance.held_out(DATASET)
    none = np.empty((0, 10), np.float32)
    asked = Answered(network, DATASET, digits.images, digits.labels, none, held_out)
    return _answer(asked, stress)


@lru_cache(maxsize=16)
def stressed_digits(this: Answered, stress: Stress) -> Answered:
    """What the same network answers on the same digits, changed: for a visitor's own few digits.

    Raises RunError as `stressed` does.
    """
    return _answer(this, stress)


def _answer(asked: Answered, stress: Stress) -> Answered:
    from core.inference import load_predictor

    images = apply(asked.images, stress)
    found = load_predictor(asked.network).probabilities(images)
    return replace(asked, images=read_only(images), probabilities=read_only(found))


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
    # A picture has 256 grey levels, whatever its size.
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
    return np.where(square, np.uint8(GREY), images)
