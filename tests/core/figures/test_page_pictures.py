"""The small pictures of the home page show what they say."""

import numpy as np
import pytest

from core.data import mnist
from core.figures.page_pictures import (
    HEIGHT,
    WIDTH,
    curve_picture,
    digits_picture,
    first_maps_picture,
    matrix_picture,
)
from core.figures.style import DIGIT_COLORS, rgb
from core.runs import registry

SAMPLE = mnist.load("mnist-sample")


def test_ten_digits_stand_dark_on_white_in_two_rows() -> None:
    images = np.zeros((10, 28, 28), np.uint8)
    images[7] = 255
    picture = digits_picture(images)
    assert picture.shape == (2 * HEIGHT, 2 * WIDTH, 3)
    # The eighth: the third of the lower row.
    assert picture[int(1.5 * HEIGHT), int(2.5 * 2 * WIDTH / 5)].max() == 0
    assert picture[HEIGHT // 2, HEIGHT // 2].min() == 255


@pytest.mark.parametrize("theme", ["light", "dark", None])
def test_the_most_frequent_mistake_is_the_strongest_cell_and_framed(theme: str | None) -> None:
    counts = np.diag(np.full(10, 90))
    counts[4, 9], counts[2, 7] = 6, 1
    cells = matrix_picture(counts, (4, 9), theme)
    side = cells.shape[0] // 10
    centers = cells[side // 2 :: side, side // 2 :: side].astype(int)
    assert tuple(centers[4, 9]) == rgb(DIGIT_COLORS[6])
    paper = centers[0, 1]
    distance = np.abs(centers - paper).sum(axis=-1)
    assert distance[4, 9] > distance[2, 7] > distance[0, 1] == 0
    unframed = matrix_picture(counts, None, theme)
    rows, columns = np.nonzero((cells != unframed).any(axis=-1))
    assert (rows.min() // side, columns.max() // side) in {(4, 9), (3, 9)}


def test_a_falling_loss_falls_in_the_picture_and_what_is_not_finite_is_left_out() -> None:
    picture = curve_picture([[2.0, float("nan"), 1.0, 0.0]], "light")
    blue = (np.abs(picture.astype(int) - rgb(DIGIT_COLORS[0])).sum(axis=-1)) < 30
    height = [float(np.nonzero(blue[:, x])[0].mean()) for x in (24, picture.shape[1] - 24)]
    assert height[0] < height[1]  # rows are counted downward
    assert curve_picture([], "dark").shape == picture.shape
    assert curve_picture([[float("nan")]], None).shape == picture.shape


def test_the_first_maps_are_those_of_a_convolution_and_a_dense_network_has_none() -> None:
    image = SAMPLE.test.images[0]
    picture = first_maps_picture(registry.find_run("yalcin"), image, "light")
    assert picture is not None
    assert picture.shape[1] == 2 * picture.shape[0]
    assert len(np.unique(picture.reshape(-1, 3), axis=0)) > 20
    blank = first_maps_picture(registry.find_run("yalcin"), np.zeros_like(image), "light")
    assert blank is not None
    assert len(np.unique(blank.reshape(-1, 3), axis=0)) == 2  # the middle color and the border
    assert first_maps_picture(registry.find_run("purawr"), image, "light") is None
