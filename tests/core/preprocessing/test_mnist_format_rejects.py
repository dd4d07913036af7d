"""What is no digit gets a sentence; what only looks like none is still read."""

import numpy as np
import pytest

from core.preprocessing.mnist_format import find_digit
from core.utils.errors import PictureError
from tests.helpers.made_pictures import Image, bar, difference, drawn, on_page
from tests.helpers.sample_digits import sample_digits

BLANK = np.full((280, 280, 4), 255, np.uint8)


@pytest.mark.parametrize(
    ("picture", "sentence"),
    [
        (BLANK, "Nothing is drawn"),
        (np.zeros((280, 280, 4), np.uint8), "Nothing is drawn"),
        (np.zeros((50, 50), np.uint8), "Nothing is drawn"),
        (np.full((50, 50, 3), (200, 30, 90), np.uint8), "Nothing is drawn"),
        (drawn([(90, 140), (90, 140)], 18), "Only a dot"),
        (bar(50, 50, 1, 1), "Only a dot"),
        (bar(10, 10, 260, 260, side=280), "nearly everything"),
        (np.zeros((1, 1), np.uint8), "only 1×1 pixels"),
        (np.zeros((3, 200, 3), np.uint8), "only 200×3 pixels"),
        (np.zeros((0, 5), np.uint8), "only 5×0 pixels"),
        (np.zeros((9, 9, 2), np.uint8), "not a picture"),
        (np.zeros(9, np.uint8), "not a picture"),
    ],
)
def test_what_is_no_digit_is_told_in_a_sentence(picture: Image, sentence: str) -> None:
    with pytest.raises(PictureError, match=sentence) as caught:
        find_digit(picture)
    assert str(caught.value).endswith(".")


@pytest.mark.parametrize("pen", [4, 5, 9, 18, 28, 40])
def test_one_touch_of_any_pen_is_a_dot(pen: int) -> None:
    for x, y in ((100, 100), (140.5, 77.3), (pen / 2, 200)):
        for slip_x, slip_y in ((0, 0), (1, 0), (0, 3), (3, 3)):
            page = drawn([(x, y), (x + slip_x, y + slip_y)], pen)
            with pytest.raises(PictureError, match="Only a dot"):
                find_digit(page, ink="dark", paper=255)


def test_small_digits_are_no_dots() -> None:
    for width, height in ((4, 16), (9, 40), (18, 36)):
        prepared = find_digit(bar(130, 130, width, height, side=280))
        assert prepared.box == (130, 130, width, height)
    for digit in sample_digits()[0][::100]:
        find_digit(digit)
        for side in (40, 60):
            find_digit(on_page(digit, side, 100, 90))


@pytest.mark.parametrize(
    ("step", "pen"), [(20, 18), (32, 18), (20, 28), (40, 28), (40, 40), (4, 9)]
)
def test_a_scribble_to_the_edge_of_a_canvas_covers_nearly_everything(step: int, pen: int) -> None:
    rows = [((y, 0, 280), (y, 280, 0))[y // step % 2] for y in range(0, 281, step)]
    page = drawn([(x, y) for y, *ends in rows for x in ends], pen)
    with pytest.raises(PictureError, match=r"^Ink covers nearly everything: clear"):
        find_digit(page, ink="dark", paper=255)


def test_a_square_along_the_edge_of_a_canvas_is_drawn() -> None:
    page = drawn([(9, 9), (271, 9), (271, 271), (9, 271), (9, 9)], 18)
    digit = find_digit(page, ink="dark", paper=255)
    assert digit.box == (0, 0, 280, 280)
    assert digit.pixels[14, [5, 24]].min() > 200  # its sides, and nothing between them
    assert digit.pixels[9:20, 9:20].max() == 0
    with pytest.raises(PictureError, match="looks like ink on a ground"):
        find_digit(page, ink="dark")  # true of ink up to the border, and of no ink as well
    with pytest.raises(PictureError, match="reaches the border"):
        find_digit(page)


def test_a_known_paper_lets_a_digit_touch_and_cross_the_edge(digits: Image) -> None:
    for digit in digits[::2]:
        page = on_page(digit, 196, 40, 40)
        x, y, width, height = find_digit(page, paper=255).box
        pixels = find_digit(page, paper=255).pixels
        np.testing.assert_array_equal(pixels, find_digit(page).pixels)
        tight = page[y : y + height, x : x + width]  # the ink touches all four edges
        assert difference(find_digit(tight, paper=255).pixels, pixels) < 5
        crossing = find_digit(page[:, x + 8 :], ink="dark", paper=255)
        assert crossing.box[0] == 0
        assert difference(crossing.pixels, pixels) < 40
