"""Signs among digits whose boxes a person corrected."""

import numpy as np

from core.preprocessing.mnist_format import Box, PreparedDigit
from core.preprocessing.page.box_corrections import place_signs, remove_box
from core.preprocessing.page.detection import FoundDigit, FoundSign
from core.preprocessing.page.detector import Kind


def digit_at(box: Box, line: int = 0, number: int = 0) -> FoundDigit:
    return FoundDigit(PreparedDigit(np.zeros((28, 28), np.uint8), (), box), line, number)


def sign_at(box: Box, text: Kind = ".", line: int = 0, number: int = 0) -> FoundSign:
    return FoundSign(text, box, line, number)


THREE_LINES = tuple(digit_at((40, top, 30, 50), k, k) for k, top in enumerate((0, 100, 200)))


def test_a_sign_goes_up_with_its_line_when_the_line_above_is_removed() -> None:
    point = sign_at((75, 240, 6, 6), ".", 2, 2)
    (placed,) = place_signs([point], THREE_LINES)
    assert placed == point
    (placed,) = place_signs([point], remove_box(THREE_LINES, 0))
    assert (placed.line, placed.number, placed.box) == (1, 1, point.box)


def test_a_sign_inside_the_box_of_a_digit_is_a_part_of_it() -> None:
    slash = sign_at((80, 0, 16, 50), "/")
    assert place_signs([slash], [digit_at((40, 0, 30, 50)), digit_at((78, 0, 20, 52))]) == ()
    assert place_signs([slash], [digit_at((40, 0, 30, 50))]) == (slash,)


def test_signs_are_in_reading_order_and_those_without_a_digit_are_left_out() -> None:
    below, right, left = (sign_at(box) for box in ((75, 140, 5, 5), (75, 45, 5, 5), (30, 25, 8, 3)))
    placed = place_signs([below, right, left], THREE_LINES[:2])
    assert [(sign.box, sign.line) for sign in placed] == [
        (left.box, 0),
        (right.box, 0),
        (below.box, 1),
    ]
    assert place_signs([sign_at((400, 400, 5, 5))], THREE_LINES) == ()
    assert place_signs([left], []) == ()
