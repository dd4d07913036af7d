"""A digit as numbers: what a student reads off the page."""

import re

import numpy as np
import pytest

from core.data import mnist
from core.figures.html import (
    PIXEL_SCALINGS,
    TENSOR_SHAPES,
    PixelScaling,
    describe_normalization,
    one_hot,
    pixel_table_html,
    scaled_pixels,
)

DIGIT = mnist.load("mnist-sample").test.images[5]


def cells(html: str) -> list[str]:
    return re.findall(r"<td[^>]*>([^<]*)</td>", html)


def test_the_raw_numbers_are_the_pixels() -> None:
    assert [int(text) for text in cells(pixel_table_html(DIGIT, "raw"))] == DIGIT.ravel().tolist()


def test_after_the_tutorials_normalize_each_column_has_length_one() -> None:
    keras = pytest.importorskip("keras")
    ours = scaled_pixels(DIGIT, "l2-axis-1")
    np.testing.assert_allclose(ours, keras.utils.normalize(DIGIT[None], axis=1)[0], atol=1e-6)
    lengths = np.sqrt((ours**2).sum(axis=0))
    np.testing.assert_allclose(lengths[DIGIT.any(axis=0)], 1, rtol=1e-6)


def test_divided_by_255_the_numbers_are_fractions() -> None:
    np.testing.assert_allclose(scaled_pixels(DIGIT, "divide-255"), DIGIT / 255, rtol=1e-6)
    shown = cells(pixel_table_html(DIGIT, "divide-255"))
    row, column = np.argwhere(DIGIT == 128)[0] if (DIGIT == 128).any() else (0, 0)
    expected = {0: "0", 128: ".50"}[int(DIGIT[row, column])]
    assert shown[row * 28 + column] == expected
    assert "1.00" in shown


@pytest.mark.parametrize("shown", PIXEL_SCALINGS)
def test_every_pixel_has_its_number_and_can_be_read(shown: PixelScaling) -> None:
    html = pixel_table_html(DIGIT, shown)
    assert len(cells(html)) == 784
    for gray, ink in re.findall(r"background:rgb\((\d+),\d+,\d+\);color:(#\w+)", html):
        # WCAG 2: 4.5 to 1, of the relative luminance of the gray.
        share = int(gray) / 255
        luminance = share / 12.92 if share <= 0.03928 else ((share + 0.055) / 1.055) ** 2.4
        contrast = 1.05 / (luminance + 0.05) if ink == "#fff" else (luminance + 0.05) / 0.05
        assert contrast >= 4.5


def test_what_changed_is_said_with_this_digits_numbers() -> None:
    assert f"largest is {DIGIT.max()}" in describe_normalization(DIGIT, "raw")
    assert f"mean {DIGIT.mean() / 255:.3f}" in describe_normalization(DIGIT, "divide-255")
    words = describe_normalization(DIGIT, "l2-axis-1")
    inked = DIGIT[:, DIGIT.any(axis=0)] / 255
    strongest = (inked / np.sqrt((inked**2).sum(axis=0))).max(axis=0)
    assert f"between {strongest.min():.2f} and {strongest.max():.2f}" in words
    assert "stays so" in describe_normalization(np.zeros((28, 28), np.uint8), "l2-axis-1")


def test_an_empty_picture_is_all_zeros() -> None:
    for shown in PIXEL_SCALINGS:
        assert set(cells(pixel_table_html(np.zeros((28, 28), np.uint8), shown))) == {"0"}


def test_one_hot() -> None:
    assert one_hot(3).tolist() == [0, 0, 0, 1, 0, 0, 0, 0, 0, 0]
    np.testing.assert_array_equal([one_hot(k) for k in range(10)], np.eye(10))


def test_the_shape_story_multiplies_to_the_same_count() -> None:
    for _, axes in TENSOR_SHAPES:
        assert np.prod([axis.size for axis in axes]) == DIGIT.size
