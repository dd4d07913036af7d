"""Counterfactuals: the smallest change of a digit after which a network answers another digit.

A digit is turned, shifted, stretched or thickened by exact amounts. The edits work on the 28×28
pixels that the network sees, and the result is not preprocessed again: finding the ink and
centering it (`core.preprocessing.mnist_format`) would undo every shift and most of a stretch. The
digit is enlarged four times, with empty room around it, edited, and averaged back: edges stay
smooth, and only what lies outside the 28×28 at the end is cut off.

The order is fixed: first the pen (`thicker`), then the shape (`wider`, `taller`, `slant`), then the
turn, then the shift. `core.evaluation.robustness` measures how many digits survive a corruption;
this module is about one digit, with finer steps.

The search evaluates about twenty to sixty values on each side of the unchanged digit, in even steps
outwards (`EditParameter.search_stride`), and takes the first with another answer. It halves the
interval between that value and the one before until it is one step (`EditParameter.step`) wide. So
a counterfactual that is found is real, and one step less keeps the old answer; but an answer that
changes and changes back between two evaluated values is missed.
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
_DIGIT_SIDE: Final = 28
_FINE: Final = 4
"""Each pixel is divided into 4 × 4."""
_ROOM: Final = 14
"""Empty pixels on each side of the digit while it is edited."""
_PENS_KEPT: Final = 128
"""Cached enlarged pictures with thicker or thinner strokes; 50 kB each."""
MIN_INK: Final = 0.25
"""With less of its ink left, a picture is no digit any more, and the search stops there."""
_AT_ONCE: Final = 64
"""Digits per batch: a size for which networks are traced (`core.inference.predictor`)."""
_MAX_CURVE_VALUES: Final = 62
"""The most values on a curve that each move of a slider computes again: one batch."""


@dataclass(frozen=True)
class Edit:
    """How far a digit is changed; by default not at all. `EDITS` gives the ranges.

    Attributes:
        turn: degrees about the middle of the picture, clockwise.
        right: shift in pixels; negative is left.
        down: shift in pixels; negative is up.
        thicker: pixels by which strokes grow wider; negative is thinner.
        wider: factor of the width about the middle, above 0.
        taller: factor of the height about the middle, above 0.
        slant: degrees by which upright lines lean to the right.
    """

    turn: float = 0.0
    right: float = 0.0
    down: float = 0.0
    thicker: float = 0.0
    wider: float = 1.0
    taller: float = 1.0
    slant: float = 0.0

    def with_value(self, name: EditName, value: float) -> "Edit":
        """A copy with another value of one parameter.

        Example:
            >>> Edit(turn=5).with_value("right", 2)
            Edit(turn=5, right=2, down=0.0, thicker=0.0, wider=1.0, taller=1.0, slant=0.0)
        """
        return replace(self, **{name: value})


NO_EDIT: Final = Edit()


@dataclass(frozen=True)
class EditParameter(Parameter[EditName]):
    """A parameter of an `Edit`.

    Its values are whole numbers of steps away from `neutral`, where the digit stays as it is.

    Attributes:
        search_stride: the number of steps between two values when the whole range is searched.
        decrease_text: what lower values do to a digit; `{}` stands for the amount.
        increase_text: what higher values do to a digit; `{}` stands for the amount.
    """

    search_stride: int
    decrease_text: str
    increase_text: str

    @property
    def neutral(self) -> float:
        """The value that leaves the digit as it is."""
        return float(getattr(NO_EDIT, self.name))

    @property
    def is_factor(self) -> bool:
        """Whether values multiply: 0.5 is as far from `neutral` as 2."""
        return self.neutral == 1

    def value(self, steps: int) -> float:
        """The value a number of steps above `neutral`; below it if negative."""
        return round(self.neutral + steps * self.step, 6)

    def steps(self, value: float) -> int:
        """The steps from `neutral` to a value, rounded; negative below it."""
        return round((value - self.neutral) / self.step)

    def amount(self, value: float) -> float:
        """How far a value changes a digit, 0 or more; for a factor, the logarithm."""
        return abs(float(np.log(value))) if self.is_factor else abs(value - self.neutral)

    def describe(self, value: float) -> str:
        """What a value does to a digit, as words.

        Example:
            >>> EDIT_BY_NAME["turn"].describe(-12)
            'turned 12.0° anticlockwise'
        """
        if value == self.neutral:
            return "unchanged"
        amount = value if self.is_factor else abs(value)
        text = self.increase_text if value > self.neutral else self.decrease_text
        return text.format(self.format_value(amount))


EDITS: Final = (
    EditParameter(
        "turn",
        "Turn",
        -180,
        180,
        0.5,
        "%.1f°",
        "About the middle of the picture; + is clockwise.",
        search_stride=6,
        decrease_text="turned {} anticlockwise",
        increase_text="turned {} clockwise",
    ),
    EditParameter(
        "right",
        "Shift right",
        -14,
        14,
        0.1,
        "%.1f px",
        "In pixels of the 28; − is left. Ink beyond the edge is cut off.",
        search_stride=5,
        decrease_text="shifted {} to the left",
        increase_text="shifted {} to the right",
    ),
    EditParameter(
        "down",
        "Shift down",
        -14,
        14,
        0.1,
        "%.1f px",
        "In pixels of the 28; − is up. Ink beyond the edge is cut off.",
        search_stride=5,
        decrease_text="shifted {} up",
        increase_text="shifted {} down",
    ),
    EditParameter(
        "thicker",
        "Thicken or thin",
        -2.5,
        6,
        0.05,
        "%.2f px",
        "How much wider the strokes become, in pixels of the 28; − is thinner.",
        search_stride=5,
        decrease_text="strokes {} thinner",
        increase_text="strokes {} thicker",
    ),
    EditParameter(
        "wider",
        "Width",
        0.3,
        1.8,
        0.01,
        "× %.2f",
        "Below 1: narrower.",
        search_stride=4,
        decrease_text="width {}",
        increase_text="width {}",
    ),
    EditParameter(
        "taller",
        "Height",
        0.3,
        1.8,
        0.01,
        "× %.2f",
        "Below 1: flatter.",
        search_stride=4,
        decrease_text="height {}",
        increase_text="height {}",
    ),
    EditParameter(
        "slant",
        "Slant",
        -60,
        60,
        0.5,
        "%.1f°",
        "How far upright lines lean to the right; − is to the left.",
        search_stride=4,
        decrease_text="slanted {} to the left",
        increase_text="slanted {} to the right",
    ),
)
EDIT_BY_NAME: Final = {parameter.name: parameter for parameter in EDITS}


def describe_edit(edit: Edit) -> str:
    """All that an edit does, as words; "unchanged" if it does nothing.

    Example:
        >>> describe_edit(Edit(turn=10, right=-2))
        'turned 10.0° clockwise, shifted 2.0 px to the left'
    """
    values = [(parameter, getattr(edit, parameter.name)) for parameter in EDITS]
    texts = [parameter.describe(value) for parameter, value in values if value != parameter.neutral]
    return ", ".join(texts) or "unchanged"


def apply_edit(pixels: Digits, edit: Edit) -> Digits:
    """Edit a digit.

    Args:
        pixels: the digit, uint8 (28, 28).
        edit: how far it is changed.

    Returns:
        The edited digit, uint8 (28, 28); a copy if nothing is changed.

    Raises:
        ValueError: another shape or dtype, or a factor that is not above 0.

    Example:
        >>> pixels = np.zeros((28, 28), np.uint8)
        >>> pixels[14, 14] = 255
        >>> [int(k) for k in apply_edit(pixels, Edit(right=3)).nonzero()[1]]
        [17]
    """
    return apply_edits(pixels, [edit])[0][0]


def apply_edits(pixels: Digits, edits: Sequence[Edit]) -> tuple[Digits, NDArray[np.float64]]:
    """Edit a digit in several ways.

    Ink is lost where thinning removes it or where it leaves the picture; a digit that grows loses
    none, and a blank picture has lost nothing.

    Args:
        pixels: the digit, uint8 (28, 28).
        edits: n edits of it.

    Returns:
        The edited digits, uint8 (n, 28, 28), and the share of ink that is left in each, (n,),
        0 to 1.

    Raises:
        ValueError: as `apply_edit`.
    """
    check_digit(pixels)
    if any(min(edit.wider, edit.taller) <= 0 for edit in edits):
        raise ValueError("width and height are multiplied by factors above 0")
    images = np.empty((len(edits), _DIGIT_SIDE, _DIGIT_SIDE), np.uint8)
    remaining_ink = np.ones(len(edits))
    ink = pixels.tobytes()
    for index, edit in enumerate(edits):
        if edit == NO_EDIT:
            images[index] = pixels
        else:
            images[index], remaining_ink[index] = _edited(ink, edit)
    return images, remaining_ink


def _edited(ink: bytes, edit: Edit) -> tuple[Digits, float]:
    enlarged, drawn = _enlarged(ink), _with_pen(ink, edit.thicker)
    moved = cv2.warpAffine(drawn, _edit_matrix(edit), drawn.shape[::-1], flags=cv2.INTER_LINEAR)
    inner = slice(_ROOM * _FINE, (_ROOM + _DIGIT_SIDE) * _FINE)
    visible = moved[inner, inner]
    # Ink that was thinned away, times ink that is outside now; 1 is added so that none is divided.
    share_drawn = min(1.0, (1 + float(drawn.sum())) / (1 + float(enlarged.sum())))
    share_visible = (1 + float(visible.sum())) / (1 + float(moved.sum()))
    edited = cv2.resize(visible, (_DIGIT_SIDE, _DIGIT_SIDE), interpolation=cv2.INTER_AREA)
    return np.asarray(edited, np.uint8), share_drawn * share_visible


def _edit_matrix(edit: Edit) -> NDArray[np.float64]:
    """The affine matrix of the enlarged picture, (2, 3): turn · slant · stretch, then shift."""
    turn, slant = np.radians([edit.turn, edit.slant])
    # y counts downwards: clockwise on the screen is the usual turn, and up is negative.
    turned = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    leaning = np.array([[1.0, -np.tan(slant)], [0.0, 1.0]])
    shape = turned @ leaning @ np.diag([edit.wider, edit.taller])
    middle = np.full(2, ((_DIGIT_SIDE + 2 * _ROOM) * _FINE - 1) / 2)
    place = middle - shape @ middle + np.array([edit.right, edit.down]) * _FINE
    return np.column_stack([shape, place])


def _enlarged(ink: bytes) -> Digits:
    digit = np.frombuffer(ink, np.uint8).reshape(_DIGIT_SIDE, _DIGIT_SIDE)
    return np.pad(digit, _ROOM).repeat(_FINE, axis=0).repeat(_FINE, axis=1)


def _with_pen(ink: bytes, wider: float) -> Digits:
    """The enlarged picture with wider strokes; between two whole radii, both are mixed."""
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

    Only the digit with some of its room can change, so only that part is computed.
    """
    large = _enlarged(ink)
    if radius:
        margin = _ROOM * _FINE - abs(radius)
        part = slice(margin, len(large) - margin)
        large[part, part] = grow_strokes(large[part, part], radius)
    return read_only(large)


