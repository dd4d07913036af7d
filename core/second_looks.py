"""A photo in which nothing looks like a digit is looked at again, in other ways.

How closely the paper is followed is decided by what the whole picture shows, and is wrong now and
then: a shadow that ends on a digit makes one piece of both. Whether what was found looks like a
digit tells (`core.digit_gate`), and closer papers, or the single digit that `find_digit` takes for
granted, are then worth their time. Whatever looks most like a digit is the answer: a choice among
segmentations by a recogniser, as for touching characters (Casey and Lecolinet 1996, "A survey of
methods and strategies in character segmentation").
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import Final, TypeVar

import numpy as np

from core.arrays import Predict
from core.digit_gate import HARDLY_A_DIGIT, WEAKLY_A_DIGIT, digitness
from core.errors import PictureError
from core.preprocessing import Digit

CLEAR: Final = 0.7
"""Digitness from which something that a second look shows is believed."""
SURE: Final = 0.9
"""Of a single digit's probabilities the highest, from which it is not doubted."""
LARGE: Final = 0.1
"""Of the picture's longer side, that a digit of a second look measures at least: the rims of a wide
stroke, which is hollow above too close a paper, look like small 1s."""

T = TypeVar("T")


def clearest(
    first: Sequence[T],
    looks: Iterable[Callable[[], Sequence[T]]],
    digit: Callable[[T], Digit],
    side: int,
    judge: Predict,
) -> Sequence[T]:
    """What shows a digit most clearly: what was found first, or what one of the other looks finds.

    The others are taken only if nothing that was found first looks like a digit. One that raises
    PictureError shows nothing.

    Args:
        first: what was found, at least one digit.
        looks: other ways to find something, in the order in which they are tried.
        digit: the digit of something that was found.
        side: the picture's longer side in pixels.
        judge: a network; a single digit that it reads for sure is not doubted, unless it hardly
            looks like one: networks are sure of blots, too.
    """
    if not _is_doubtful([digit(one) for one in first], judge):
        return first
    chosen, value = first, CLEAR
    for look in looks:
        with suppress(PictureError):
            found = look()
            digits = map(digit, found)
            best = _best(one for one in digits if max(one.box[2:]) >= LARGE * side)
            if best >= value:
                chosen, value = found, best
    return chosen


def _is_doubtful(found: Sequence[Digit], judge: Predict) -> bool:
    best = _best(found)
    if best >= WEAKLY_A_DIGIT:
        return False
    if best < HARDLY_A_DIGIT or len(found) > 1:
        return True
    return float(judge(found[0].pixels[None]).max()) < SURE


def _best(digits: Iterable[Digit]) -> float:
    pixels = [one.pixels for one in digits]
    return float(digitness(np.stack(pixels)).max()) if pixels else 0.0
