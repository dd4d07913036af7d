"""Where an answer flips: the probabilities along a kind of change, and the smallest that does it.

The search looks at some twenty to sixty values on each side of the unchanged digit, in even steps
outwards (`core.flips.Kind.coarse`), and takes the first with another answer; the interval between
it and the one before is halved until it is one step of the kind (`core.flips.Kind.step`). So a flip
that is found is real, and the answer one step nearer is still the old one; but an answer that
changes and changes back between two values that were looked at is missed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from core.arrays import Predict
from core.flips import KIND, NOTHING, Change, Digits, Kind, KindName, drawn

LEAST_INK: Final = 0.25
"""With less of its ink left than this, a picture is no digit any more, and is not searched."""
_AT_ONCE: Final = 64
"""Digits asked for at a time: a size for which networks are traced (`core.inference`)."""
_LIVE: Final = 62
"""So many values are looked at at most where each move of a slider asks anew: in one batch."""


@dataclass(frozen=True, eq=False)
class Course:
    """What a network answers along a kind of change.

    `values` (n,), rising; `probabilities` float32 (n, 10); `ink` (n,), the part of its ink that the
    picture still has, 0 to 1.
    """

    kind: Kind
    values: NDArray[np.float64]
    probabilities: NDArray[np.float32]
    ink: NDArray[np.float64]

    @property
    def answers(self) -> NDArray[np.intp]:
        """The answer at each value, (n,)."""
        return np.asarray(self.probabilities.argmax(axis=1), np.intp)

    @property
    def drawn(self) -> NDArray[np.bool_]:
        """Whether there is still a digit at each value, (n,)."""
        return np.asarray(self.ink >= LEAST_INK)

    def at(self, value: float) -> NDArray[np.float32]:
        """The ten probabilities at the value that is nearest to this one."""
        return np.asarray(self.probabilities[np.abs(self.values - value).argmin()], np.float32)


@dataclass(frozen=True, eq=False)
class Flip:
    """A change of one kind alone that changes the answer: its value, and what it looks like.

    `answer`: the new one, with its `probability`; `pixels`: the changed digit, uint8 (28, 28), and
    `ink`: how much of its ink is left in them, 0 to 1.
    """

    kind: KindName
    value: float
    answer: int
    probability: float
    pixels: Digits
    ink: float

    @property
    def amount(self) -> float:
        """How far it is from nothing: to be compared within its kind."""
        return KIND[self.kind].amount(self.value)


@dataclass(frozen=True)
class Flips:
    """The smallest change of one kind below nothing and above it, where there is one."""

    kind: KindName
    below: Flip | None
    above: Flip | None

    @property
    def smallest(self) -> Flip | None:
        """The smaller of both; of equal ones the first."""
        found = [flip for flip in (self.below, self.above) if flip]
        return min(found, key=lambda flip: flip.amount, default=None)


@dataclass
class _Gap:
    """Between `same`, steps with the old answer, and `other`, with another one, lies a flip.

    `found`: the ten probabilities at `other`.
    """

    kind: Kind
    same: int
    other: int
    found: NDArray[np.float32]

    @property
    def middle(self) -> int:
        return (self.same + self.other) // 2

    @property
    def is_open(self) -> bool:
        return abs(self.other - self.same) > 1

    def flip(self, pixels: Digits) -> Flip:
        """What was found at its end."""
        value, answer = self.kind.value(self.other), int(self.found.argmax())
        (image,), (ink,) = drawn(pixels, [NOTHING.but(self.kind.name, value)])
        return Flip(self.kind.name, value, answer, float(self.found[answer]), image, float(ink))


def course(pixels: Digits, name: KindName, predict: Predict, base: Change = NOTHING) -> Course:
    """What a network answers along the whole range of a kind, the rest of `base` kept as it is.

    Also at the kind's own value in `base`, so that one batch gives the digit as it stands too: at
    most 64 digits. `pixels`: uint8 (28, 28). Raises ValueError for any other.
    """
    return _courses(pixels, [name], predict, base, _LIVE)[name]


def smallest_flips(
    pixels: Digits, predict: Predict, names: Sequence[KindName] = tuple(KIND)
) -> dict[KindName, Flips]:
    """The smallest change of each kind, either way, that changes the answer, where there is one.

    One step of the kind less does not change it, and neither does any smaller value that was looked
    at (see the top of this module). Few batches for all kinds together. Raises ValueError unless
    `pixels` is uint8 (28, 28).
    """
    gaps: dict[tuple[KindName, int], _Gap] = {}
    for name, along in _courses(pixels, names, predict, NOTHING, None).items():
        for way in (-1, 1):
            gap = _first(along, way)
            if gap:
                gaps[name, way] = gap
    _close(pixels, list(gaps.values()), predict)
    ends = {key: gap.flip(pixels) for key, gap in gaps.items()}
    return {name: Flips(name, ends.get((name, -1)), ends.get((name, 1))) for name in names}


def _courses(
    pixels: Digits, names: Sequence[KindName], predict: Predict, base: Change, most: int | None
) -> dict[KindName, Course]:
    """The courses of several kinds, asked for together: fewer batches. `most`: values of each."""
    values = {name: _looked_at(KIND[name], float(getattr(base, name)), most) for name in names}
    images, ink = drawn(pixels, [base.but(name, one) for name in names for one in values[name]])
    found = _asked(predict, images)
    ends = np.cumsum([len(values[name]) for name in names])[:-1]
    parts = zip(names, np.split(found, ends), np.split(ink, ends), strict=True)
    return {
        name: Course(KIND[name], np.array(values[name]), answers, left)
        for name, answers, left in parts
    }


def _first(along: Course, way: int) -> _Gap | None:
    """Where the answer is first another one, upwards (1) or downwards (-1) from nothing.

    None if it never is, or the digit is gone before.
    """
    kind, answers, there = along.kind, along.answers, along.drawn
    steps = [kind.steps(value) for value in along.values.tolist()]
    start = steps.index(0)
    end = len(steps) if way > 0 else -1
    for place in range(start + way, end, way):
        if not there[place]:
            return None
        if answers[place] != answers[start]:
            return _Gap(kind, steps[place - way], steps[place], along.probabilities[place])
    return None


def _close(pixels: Digits, gaps: Sequence[_Gap], predict: Predict) -> None:
    """Halve all gaps together until each is one step wide."""
    old = _asked(predict, pixels[None])[0].argmax()
    while wide := [gap for gap in gaps if gap.is_open]:
        images, _ = drawn(pixels, [NOTHING.but(g.kind.name, g.kind.value(g.middle)) for g in wide])
        for gap, found in zip(wide, _asked(predict, images), strict=True):
            if found.argmax() == old:
                gap.same = gap.middle
            else:
                gap.other, gap.found = gap.middle, found


def _looked_at(kind: Kind, standing: float, most: int | None) -> list[float]:
    """Values from one end of a range to the other: even steps from nothing, both ends, this one.

    With `most`, the steps are as many times wider as it takes for no more than so many besides it.
    """
    low, high = kind.steps(kind.low), kind.steps(kind.high)
    wide = 1 if most is None else -(-((high - low) // kind.coarse) // (most - 2))
    down, up = (range(0, end, way * wide * kind.coarse) for end, way in ((low, -1), (high, 1)))
    return sorted({standing, *(kind.value(k) for k in {*down, *up, low, high})})


def _asked(predict: Predict, images: Digits) -> NDArray[np.float32]:
    parts = [predict(images[at : at + _AT_ONCE]) for at in range(0, len(images), _AT_ONCE)]
    return np.concatenate(parts)