@dataclass(frozen=True, eq=False)
class ProbabilityCurve:
    """What a network answers along the range of one edit parameter.

    Attributes:
        parameter: what is changed.
        values: rising, float64 (n,).
        probabilities: at each value, float32 (n, 10).
        ink: the share of ink that the picture still has, float64 (n,), 0 to 1.
    """

    parameter: EditParameter
    values: NDArray[np.float64]
    probabilities: NDArray[np.float32]
    ink: NDArray[np.float64]

    @property
    def answers(self) -> NDArray[np.intp]:
        """The most probable digit at each value, (n,)."""
        return np.asarray(self.probabilities.argmax(axis=1), np.intp)

    @property
    def has_digit(self) -> NDArray[np.bool_]:
        """Whether there is still a digit at each value, bool (n,)."""
        return np.asarray(self.ink >= MIN_INK)

    def probabilities_at(self, value: float) -> NDArray[np.float32]:
        """The ten probabilities at the value on the curve that is nearest to `value`."""
        return np.asarray(self.probabilities[np.abs(self.values - value).argmin()], np.float32)


@dataclass(frozen=True, eq=False)
class Counterfactual:
    """A change of one parameter that changes the answer.

    Attributes:
        edit_name: the parameter.
        value: its value.
        answer: the new answer.
        probability: of the new answer, 0 to 1.
        pixels: the edited digit, uint8 (28, 28).
        ink: the share of ink left in it, 0 to 1.
    """

    edit_name: EditName
    value: float
    answer: int
    probability: float
    pixels: Digits
    ink: float

    @property
    def amount(self) -> float:
        """How far the digit is changed; comparable within one parameter."""
        return EDIT_BY_NAME[self.edit_name].amount(self.value)


