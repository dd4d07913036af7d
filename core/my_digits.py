"""Digits that a visitor drew or uploaded and labelled, as test digits for any run."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from core.answered import Answered
from core.arrays import check_digit, read_only
from core.datasets import CLASSES, Split
from core.errors import DatasetError
from core.own_digits import has_seen_any
from core.runs import Network

MINE: Final = "mine"
"""What these digits are called as a dataset."""
MOST: Final = 500
"""As many are kept; the oldest go first. They take 400 kB of the server's memory."""


@dataclass(frozen=True, eq=False)
class MyDigit:
    """A digit that was labelled.

    Attributes:
        pixels: uint8 (28, 28), prepared, read-only.
        label: which digit was meant, 0 to 9.
        answer: which one a network read when it was labelled, 0 to 9; None if none was asked.
        run: the run of that network, and after which epoch, as in "best (epoch 3)"; or empty.
    """

    pixels: NDArray[np.uint8]
    label: int
    answer: int | None = None
    run: str = ""

    def __post_init__(self) -> None:
        check_digit(self.pixels)
        for digit in (self.label, self.answer or 0):
            if not 0 <= digit < CLASSES:
                raise ValueError(f"a digit is 0 to 9, not {digit}")
        read_only(self.pixels)


MyDigits = tuple[MyDigit, ...]


def keep(
    digits: MyDigits,
    pixels: NDArray[np.uint8],
    label: int,
    answer: int | None = None,
    run: str = "",
) -> MyDigits:
    """The digits and one more, a copy; the same picture takes the place of its earlier label.

    `answer` and `run`: what a network read, and whose it was; what is known of it stays if nothing
    new is. Raises ValueError unless `pixels` is uint8 (28, 28), and `label` and `answer` 0 to 9.
    """
    if answer is None:
        known = labelled(digits, pixels)
        answer, run = (known.answer, known.run) if known else (None, run)
    return (*without(digits, pixels), MyDigit(pixels.copy(), label, answer, run))[-MOST:]


def keep_all(digits: MyDigits, more: MyDigits) -> MyDigits:
    """The digits and others; a picture that is among both has the others' label."""
    found = {one.pixels.tobytes(): one for one in digits}
    for one in more:
        found.pop(one.pixels.tobytes(), None)  # it goes to the end, as with `keep`
        found[one.pixels.tobytes()] = one
    return tuple(found.values())[-MOST:]


def without(digits: MyDigits, pixels: NDArray[np.uint8]) -> MyDigits:
    """The digits less the one with this very picture, if it is among them."""
    return tuple(one for one in digits if not np.array_equal(one.pixels, pixels))


def labelled(digits: MyDigits, pixels: NDArray[np.uint8]) -> MyDigit | None:
    """The digit with this very picture, if it is among them."""
    return next((one for one in digits if np.array_equal(one.pixels, pixels)), None)


def label_of(digits: MyDigits, pixels: NDArray[np.uint8]) -> int | None:
    """Which digit this very picture was said to be; None if nothing was said of it."""
    known = labelled(digits, pixels)
    return known.label if known else None


def as_split(digits: MyDigits) -> Split:
    """Pictures and labels as arrays: uint8 (n, 28, 28) and uint8 (n,); n may be 0."""
    images = np.array([one.pixels for one in digits], np.uint8).reshape(-1, 28, 28)
    return Split(images, np.array([one.label for one in digits], np.uint8))


def tally(digits: MyDigits, right: NDArray[np.bool_] | None = None) -> list[tuple[int, ...]]:
    """A row for each label that there is: the label, how many, and how many `right`, bool (n,)."""
    labels = as_split(digits).labels
    rows = []
    for label in np.unique(labels).tolist():
        of_it = labels == label
        known = () if right is None else (int(right[of_it].sum()),)
        rows.append((label, int(of_it.sum()), *known))
    return rows


def my_answers(digits: MyDigits, network: Network) -> Answered:
    """Let a network read the visitor's digits.

    It is loaded if it is not yet, which takes seconds the first time.

    Args:
        digits: those of a visitor; at least one.
        network: a run's, finished or as it was after an epoch.

    Returns:
        What it answers on them.

    Raises:
        DatasetError: there are no digits.
        RunError: the network cannot be opened, or its numbers are not finite.
    """
    if not digits:
        raise DatasetError(
            "You have labelled no digits in this visit. Draw some on the Predict page, and say "
            "there what you meant."
        )
    from core.inference import load_predictor  # TensorFlow: seconds

    mine = as_split(digits)
    probabilities = load_predictor(network).probabilities(mine.images)
    read_only(probabilities)
    # A run that was fine-tuned on some of them is no longer tested by them.
    held_out = not has_seen_any(network.run, mine.images)
    return Answered(network, MINE, mine.images, mine.labels, probabilities, held_out)
