"""One digit turned, shifted, stretched and thickened, and where that flips an answer."""

import numpy as np
import pytest
from numpy.typing import NDArray

from core.explain.counterfactuals import (
    EDIT_BY_NAME,
    EDITS,
    MIN_INK,
    NO_EDIT,
    Edit,
    EditName,
    apply_edit,
    apply_edits,
    describe_edit,
    probability_curve,
    smallest_counterfactuals,
)
from core.figures.prediction_charts import answer_intervals, probability_course_chart

Digits = NDArray[np.uint8]


def bar(width: int = 3, height: int = 20) -> Digits:
    """An upright bar of full ink in the middle of the picture, to half a pixel."""
    digit = np.zeros((28, 28), np.uint8)
    top, left = (28 - height) // 2, (28 - width) // 2
    digit[top : top + height, left : left + width] = 255
    return digit


def ink(line: Digits) -> float:
    """The length of a line of pixels that is inked, gray ones in part."""
    return float(line.sum()) / 255


def answering(read: NDArray[np.bool_] | list[bool]) -> NDArray[np.float32]:
    """Probabilities that say 7 where it is true, and 1 elsewhere."""
    probabilities = np.zeros((len(read), 10), np.float32)
    probabilities[:, 7] = np.where(read, 0.8, 0.2)
    probabilities[:, 1] = 1 - probabilities[:, 7]
    return probabilities


def middle_column(images: Digits) -> NDArray[np.float64]:
    """Where the ink balances from left to right, for each picture."""
    across = images.sum(axis=1, dtype=np.float64)
    return np.asarray(across @ np.arange(28) / across.sum(axis=1))


def test_nothing_changes_nothing(digits: Digits) -> None:
    for digit in digits[::7]:
        same = apply_edit(digit, Edit())
        assert np.array_equal(same, digit)
        assert same is not digit
    assert describe_edit(NO_EDIT) == "unchanged"


def test_quarter_turns_are_those_of_numpy(digits: Digits) -> None:
    for digit in digits[::7]:
        assert np.array_equal(apply_edit(digit, Edit(turn=90)), np.rot90(digit, -1))
        assert np.array_equal(apply_edit(digit, Edit(turn=-90)), np.rot90(digit))
        assert np.array_equal(apply_edit(digit, Edit(turn=180)), np.rot90(digit, 2))


def test_a_bar_turned_a_quarter_lies_and_turned_an_eighth_leans_to_the_right() -> None:
    lying = apply_edit(bar(4), Edit(turn=90))
    assert ink(lying[14]) == 20
    assert ink(lying[:, 14]) == 4
    leaning = apply_edit(bar(4), Edit(turn=45))
    assert leaning[8:10, 18:20].min() > 200
    assert leaning[8:10, 8:10].max() == 0
    assert ink(leaning) == pytest.approx(80, abs=1)


@pytest.mark.parametrize(("right", "down"), [(3, 0), (-4, 2), (0, -4)])
def test_whole_pixels_shift_as_numpy_rolls(digits: Digits, right: int, down: int) -> None:
    for digit in digits[::7]:
        rolled = np.roll(np.pad(digit, 8), (down, right), (0, 1))[8:-8, 8:-8]
        assert np.array_equal(apply_edit(digit, Edit(right=right, down=down)), rolled)


def test_half_a_pixel_is_the_mean_of_two_neighbors() -> None:
    shifted = apply_edit(bar(4), Edit(right=0.5))
    assert shifted[14].tolist()[11:18] == [0, 128, 255, 255, 255, 128, 0]


@pytest.mark.parametrize("wider", [2, 1, 0.5, 0.3, -0.7, -1, -2, 4])
def test_strokes_grow_by_as_much_as_is_said(wider: float) -> None:
    thick = apply_edit(bar(4), Edit(thicker=wider))
    assert ink(thick[14]) == pytest.approx(4 + wider, abs=0.02)
    assert ink(thick[:, 13]) == pytest.approx(20 + wider, abs=0.02)


def test_thicker_strokes_grow_without_a_jump(digits: Digits) -> None:
    values = np.arange(-2.5, 6.001, 0.05)
    images, _ = apply_edits(digits[20], [Edit(thicker=float(value)) for value in values])
    amounts = images.sum(axis=(1, 2), dtype=np.float64) / 255
    steps = np.diff(amounts)
    assert steps.min() >= 0
    assert steps.max() < 3