@dataclass(frozen=True)
class Counterfactuals:
    """The smallest changes of one parameter that change the answer.

    Attributes:
        edit_name: the parameter.
        below: the smallest change below `neutral`, if any.
        above: the smallest change above it, if any.
    """

    edit_name: EditName
    below: Counterfactual | None
    above: Counterfactual | None

    @property
    def smallest(self) -> Counterfactual | None:
        """The smaller of both; of equal ones, `below`."""
        both = (self.below, self.above)
        present = [counterfactual for counterfactual in both if counterfactual]
        return min(present, key=lambda counterfactual: counterfactual.amount, default=None)


@dataclass
class _Bracket:
    """An interval with a change of the answer inside, in steps from `neutral`.

    Attributes:
        parameter: what is changed.
        same: an end with the old answer.
        other: an end with another answer.
        probabilities: the ten at `other`.
    """

    parameter: EditParameter
    same: int
    other: int
    probabilities: NDArray[np.float32]

    @property
    def middle(self) -> int:
        return (self.same + self.other) // 2

    @property
    def middle_edit(self) -> Edit:
        return NO_EDIT.with_value(self.parameter.name, self.parameter.value(self.middle))

    @property
    def is_open(self) -> bool:
        return abs(self.other - self.same) > 1

    def counterfactual(self, pixels: Digits) -> Counterfactual:
        """The end with another answer."""
        value, answer = self.parameter.value(self.other), int(self.probabilities.argmax())
        (image,), (ink,) = apply_edits(pixels, [NO_EDIT.with_value(self.parameter.name, value)])
        return Counterfactual(
            self.parameter.name, value, answer, float(self.probabilities[answer]), image, float(ink)
        )


