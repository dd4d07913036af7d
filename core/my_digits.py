"""Digits that a visitor drew or uploaded and labelled, as test digits for any run."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from core.answered import Answered
from core.datasets import CLASSES
from core.errors import DatasetError

MINE: Final = "mine"
"""What these digits are called as a dataset."""
MOST: Final = 500
"""As many are kept; the oldest go first. They take 400 kB of the server's memory."""


@dataclass(frozen=True, eq=False)
class MyDigit:
    """A prepared digit, uint8 (28, 28), read-only, and which one was meant, 0 to 9."""

    pixels: NDArray[np.uint8]
    label: int

    def __post_init__(self) -> None:
        if self.pixels.shape != (28, 28) or self.pixels.dtype != np.uint8:
            raise ValueError(
                f"expected uint8 (28, 28), got {self.pixels.dtype} {self.pixels.shape}"
            )
        if not 0 <= self.label < CLASSES:
            raise ValueError(f"a digit is 0 to 9, not {self.label}")
        self.pixels.setflags(write=False)


MyDigits = tuple[MyDigit, ...]


def keep(digits: MyDigits, pixels: NDArray[np.uint8], label: int) -> MyDigits:
    """The digits and one more, a copy; the same picture takes the place of its earlier label.

    Raises ValueError unless `pixels` is uint8 (28, 28) and `label` 0 to 9.
    """
    return (*without(digits, pixels), MyDigit(pixels.copy(), label))[-MOST:]


def without(digits: MyDigits, pixels: NDArray[np.uint8]) -> MyDigits:
    """The digits less the one with this very picture, if it is among them."""
    return tuple(one for one in digits if not np.array_equal(one.pixels, pixels))


def label_of(digits: MyDigits, pixels: NDArray[np.uint8]) -> int | None:
    """Which digit this very picture was said to be; None if nothing was said of it."""
    return next((one.label for one in digits if np.array_equal(one.pixels, pixels)), None)


def my_answers(digits: MyDigits, run: str, epoch: int | None = None) -> Answered:
    """What a run answers on the visitor's digits, finished or as it was after an epoch.

    The network is loaded if it is not yet, which takes seconds the first time. Raises DatasetError
    if there are no digits, RunError if the network cannot be opened or its numbers are not finite.
    """
    if not digits:
        raise DatasetError(
            "You have labelled no digits in this visit. Draw some on the Predict page, and say "
            "there what you meant."
        )
    from core.inference import load_predictor  # TensorFlow: seconds

    images = np.stack([one.pixels for one in digits])
    labels = np.array([one.label for one in digits], np.uint8)
    probabilities = load_predictor(run, epoch).probabilities(images)
    for array in (images, labels, probabilities):
        array.setflags(write=False)
    return Answered(run, epoch, MINE, images, labels, probabilities, held_out=True)