def test_width_and_height_are_factors() -> None:
    wide = apply_edit(bar(4), Edit(wider=1.5))
    assert (ink(wide[14]), ink(wide[:, 14])) == pytest.approx((6, 20), abs=0.3)
    flat = apply_edit(bar(4), Edit(taller=0.5))
    assert (ink(flat[14]), ink(flat[:, 14])) == pytest.approx((4, 10), abs=0.3)


def test_a_slant_moves_the_top_to_the_right_and_the_foot_to_the_left() -> None:
    slanted = apply_edit(bar(2), Edit(slant=30))
    rows = slanted[[6, 21]].astype(np.float64)
    top, foot = rows @ np.arange(28) / rows.sum(axis=1)
    # Rows 7.5 above and below the middle, at 13.5; tan 30° = 0.577.
    assert (top, foot) == pytest.approx((13.5 + 4.33, 13.5 - 4.33), abs=0.1)


def test_what_leaves_the_picture_or_is_thinned_away_is_told() -> None:
    digit = bar(4)
    images, left = apply_edits(
        digit,
        [
            Edit(),
            Edit(right=14),
            Edit(thicker=-2),
            Edit(thicker=2),
            Edit(turn=90),
            Edit(thicker=-2.5, down=14),
        ],
    )
    assert left == pytest.approx([1, 0.5, 0.45, 1, 1, 0.328 * 10 / 17.5 * 0.85], abs=0.06)
    assert images[0].tolist() == digit.tolist()
    assert np.array_equal(apply_edit(np.zeros((28, 28), np.uint8), Edit(turn=9)), images[0] * 0)


@pytest.mark.parametrize(
    ("pixels", "change"),
    [
        (np.zeros((28, 27), np.uint8), NO_EDIT),
        (np.zeros((28, 28)), NO_EDIT),
        (bar(), Edit(wider=0)),
        (bar(), Edit(taller=-1)),
    ],
)
def test_nonsense_is_refused(pixels: Digits, change: Edit) -> None:
    with pytest.raises(ValueError, match=r"expected uint8|factors above 0"):
        apply_edit(pixels, change)


def test_values_are_whole_steps_and_are_written_with_their_units() -> None:
    for kind in EDITS:
        assert kind.low < kind.neutral < kind.high
        for end in (kind.low, kind.high):
            assert kind.value(kind.steps(end)) == end
    assert EDIT_BY_NAME["turn"].describe(-12.5) == "turned 12.5° anticlockwise"
    assert EDIT_BY_NAME["right"].describe(2) == "shifted 2.0 px to the right"
    assert EDIT_BY_NAME["thicker"].describe(-0.25) == "strokes 0.25 px thinner"
    assert EDIT_BY_NAME["wider"].describe(0.8) == "width × 0.80"
    assert EDIT_BY_NAME["down"].format_value(-3) == "−3.0 px"
    assert describe_edit(Edit(turn=5, taller=1.2)) == "turned 5.0° clockwise, height × 1.20"


@pytest.mark.parametrize(("flip", "expected"), [(3.14, 3.2), (-2.71, -2.8), (0.02, 0.1)])
def test_a_flip_is_found_to_the_step(flip: float, expected: float) -> None:
    """The bar's ink balances at 13.5; another answer comes beyond a known place."""

    def predict(images: Digits) -> NDArray[np.float32]:
        far = (middle_column(images) - 13.5) * np.sign(flip)
        return answering(far >= abs(flip))

    smallest = smallest_counterfactuals(bar(4), predict, ["right"])["right"].smallest
    assert smallest is not None
    assert smallest.value == pytest.approx(expected)
    assert smallest.answer == 7
    assert smallest.probability == pytest.approx(0.8)
    assert np.array_equal(smallest.pixels, apply_edit(bar(4), Edit(right=smallest.value)))
    nearer = apply_edit(bar(4), Edit(right=round(smallest.value - 0.1 * np.sign(flip), 6)))
    assert predict(nearer[None])[0].argmax() == 1


def test_both_ways_are_looked_at_and_the_smaller_one_wins() -> None:
    def predict(images: Digits) -> NDArray[np.float32]:
        far = middle_column(images) - 13.5
        return answering((far >= 2.35) | (far <= -1.65))

    both = smallest_counterfactuals(bar(4), predict, ["right"])["right"]
    assert both.below
    assert both.above
    assert (both.below.value, both.above.value) == (-1.7, 2.4)
    assert both.smallest is both.below


