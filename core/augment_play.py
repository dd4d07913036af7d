"""Augmentation to play with: a digit changed by exactly so much, or many at random.

Rotation, shifts, shear and zoom are the maps of `core.augmentation_preview`, so those of training.
After them come an elastic warp, blur and noise, as paper, lens and sensor would add them: no recipe
knows these.
"""

from collections.abc import Sequence
from dataclasses import astuple, dataclass
from functools import lru_cache
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from core.arrays import read_only
from core.augmentation_preview import preview, random_draws
from core.bounds import bounds
from core.datasets import CLASSES
from core.digit_stats import SplitName, split_of
from core.elastic import PAPER_ALPHA, PAPER_SIGMA, displacements, gaussian, warp
from core.presets import PRESETS
from core.recipes import Augmentation

Digits = NDArray[np.uint8]
MOST: Final = {name: bounds(Augmentation, name).high for name in Augmentation.model_fields}
"""The largest strengths that a training takes, in its own units."""
EACH: Final = 6
"""How many digits of each label the grid holds: with two more, 64 are read at once."""


@dataclass(frozen=True)
class Change:
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
        noise: standard deviation in grey levels of 255, from 0.
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


@dataclass(frozen=True)
class Start:
    """Strengths to start from, by a name, and what they are or whose."""

    name: str
    source: str
    change: Change


def of_training(augmentation: Augmentation) -> Change:
    """The largest changes that a training with this augmentation makes."""
    return Change(
        rotation=augmentation.rotation,
        right=augmentation.width_shift,
        down=augmentation.height_shift,
        shear=augmentation.shear,
        taller=augmentation.zoom,
        wider=augmentation.zoom,
    )


def starts() -> tuple[Start, ...]:
    """Nothing at all, what each preset with augmentation is trained with, and two extremes."""
    trained = [
        Start(
            name,
            f"The tutorial by {preset.tutorial.author}"
            if preset.tutorial
            else f"The preset {name}",
            of_training(preset.recipe.augmentation),
        )
        for name, preset in PRESETS.items()
        if preset.recipe.augmentation.active
    ]
    return (
        Start("Nothing", "The digit as it is", Change()),
        *trained,
        Start("Upside down", "Half a turn", Change(rotation=180)),
        Start(
            "Rubber",
            "The elastic warp of Simard, Steinkraus and Platt (2003), as they used it on MNIST",
            Change(warp=PAPER_ALPHA),
        ),
    )


def beyond_training(change: Change) -> tuple[str, ...]:
    """What of a change no training here can be asked for, in words; empty if it can do all."""
    offered = {
        "rotation": (f"rotation beyond {MOST['rotation']:g}°", change.rotation),
        "width_shift": (f"shifts beyond {100 * MOST['width_shift']:g} %", change.right),
        "height_shift": (f"shifts beyond {100 * MOST['height_shift']:g} %", change.down),
        "shear": (f"shear beyond {MOST['shear']:g}°", change.shear),
        "zoom": (
            f"zoom beyond {100 * MOST['zoom']:g} %",
            max(change.taller, change.wider, key=abs),
        ),
    }
    too_far = [words for name, (words, value) in offered.items() if abs(value) > MOST[name]]
    to_play = {"elastic warp": change.warp, "blur": change.blur, "noise": change.noise}
    # The two shifts share their words.
    return tuple(dict.fromkeys([*too_far, *(words for words, value in to_play.items() if value)]))


def throws(most: Change, n: int, seed: int) -> list[Change]:
    """`n` random changes within `most`, each amount evenly distributed, as in training.

    Shifts, rotation, shear and the zoom of each axis go either way; warp, blur and noise lie
    between 0 and what `most` allows. The same seed gives the same draws, so that a stronger setting
    shows as more of the same.
    """
    turn, shear, down, right, tall, wide = random_draws(n, seed)
    rubber, lens, grain = np.random.default_rng([seed, n]).uniform(0, 1, (3, n))
    return [
        Change(
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


def changed(digits: Digits, changes: Sequence[Change], seed: int) -> Digits:
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
    """Move every edge of light ink outwards: grey-scale dilation with a disc.

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
def some_of_each(dataset: str, split: SplitName) -> NDArray[np.intp]:
    """The indices of the first six digits of each label, label by label: read-only (60,)."""
    labels = split_of(dataset, split).labels
    found = np.concatenate([np.flatnonzero(labels == k)[:EACH] for k in range(CLASSES)])
    return read_only(found)


def _moved(digits: Digits, changes: Sequence[Change]) -> Digits:
    """Rotation, shifts, shear and zoom, by the maps of training.

    An amount is a draw of the largest that training takes; a draw may lie beyond 1 here. Signs are
    turned where the maps say from where a pixel is read, and a change whither it goes.
    """
    amounts = np.array([astuple(change)[:6] for change in changes]).reshape(-1, 6).T
    rotation, right, down, shear, taller, wider = amounts
    draws = [
        rotation / MOST["rotation"],
        shear / MOST["shear"],
        -down / MOST["height_shift"],
        -right / MOST["width_shift"],
        -taller / MOST["zoom"],
        -wider / MOST["zoom"],
    ]
    return preview(digits, Augmentation(**MOST), np.array(draws))


def _roughened(digit: Digits, change: Change, chance: np.random.Generator) -> Digits:
    """Warp, blur and noise of one digit (28, 28)."""
    # Both are always drawn, so that the noise stays the same when the warp is turned on.
    rough = chance.uniform(-1, 1, (2, *digit.shape))
    grain = chance.standard_normal(digit.shape)
    values = digit.astype(np.float64)
    if change.warp:
        values = warp(values, displacements(rough, change.warp, change.smoothness))
    if change.blur:
        values = gaussian(values, change.blur)
    return np.rint(np.clip(values + change.noise * grain, 0, 255)).astype(np.uint8)
