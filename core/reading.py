"""Every digit that was found in a picture, read: probabilities, and what is to be said of them.

A picture gives boxes (`core/page_digits.py`), a network gives ten probabilities for each, and
`core/refusal.py` says which of them are sure, unsure, or of something that is no digit at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

import numpy as np
from numpy.typing import NDArray

from core.arrays import Predict
from core.page_digits import Found
from core.refusal import Verdict, judge

NO_DIGIT: Final = "?"
"""What stands in a number where there is something that is no digit."""


@dataclass(frozen=True)
class Reading:
    """One digit of a picture and what a network reads in it.

    Attributes:
        found: the digit, its line and its number.
        probabilities: float32 (10,), what the network answers, as it answers it.
        verdict: sure, unsure or not a digit, with the calibrated confidence.
    """

    found: Found
    probabilities: NDArray[np.float32]
    verdict: Verdict

    @property
    def text(self) -> str:
        """The digit as one character, `NO_DIGIT` where there is none."""
        return NO_DIGIT if self.verdict.kind == "not a digit" else str(self.verdict.digit)


def read_found(
    found: Sequence[Found], ask: Predict, temperature: float = 1.0
) -> tuple[Reading, ...]:
    """Let a network read all digits of a picture, in one batch.

    Args:
        found: the digits in reading order; none gives an empty answer.
        ask: the network.
        temperature: what its logits are divided by for a calibrated confidence.

    Raises:
        whatever `ask` raises.
    """
    if not found:
        return ()
    pixels = np.stack([one.digit.pixels for one in found])
    probabilities = ask(pixels)
    verdicts = judge(pixels, probabilities, temperature)
    return tuple(Reading(*one) for one in zip(found, probabilities, verdicts, strict=True))


def lines_of(readings: Sequence[Reading]) -> tuple[str, ...]:
    """What stands in the picture, a string for each line; spaces part its numbers."""
    return in_lines((one.found.line, one.found.number, one.text) for one in readings)


def in_lines(marks: Iterable[tuple[int, int, str]]) -> tuple[str, ...]:
    """The same of any marks in reading order, each with its line and its number."""
    return tuple(
        " ".join(
            "".join(mark for _, _, mark in number)
            for _, number in groupby(line, key=lambda one: one[1])
        )
        for _, line in groupby(marks, key=lambda one: one[0])
    )
