"""A sheet of digits, read back by Pillow."""

import io

import numpy as np
import pytest
from PIL import Image

from core.data import mnist
from core.figures.images import digit_sheet_png

DIGITS = mnist.load("mnist-sample").test.images


@pytest.mark.parametrize(
    ("n", "columns", "size"), [(10, 5, (140, 56)), (7, 5, (140, 56)), (1, 3, (84, 28))]
)
def test_each_digit_stands_in_its_place(n: int, columns: int, size: tuple[int, int]) -> None:
    picture = Image.open(io.BytesIO(digit_sheet_png(DIGITS[:n], columns)))
    assert (picture.size, picture.mode) == (size, "L")
    pixels = np.asarray(picture)
    for k in range(n):
        row, column = divmod(k, columns)
        seen = pixels[28 * row : 28 * row + 28, 28 * column : 28 * column + 28]
        np.testing.assert_array_equal(255 - seen, DIGITS[k])
    if n % columns:
        assert (pixels[-28:, 28 * (n % columns) :] == 255).all()


def test_a_page_of_digits_is_a_small_file() -> None:
    assert len(digit_sheet_png(DIGITS[:100], 20)) < 40_000
