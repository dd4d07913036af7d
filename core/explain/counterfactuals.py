"""A digit turned, shifted, stretched, thickened ..., by exactly so much: to see what it bears.

The changes are made on the 28×28 pixels that the network sees, and nothing is prepared anew after
them: finding the ink again and centring it (`core.preprocessing.mnist_format`) would undo every
shift and most of a stretch, so it would be another question. All is done on one picture enlarged
four times, with empty room around it, and averaged back: edges stay smooth, and only what is
outside the 28×28 at the end is cut off.

The order is fixed: first the pen (`thicker`), then the shape (`wider`, `taller`, `slant`), then the
turn, then the place. `core.evaluation.robustness` asks how many digits bear a change; this is about
one digit, with finer steps. What makes an answer change is searched for by
`core.explain.counterfactuals`.

Where an answer flips: the probabilities along a kind of change, and the smallest that does it.

The search looks at some twenty to sixty values on each side of the unchanged digit, in even steps
outwards (`core.explain.counterfactuals.EditParameter.coarse`), and takes the first with another
answer; the interval between it and the one before is halved until it is one step of the kind
(`core.explain.counterfactuals.EditParameter.step`). So a flip that is found is real, and the answer
one step nearer is still the old one; but an answer that changes and changes back between two values
that were looked at is missed.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from math import floor
from typing import Final, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from core.data.augmentation import grow_strokes
from core.utils.validation import Parameter, Predict, check_digit, read_only

Digits = NDArray[np.uint8]
EditName = Literal["turn", "right", "down", "thicker", "wider", "taller", "slant"]
DIGIT_SIDE: Final = 28
_FINE: Final = 4
"""Each pixel is divided into 4 × 4."""
_ROOM: Final = 14
"""Empty pixels on each side of the digit while it is changed."""
_PENS_KEPT: Final = 128
"""Enlarged pictures with thicker or thinner strokes; 50 kB each."""


@dataclass(frozen=True)
class Edit:
    """How far a digit is changed; not at all, by default. `KINDS` says in which ranges.

    Attributes:
        turn: degrees about the middle of the picture, clockwise.
        right, down: shifts in pixels; negative is left and up.
        thicker: by how many pixels strokes grow wider; negative is thinner.
        wider, taller: factors of width and height about the middle, above 0.
        slant: degrees by which upright lines lean to the right.
    """

    turn: float = 0.0
    right: float = 0.0
    down: float = 0.0
    thicker: float = 0.0
    wider: float = 1.0
    taller: float = 1.0
    slant: float = 0.0

    def but(self, name: EditName, value: float) -> "Edit":
        """The same with another value of one kind."""
        return replace(self, **{name: value})


NO_EDIT: Final = Edit()


@dataclass(frozen=True)
class EditParameter(Parameter[EditName]):
    """One way to change a digit.

    Its values are whole numbers of steps away from `nothing`, where the digit stays as it is.

    Attributes:
        coarse: so many steps lie between two values when its whole range is searched.
        less, more: what lower and higher values do to a digit, for sentences; `{}` is how far.
    """

    coarse: int
    less: str
    more: str

    @property
    def nothing(self) -> float:
        """The value that changes nothing."""
        return float(getattr(NO_EDIT, self.name))

    @property
    def is_factor(self) -> bool:
        """Whether values multiply: 0.5 is as far from nothing as 2."""
        return self.nothing == 1

    def value(self, steps: int) -> float:
        """The value so many steps above nothing, below it if negative."""
        return round(self.nothing + steps * self.step, 6)

    def steps(self, value: float) -> int:
        """How many steps above nothing the value nearest to this one lies."""
        return round((value - self.nothing) / self.step)

    def amount(self, value: float) -> float:
        """How far a value changes a digit, 0 or more; of a factor its logarithm."""
        return abs(float(np.log(value))) if self.is_factor else abs(value - self.nothing)

    def in_words(self, value: float) -> str:
        """What a value does to a digit, such as "turned 12.0° clockwise"."""
        if value == self.nothing:
            return "unchanged"
        far = value if self.is_factor else abs(value)
        return (self.more if value > self.nothing else self.less).format(self.format_value(far))


EDITS: Final = (
    EditParameter(
        "turn",
        "Turn",
        -180,
        180,
        0.5,
        "%.1f°",
        "About the middle of the picture; + is clockwise.",
        coarse=6,
        less="turned {} anticlockwise",
        more="turned {} clockwise",
    ),
    EditParameter(
        "right",
        "Shift right",
        -14,
        14,
        0.1,
        "%.1f px",
        "In pixels of the 28; − is left. Ink beyond the edge is cut off.",
        coarse=5,
        less="shifted {} to the left",
        more="shifted {} to the right",
    ),
    EditParameter(
        "down",
        "Shift down",
        -14,
        14,
        0.1,
        "%.1f px",
        "In pixels of the 28; − is up. Ink beyond the edge is cut off.",
        coarse=5,
        less="shifted {} up",
        more="shifted {} down",
    ),
    EditParameter(
        "thicker",
        "Thicken or thin",
        -2.5,
        6,
        0.05,
        "%.2f px",
        "How much wider the strokes become, in pixels of the 28; − is thinner.",
        coarse=5,
        less="strokes {} thinner",
        more="strokes {} thicker",
    ),
    EditParameter(
        "wider",
        "Width",
        0.3,
        1.8,
        0.01,
        "× %.2f",
        "Below 1: narrower.",
        coarse=4,
        less="width {}",
        more="width {}",
    ),
    EditParameter(
        "taller",
        "Height",
        0.3,
        1.8,
        0.01,
        "× %.2f",
        "Below 1: flatter.",
        coarse=4,
        less="height {}",
        more="height {}",
    ),
    EditParameter(
        "slant",
        "Slant",
        -60,
        60,
        0.5,
        "%.1f°",
        "How far upright lines lean to the right; − is to the left.",
        coarse=4,
        less="slanted {} to the left",
        more="slanted {} to the right",
    ),
)
EDIT_BY_NAME: Final = {kind.name: kind for kind in EDITS}


def describe_edit(change: Edit) -> str:
    """All that a change does, for reading; "unchanged" if it does nothing."""
    made = [kind for kind in EDITS if getattr(change, kind.name) != kind.nothing]
    named = [kind.in_words(getattr(change, kind.name)) for kind in made]
    return ", ".join(named) or "unchanged"


def apply_edit(pixels: Digits, change: Edit) -> Digits:
    """A digit, uint8 (28, 28), after a change: uint8 (28, 28), a copy if nothing is changed.

    Raises ValueError for any other shape or dtype, or a factor that is not above 0.
    """
    return drawn_digit(pixels, [change])[0][0]


def drawn_digit(pixels: Digits, changes: Sequence[Edit]) -> tuple[Digits, NDArray[np.float64]]:
    """A digit after each change, uint8 (n, 28, 28), and how much of its ink is left, (n,), 0 to 1.

    Ink is lost where thinning takes it away or it lies outside the picture; a digit that grows
    loses none. A blank picture has lost nothing. Raises ValueError as `changed` does.
    """
    check_digit(pixels)
    if any(min(change.wider, change.taller) <= 0 for change in changes):
        raise ValueError("width and height are multiplied by factors above 0")
    images = np.empty((len(changes), DIGIT_SIDE, DIGIT_SIDE), np.uint8)
    left = np.ones(len(changes))
    ink = pixels.tobytes()
    for place, change in enumerate(changes):
        if change == NO_EDIT:
            images[place] = pixels
        else:
            images[place], left[place] = _one(ink, change)
    return images, left


def _one(ink: bytes, change: Edit) -> tuple[Digits, float]:
    before, written = _enlarged(ink), _pen(ink, change.thicker)
    moved = cv2.warpAffine(written, _map(change), written.shape[::-1], flags=cv2.INTER_LINEAR)
    inner = slice(_ROOM * _FINE, (_ROOM + DIGIT_SIDE) * _FINE)
    seen = moved[inner, inner]
    # Ink that was thinned away, times ink that is outside now; 1 is added so that none is divided.
    thinned = min(1.0, (1 + float(written.sum())) / (1 + float(before.sum())))
    inside = (1 + float(seen.sum())) / (1 + float(moved.sum()))
    small = cv2.resize(seen, (DIGIT_SIDE, DIGIT_SIDE), interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.uint8), thinned * inside


def _map(change: Edit) -> NDArray[np.float64]:
    """Where a place of the enlarged picture goes, (2, 3): turn · slant · stretch, then shift."""
    turn, slant = np.radians([change.turn, change.slant])
    # y counts downwards: clockwise on the screen is the usual turn, and up is negative.
    turned = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    leaning = np.array([[1.0, -np.tan(slant)], [0.0, 1.0]])
    shape = turned @ leaning @ np.diag([change.wider, change.taller])
    middle = np.full(2, ((DIGIT_SIDE + 2 * _ROOM) * _FINE - 1) / 2)
    place = middle - shape @ middle + np.array([change.right, change.down]) * _FINE
    return np.column_stack([shape, place])


def _enlarged(ink: bytes) -> Digits:
    digit = np.frombuffer(ink, np.uint8).reshape(DIGIT_SIDE, DIGIT_SIDE)
    return np.pad(digit, _ROOM).repeat(_FINE, axis=0).repeat(_FINE, axis=1)


def _pen(ink: bytes, wider: float) -> Digits:
    """The enlarged picture with wider strokes: between two whole radii both are mixed."""
    radius = wider / 2 * _FINE
    low = floor(radius)
    share = radius - low
    if not share:
        return _grown(ink, low)
    mixed = cv2.addWeighted(_grown(ink, low), 1 - share, _grown(ink, low + 1), share, 0)
    return np.asarray(mixed, np.uint8)


@lru_cache(maxsize=_PENS_KEPT)
def _grown(ink: bytes, radius: int) -> Digits:
    """The enlarged picture with every edge moved outwards, or inwards if the radius is negative.

    Only the digit with some of its room can change, and that is all that is looked at.
    """
    large = _enlarged(ink)
    if radius:
        margin = _ROOM * _FINE - abs(radius)
        part = slice(margin, len(large) - margin)
        large[part, part] = grow_strokes(large[part, part], radius)
    return read_only(large)


MIN_INK: Final = 0.25
"""With less of its ink left than this, a picture is no digit any more, and is not searched."""
_AT_ONCE: Final = 64
"""Digits asked for at a time: a size for which networks are traced (`core.inference.predictor`)."""
_LIVE: Final = 62
"""So many values are looked at at most where each move of a slider asks anew: in one batch."""


@dataclass(frozen=True, eq=False)
class ProbabilityCourse:
    """What a network answers along a kind of change.

    `values` (n,), rising; `probabilities` float32 (n, 10); `ink` (n,), the part of its ink that the
    picture still has, 0 to 1.
    """

    kind: EditParameter
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
        return np.asarray(self.ink >= MIN_INK)

    def at(self, value: float) -> NDArray[np.float32]:
        """The ten probabilities at the value that is nearest to this one."""
        return np.asarray(self.probabilities[np.abs(self.values - value).argmin()], np.float32)


@dataclass(frozen=True, eq=False)
class Counterfactual:
    """A change of one kind alone that changes the answer: its value, and what it looks like.

    `answer`: the new one, with its `probability`; `pixels`: the changed digit, uint8 (28, 28), and
    `ink`: how much of its ink is left in them, 0 to 1.
    """

    kind: EditName
    value: float
    answer: int
    probability: float
    pixels: Digits
    ink: float

    @property
    def amount(self) -> float:
        """How far it is from nothing: to be compared within its kind."""
        return EDIT_BY_NAME[self.kind].amount(self.value)


@dataclass(frozen=True)
class Counterfactuals:
    """The smallest change of one kind below nothing and above it, where there is one."""

    kind: EditName
    below: Counterfactual | None
    above: Counterfactual | None

    @property
    def smallest(self) -> Counterfactual | None:
        """The smaller of both; of equal ones the first."""
        found = [flip for flip in (self.below, self.above) if flip]
        return min(found, key=lambda flip: flip.amount, default=None)


@dataclass
class _Gap:
    """Between `same`, steps with the old answer, and `other`, with another one, lies a flip.

    `found`: the ten probabilities at `other`.
    """

    kind: EditParameter
    same: int
    other: int
    found: NDArray[np.float32]

    @property
    def middle(self) -> int:
        return (self.same + self.other) // 2

    @property
    def is_open(self) -> bool:
        return abs(self.other - self.same) > 1

    def flip(self, pixels: Digits) -> Counterfactual:
        """What was found at its end."""
        value, answer = self.kind.value(self.other), int(self.found.argmax())
        (image,), (ink,) = drawn_digit(pixels, [NO_EDIT.but(self.kind.name, value)])
        return Counterfactual(
            self.kind.name, value, answer, float(self.found[answer]), image, float(ink)
        )


def probability_course(
    pixels: Digits, name: EditName, predict: Predict, base: Edit = NO_EDIT
) -> ProbabilityCourse:
    """What a network answers along the whole range of a kind, the rest of `base` kept as it is.

    Also at the kind's own value in `base`, so that one batch gives the digit as it stands too: at
    most 64 digits. `pixels`: uint8 (28, 28). Raises ValueError for any other.
    """
    return _courses(pixels, [name], predict, base, _LIVE)[name]


def smallest_counterfactuals(
    pixels: Digits, predict: Predict, names: Sequence[EditName] = tuple(EDIT_BY_NAME)
) -> dict[EditName, Counterfactuals]:
    """The smallest change of each kind, either way, that changes the answer, where there is one.

    One step of the kind less does not change it, and neither does any smaller value that was looked
    at (see the top of this module). Few batches for all kinds together. Raises ValueError unless
    `pixels` is uint8 (28, 28).
    """
    gaps: dict[tuple[EditName, int], _Gap] = {}
    for name, along in _courses(pixels, names, predict, NO_EDIT, None).items():
        for way in (-1, 1):
            gap = _first(along, way)
            if gap:
                gaps[name, way] = gap
    _close(pixels, list(gaps.values()), predict)
    ends = {key: gap.flip(pixels) for key, gap in gaps.items()}
    return {
        name: Counterfactuals(name, ends.get((name, -1)), ends.get((name, 1))) for name in names
    }


def _courses(
    pixels: Digits, names: Sequence[EditName], predict: Predict, base: Edit, most: int | None
) -> dict[EditName, ProbabilityCourse]:
    """The courses of several kinds, asked for together: fewer batches. `most`: values of each."""
    values = {
        name: _looked_at(EDIT_BY_NAME[name], float(getattr(base, name)), most) for name in names
    }
    images, ink = drawn_digit(
        pixels, [base.but(name, one) for name in names for one in values[name]]
    )
    found = _asked(predict, images)
    ends = np.cumsum([len(values[name]) for name in names])[:-1]
    parts = zip(names, np.split(found, ends), np.split(ink, ends), strict=True)
    return {
        name: ProbabilityCourse(EDIT_BY_NAME[name], np.array(values[name]), answers, left)
        for name, answers, left in parts
    }


def _first(along: ProbabilityCourse, way: int) -> _Gap | None:
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
        images, _ = drawn_digit(
            pixels, [NO_EDIT.but(g.kind.name, g.kind.value(g.middle)) for g in wide]
        )
        for gap, found in zip(wide, _asked(predict, images), strict=True):
            if found.argmax() == old:
                gap.same = gap.middle
            else:
                gap.other, gap.found = gap.middle, found


def _looked_at(kind: EditParameter, standing: float, most: int | None) -> list[float]:
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