def test_factors_are_as_far_from_one_as_their_ratio() -> None:
    assert EDIT_BY_NAME["wider"].amount(0.5) == pytest.approx(EDIT_BY_NAME["wider"].amount(2))

    def predict(images: Digits) -> NDArray[np.float32]:
        widths = images[:, 14].sum(axis=1, dtype=np.float64) / 255
        return answering((widths <= 10 * 0.695) | (widths >= 10 * 1.345))

    flips = smallest_counterfactuals(bar(10), predict, ["wider"])["wider"]
    assert flips.below
    assert flips.above
    assert flips.below.value == pytest.approx(0.69, abs=0.021)
    assert flips.above.value == pytest.approx(1.35, abs=0.021)
    # 1 / 0.69 = 1.45 is farther than 1.35, though 0.31 is less than 0.35.
    assert flips.smallest is flips.above


def test_an_answer_that_never_changes_has_no_flip() -> None:
    by_name = smallest_counterfactuals(bar(), lambda images: answering([False] * len(images)))
    assert set(by_name) == set(EDIT_BY_NAME)
    assert all(flips.smallest is None for flips in by_name.values())


def test_a_stroke_that_is_gone_is_no_flip() -> None:
    def predict(images: Digits) -> NDArray[np.float32]:
        return answering(images.max(axis=(1, 2)) < 20)

    assert not apply_edit(bar(2), Edit(thicker=-2.5)).any()
    assert smallest_counterfactuals(bar(2), predict, ["thicker"])["thicker"].smallest is None
    assert probability_curve(bar(2), "thicker", predict).ink[0] < MIN_INK


@pytest.mark.parametrize("name", list(EDIT_BY_NAME))
def test_a_course_goes_over_the_whole_range_in_one_batch(name: EditName) -> None:
    batches: list[Digits] = []

    def predict(images: Digits) -> NDArray[np.float32]:
        batches.append(images)
        return answering([False] * len(images))

    kind = EDIT_BY_NAME[name]
    odd = kind.value(7)
    base = Edit(down=1.5, turn=20).with_value(name, odd)
    curve = probability_curve(bar(), name, predict, base)
    assert [len(batch) <= 64 for batch in batches] == [True]
    assert (curve.values[0], curve.values[-1]) == (kind.low, kind.high)
    assert (np.diff(curve.values) > 0).all()
    assert {kind.neutral, odd} <= set(curve.values.tolist())
    # The rest of what it stands at is kept.
    place = curve.values.tolist().index(odd)
    assert np.array_equal(batches[0][place], apply_edit(bar(), base))


def test_the_digit_as_it_stands_is_among_its_course() -> None:
    def predict(images: Digits) -> NDArray[np.float32]:
        return answering(middle_column(images) > 14.55)

    curve = probability_curve(bar(4), "right", predict, Edit(right=1.1))
    assert curve.probabilities_at(1.1).argmax() == 7
    assert curve.probabilities_at(1.0).argmax() == 1


def test_the_chart_shows_which_digit_is_read_where() -> None:
    def predict(images: Digits) -> NDArray[np.float32]:
        return answering(middle_column(images) - 13.5 >= 3.14)

    curve = probability_curve(bar(4), "right", predict)
    (low, start, between), (high, same, end) = answer_intervals(curve)
    assert (low, start, high, end) == (1, -14, 7, 14)
    assert between == same == pytest.approx(3.25, abs=0.26)
    flip = smallest_counterfactuals(bar(4), predict, ["right"])["right"].smallest
    assert flip
    figure = probability_course_chart(curve, 1, 2.0, [flip])
    assert [trace.name for trace in figure.data] == ["1, its answer", "7"]
    assert figure.data[0].line.width > figure.data[1].line.width
    assert figure.data[0].y[0] == pytest.approx(80)
    lines = {shape.x0 for shape in figure.layout.shapes if shape.x0 == shape.x1}
    assert lines == {3.2, 2.0}
    assert {"<b>1</b>", "7", "2.0 px"} == {
        annotation.text for annotation in figure.layout.annotations
    }


def test_where_nothing_is_left_there_is_neither_line_nor_band() -> None:
    curve = probability_curve(bar(2), "thicker", lambda images: answering([False] * len(images)))
    ((_, start, _),) = answer_intervals(curve)
    assert start > -2
    assert np.isnan(probability_course_chart(curve, 1, 0).data[0].y[0])
