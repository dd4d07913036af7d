"""Pictures that lie on their side or stand on their head: which turn makes their digits readable.

A digit that is turned looks less like a digit, and a network is less sure of it. Each digit is
rated in all four directions by the product of the run's confidence and the gate's digitness
(`core.preprocessing.digitness`); the mean over the digits decides.

The limits were chosen on groups of 2 to 20 training digits of `mnist-sample`, 20,000 groups of each
size, with the runs `best`, `fast` and `yalcin`. Of upright pairs at most 0.1 % were told to turn,
and of larger groups none. Of pairs on their side 97 % were told the right turn and 3 % the opposite
one; of groups of six 99.9 % were. Upside down the right turn was found for 75 to 99 %, as 0, 1, 6,
8 and 9 are digits there, too; a wrong one for hardly any. The limits leave room for pieces of
digits, which are digits in no direction: where a page lies on its side, some digits are found in
pieces.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from core.preprocessing.digitness import digitness
from core.utils.validation import Predict, check_digits

QUARTER_TURN: Final = 90
"""Degrees."""
_DIRECTIONS: Final = 4
_MIN_DIGITS: Final = 2
"""A single digit is too often another one, or the same, when it is turned: 6 and 9, 0, 1, 8."""
_MAX_DIGITS: Final = 24
"""Digits of a page that are rated; they are taken evenly from all of it."""
_MIN_RATING: Final = 0.4
"""Mean rating, 0 to 1, that the digits must have after the turn."""
_MIN_GAIN: Final = 0.3
"""By so much the mean rating after the turn must exceed that of the digits as they are."""


def suggest_turn(digits: NDArray[np.uint8], predict: Predict) -> int:
    """Suggest how to turn a picture so that its digits read far better.

    The digits of the turned picture have to be found again: their order changes, too.

    Args:
        digits: as they were found in the picture, uint8 (n, 28, 28).
        predict: the network that reads them.

    Returns:
        Quarter turns clockwise, 1 to 3; 0 if the digits are fewer than two, or if no turn makes
        them clearly better.

    Raises:
        ValueError: another shape or dtype.
        Exception: whatever `predict` raises.

    Example:
        >>> suggest_turn(np.zeros((1, 28, 28), np.uint8), lambda digits: np.eye(10)[:1])
        0
    """
    check_digits(digits)
    if len(digits) < _MIN_DIGITS:
        return 0
    count = min(len(digits), _MAX_DIGITS)
    digits = digits[np.linspace(0, len(digits) - 1, count).round().astype(np.intp)]
    before = _mean_rating(digits, predict)
    if before > 1 - _MIN_GAIN:  # the usual case: nothing can be better by so much
        return 0
    ratings = [before]
    for turns in range(1, _DIRECTIONS):
        turned = np.ascontiguousarray(np.rot90(digits, -turns, axes=(1, 2)))
        ratings.append(_mean_rating(turned, predict))
    best = int(np.argmax(ratings))
    is_better = ratings[best] >= max(_MIN_RATING, before + _MIN_GAIN)
    return best if is_better else 0


def turn_picture(pixels: NDArray[np.uint8], quarter_turns: int) -> NDArray[np.uint8]:
    """Turn a picture clockwise.

    Args:
        pixels: uint8 (height, width) or (height, width, channels).
        quarter_turns: how often by 90 degrees; negative ones turn it counterclockwise.

    Returns:
        The turned picture, contiguous in memory.

    Example:
        >>> turn_picture(np.array([[1, 2], [3, 4]], np.uint8), 1).tolist()
        [[3, 1], [4, 2]]
    """
    return np.ascontiguousarray(np.rot90(pixels, -quarter_turns))


def _mean_rating(digits: NDArray[np.uint8], predict: Predict) -> float:
    """How well the digits read as they are: mean of confidence times digitness, 0 to 1."""
    return float((predict(digits).max(axis=1) * digitness(digits)).mean())
