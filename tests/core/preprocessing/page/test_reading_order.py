"""Lines and numbers of boxes at known places."""

import numpy as np
import pytest

from core.preprocessing.mnist_format import Box
from core.preprocessing.page.reading_order import (
    estimate_tilt,
    find_lines,
    group_numbers,
    line_of_sign,
)


def row(y: int, count: int, *, left: int = 0, slope: float = 0.0) -> list[Box]:
    return [(left + 40 * k, round(y + slope * 40 * k), 20, 30) for k in range(count)]


def test_lines_of_a_page_run_from_top_to_bottom_and_left_to_right() -> None:
    boxes = row(100, 4) + row(0, 4)
    assert find_lines(boxes) == [[4, 5, 6, 7], [0, 1, 2, 3]]


@pytest.mark.parametrize("degrees", [-12, 0, 12])
def test_sloping_lines_stay_apart(degrees: int) -> None:
    slope = float(np.tan(np.radians(degrees)))
    boxes = row(200, 8, slope=slope) + row(250, 8, slope=slope)
    assert estimate_tilt(boxes, 30) == pytest.approx(degrees, abs=2)
    assert find_lines(boxes) == [list(range(8)), list(range(8, 16))]


@pytest.mark.parametrize("seed", range(20))
def test_digits_at_uneven_heights_are_one_line_if_none_stands_above_another(seed: int) -> None:
    rng = np.random.default_rng(seed)
    boxes = [(40 * k, int(rng.integers(0, 45)), 20, 30) for k in range(5)]
    assert find_lines(boxes) == [[0, 1, 2, 3, 4]]


def test_one_digit_above_another_makes_two_lines() -> None:
    assert find_lines([(0, 0, 20, 30), (5, 40, 20, 30)]) == [[0], [1]]


def test_no_boxes_are_no_lines() -> None:
    assert find_lines([]) == []
    assert group_numbers([], 30) == []


def test_a_sign_stands_on_the_line_of_the_nearest_digit_or_on_none() -> None:
    boxes = row(0, 3) + row(60, 3)
    lines = [[0, 1, 2], [3, 4, 5]]
    assert line_of_sign((22, 26, 5, 5), boxes, lines, 30) == 0
    assert line_of_sign((22, 86, 5, 5), boxes, lines, 30) == 1
    assert line_of_sign((400, 26, 5, 5), boxes, lines, 30) is None
    assert line_of_sign((0, 0, 5, 5), [], [], 30) is None


def test_a_sign_between_digits_joins_them_to_one_number() -> None:
    digits: list[Box] = [(0, 0, 20, 30), (48, 0, 20, 30)]
    assert group_numbers(digits, 30) == [0, 1]
    assert group_numbers([digits[0], (28, 0, 12, 36), digits[1]], 30) == [0, 0, 0]
