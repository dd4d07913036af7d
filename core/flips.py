"""A digit turned, shifted, stretched, thickened ..., by exactly so much: to see what it bears.

The changes are made on the 28×28 pixels that the network sees, and nothing is prepared anew after
them: finding the ink again and centring it (`core.preprocessing`) would undo every shift and most
of a stretch, so it would be another question. All is done on one picture enlarged four times, with
empty room around it, and averaged back: edges stay smooth, and only what is outside the 28×28 at
the end is cut off.

The order is fixed: first the pen (`thicker`), then the shape (`wider`, `taller`, `slant`), then
the turn, then the place. `core.stress` asks how many digits bear a change; this is about one digit,
with finer steps. What makes an answer change is searched for by `core.flips_search`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from math import floor
from typing import Final, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from core.arrays import check_digit, read_only
from core.augment_play import grow_strokes
from core.parameters import Parameter

Digits = NDArray[np.uint8]
KindName = Literal["turn", "right", "down", "thicker", "wider", "taller", "slant"]
SIDE: Final = 28
_FINE: Final = 4
"""Each pixel is divided into 4 × 4."""
_ROOM: Final = 14
"""Empty pixels on each side of the digit while it is changed."""
_PENS_KEPT: Final = 128
"""Enlarged pictures with thicker or thinner strokes; 50 kB each."""


@dataclass(frozen=True)
class Change:
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

    def but(self, name: KindName, value: float) -> "Change":
        """The same with another value of one kind."""
        return replace(self, **{name: value})


NOTHING: Final = Change()


@dataclass(frozen=True)
class Kind(Parameter[KindName]):
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
        return float(getattr(NOTHING, self.name))

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
        return (self.more if value > self.nothing else self.less).format(self.written(far))


KINDS: Final = (
    Kind(
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
    Kind(
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
    Kind(
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
    Kind(
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
    Kind(
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
    Kind(
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
    Kind(
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
KIND: Final = {kind.name: kind for kind in KINDS}


def in_words(change: Change) -> str:
    """All that a change does, for reading; "unchanged" if it does nothing."""
    made = [kind for kind in KINDS if getattr(change, kind.name) != kind.nothing]
    named = [kind.in_words(getattr(change, kind.name)) for kind in made]
    return ", ".join(named) or "unchanged"


def changed(pixels: Digits, change: Change) -> Digits:
    """A digit, uint8 (28, 28), after a change: uint8 (28, 28), a copy if nothing is changed.

    Raises ValueError for any other shape or dtype, or a factor that is not above 0.
    """
    return drawn(pixels, [change])[0][0]


def drawn(pixels: Digits, changes: Sequence[Change]) -> tuple[Digits, NDArray[np.float64]]:
    """A digit after each change, uint8 (n, 28, 28), and how much of its ink is left, (n,), 0 to 1.

    Ink is lost where thinning takes it away or it lies outside the picture; a digit that grows
    loses none. A blank picture has lost nothing. Raises ValueError as `changed` does.
    """
    check_digit(pixels)
    if any(min(change.wider, change.taller) <= 0 for change in changes):
        raise ValueError("width and height are multiplied by factors above 0")
    images = np.empty((len(changes), SIDE, SIDE), np.uint8)
    left = np.ones(len(changes))
    ink = pixels.tobytes()
    for place, change in enumerate(changes):
        if change == NOTHING:
            images[place] = pixels
        else:
            images[place], left[place] = _one(ink, change)
    return images, left


def _one(ink: bytes, change: Change) -> tuple[Digits, float]:
    before, written = _enlarged(ink), _pen(ink, change.thicker)
    moved = cv2.warpAffine(written, _map(change), written.shape[::-1], flags=cv2.INTER_LINEAR)
    inner = slice(_ROOM * _FINE, (_ROOM + SIDE) * _FINE)
    seen = moved[inner, inner]
    # Ink that was thinned away, times ink that is outside now; 1 is added so that none is divided.
    thinned = min(1.0, (1 + float(written.sum())) / (1 + float(before.sum())))
    inside = (1 + float(seen.sum())) / (1 + float(moved.sum()))
    small = cv2.resize(seen, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.uint8), thinned * inside


def _map(change: Change) -> NDArray[np.float64]:
    """Where a place of the enlarged picture goes, (2, 3): turn · slant · stretch, then shift."""
    turn, slant = np.radians([change.turn, change.slant])
    # y counts downwards: clockwise on the screen is the usual turn, and up is negative.
    turned = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    leaning = np.array([[1.0, -np.tan(slant)], [0.0, 1.0]])
    shape = turned @ leaning @ np.diag([change.wider, change.taller])
    middle = np.full(2, ((SIDE + 2 * _ROOM) * _FINE - 1) / 2)
    place = middle - shape @ middle + np.array([change.right, change.down]) * _FINE
    return np.column_stack([shape, place])


def _enlarged(ink: bytes) -> Digits:
    digit = np.frombuffer(ink, np.uint8).reshape(SIDE, SIDE)
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