def probability_curve(
    pixels: Digits, name: EditName, predict: Predict, base: Edit = NO_EDIT
) -> ProbabilityCurve:
    """What a network answers along the whole range of one parameter.

    The other parameters stay as in `base`. The parameter's own value in `base` is on the curve too,
    so that one batch of at most 64 digits also gives the answer for the digit as it is now.

    Args:
        pixels: the digit, uint8 (28, 28).
        name: the parameter that varies.
        predict: the network.
        base: the edit of all other parameters.

    Raises:
        ValueError: `pixels` has another shape or dtype.
    """
    return _curves(pixels, [name], predict, base, _MAX_CURVE_VALUES)[name]


def smallest_counterfactuals(
    pixels: Digits, predict: Predict, names: Sequence[EditName] = tuple(EDIT_BY_NAME)
) -> dict[EditName, Counterfactuals]:
    """The smallest change of each parameter, in both directions, that changes the answer.

    One step less does not change it, and neither does any smaller value that was evaluated (see the
    top of this module). All parameters share a few batches.

    Args:
        pixels: the digit, uint8 (28, 28).
        predict: the network.
        names: the parameters that are searched.

    Raises:
        ValueError: `pixels` has another shape or dtype.
    """
    brackets: dict[tuple[EditName, int], _Bracket] = {}
    for name, curve in _curves(pixels, names, predict, NO_EDIT, None).items():
        for direction in (-1, 1):
            bracket = _first_change(curve, direction)
            if bracket:
                brackets[name, direction] = bracket
    _narrow(pixels, list(brackets.values()), predict)
    ends = {key: bracket.counterfactual(pixels) for key, bracket in brackets.items()}
    return {
        name: Counterfactuals(name, ends.get((name, -1)), ends.get((name, 1))) for name in names
    }


