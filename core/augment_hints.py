"""What a change has made of a digit, in words: its amounts, and how a run reads the result."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.augment_play import Change
from core.evaluation import UNSURE_BELOW
from core.text import percent

_SIDE = 28


@dataclass(frozen=True)
class Reading:
    """What a run reads, a digit 0 to 9, and how sure it is, 0 to 1."""

    digit: int
    confidence: float

    def __str__(self) -> str:
        unsure = ", so it is unsure" if self.confidence < UNSURE_BELOW else ""
        return f"{self.digit} ({percent(self.confidence)}{unsure})"


@dataclass(frozen=True)
class Hint:
    """A sentence on what a digit is read as now; `another`: until now it was its label."""

    text: str
    another: bool


def readings(probabilities: NDArray[np.float32]) -> list[Reading]:
    """The answers that ten probabilities for each digit, (n, 10), amount to."""
    return [Reading(int(row.argmax()), float(row.max())) for row in probabilities]


def hint(run: str, label: int, before: Reading, after: Reading) -> Hint:
    """What a run makes of one digit, as it is and changed."""
    if after.digit == label:
        if before.digit == label:
            return Hint(f"{run} still reads {after}.", another=False)
        return Hint(
            f"{run} now reads {after}, as its label says; as it is, it misreads it: {before}.",
            another=False,
        )
    if before.digit != label:
        return Hint(
            f"{run} misreads this {label} as it is: {before}. Changed, it reads {after}.",
            another=False,
        )
    return Hint(
        f"Another digit? {run} reads {after} now; as it is, {before}. Can you still tell that it "
        f"is {label}? Then training with such changes may teach the network to. If you cannot, "
        f"they go too far: the label stays {label}, whatever the picture shows.",
        another=True,
    )


def score(run: str, labels: Sequence[int], found: Sequence[Reading]) -> str:
    """How many changed digits a run reads as their labels say, and its commonest mistake."""
    mistakes = Counter(
        (label, reading.digit)
        for label, reading in zip(labels, found, strict=True)
        if reading.digit != label
    )
    right = len(labels) - mistakes.total()
    if not mistakes:
        return f"{run} reads all {len(labels)} as their labels say."
    (label, digit), times = mistakes.most_common(1)[0]
    often = f", {times} times" if times > 1 else ""
    return (
        f"{run} reads {right} of {len(labels)} as their labels say. "
        f"The commonest mistake: {label} as {digit}{often}."
    )


def in_words(change: Change) -> str:
    """What a change does, in amounts: "8.0° clockwise, 2.2 px right", or "nothing"."""
    ways = [
        _way(change.rotation, "° clockwise", "° anticlockwise"),
        _way(change.right * _SIDE, " px right", " px left"),
        _way(change.down * _SIDE, " px down", " px up"),
        _way(change.shear, "° sheared, right side down", "° sheared, right side up"),
        f"{1 / (1 - change.taller):.2f} of its height" if change.taller else "",
        f"{1 / (1 - change.wider):.2f} of its width" if change.wider else "",
        f"warp {change.warp:.1f}, smoothed over {change.smoothness:.1f} px" if change.warp else "",
        f"blur {change.blur:.1f} px" if change.blur else "",
        f"noise {change.noise:.1f} of 255" if change.noise else "",
    ]
    return ", ".join(filter(None, ways)) or "nothing"


def _way(amount: float, forth: str, back: str) -> str:
    return f"{abs(amount):.1f}{forth if amount > 0 else back}" if amount else ""