def _curves(
    pixels: Digits, names: Sequence[EditName], predict: Predict, base: Edit, max_values: int | None
) -> dict[EditName, ProbabilityCurve]:
    """The curves of several parameters, in shared batches; `max_values` of each."""
    values = {
        name: _searched_values(EDIT_BY_NAME[name], float(getattr(base, name)), max_values)
        for name in names
    }
    images, ink = apply_edits(
        pixels, [base.with_value(name, value) for name in names for value in values[name]]
    )
    probabilities = _batched(predict, images)
    ends = np.cumsum([len(values[name]) for name in names])[:-1]
    parts = zip(names, np.split(probabilities, ends), np.split(ink, ends), strict=True)
    return {
        name: ProbabilityCurve(EDIT_BY_NAME[name], np.array(values[name]), part, ink_part)
        for name, part, ink_part in parts
    }


def _first_change(curve: ProbabilityCurve, direction: int) -> _Bracket | None:
    """Where the answer first changes, upwards (1) or downwards (-1) from `neutral`.

    None if it never changes, or if the digit disappears before.
    """
    parameter, answers, has_digit = curve.parameter, curve.answers, curve.has_digit
    steps = [parameter.steps(value) for value in curve.values.tolist()]
    start = steps.index(0)
    end = len(steps) if direction > 0 else -1
    for index in range(start + direction, end, direction):
        if not has_digit[index]:
            return None
        if answers[index] != answers[start]:
            same, other = steps[index - direction], steps[index]
            return _Bracket(parameter, same, other, curve.probabilities[index])
    return None


def _narrow(pixels: Digits, brackets: Sequence[_Bracket], predict: Predict) -> None:
    """Halve all brackets together until each is one step wide."""
    old_answer = _batched(predict, pixels[None])[0].argmax()
    while wide := [bracket for bracket in brackets if bracket.is_open]:
        images, _ = apply_edits(pixels, [bracket.middle_edit for bracket in wide])
        for bracket, probabilities in zip(wide, _batched(predict, images), strict=True):
            if probabilities.argmax() == old_answer:
                bracket.same = bracket.middle
            else:
                bracket.other, bracket.probabilities = bracket.middle, probabilities


def _searched_values(
    parameter: EditParameter, current: float, max_values: int | None
) -> list[float]:
    """Values over the whole range: even steps from `neutral`, both ends, and the current value.

    With `max_values`, the steps are widened until no more than so many values remain besides the
    current one.
    """
    low, high = parameter.steps(parameter.low), parameter.steps(parameter.high)
    widening = (
        1
        if max_values is None
        else -(-((high - low) // parameter.search_stride) // (max_values - 2))
    )
    down, up = (
        range(0, end, direction * widening * parameter.search_stride)
        for end, direction in ((low, -1), (high, 1))
    )
    return sorted({current, *(parameter.value(k) for k in {*down, *up, low, high})})


def _batched(predict: Predict, images: Digits) -> NDArray[np.float32]:
    parts = [predict(images[at : at + _AT_ONCE]) for at in range(0, len(images), _AT_ONCE)]
    return np.concatenate(parts)
