"""Pixel scalings against Keras itself and against sums done by hand."""

import numpy as np
import pytest
from numpy.typing import NDArray

from core.data import mnist
from core.data.normalization import MNIST_MEAN, MNIST_STD, Scaling, scale


@pytest.fixture
def digits() -> NDArray[np.uint8]:
    return mnist.load("mnist-sample").test.images[:50]


def test_l2_is_keras_own_normalize_along_axis_1(digits: NDArray[np.uint8]) -> None:
    from keras.utils import normalize

    expected = normalize(digits.astype(np.float64), axis=1)
    assert scale(digits, "l2-axis-1")[..., 0] == pytest.approx(expected, abs=1e-6)


def test_l2_of_a_column_by_hand() -> None:
    digit = np.zeros((1, 28, 28), np.uint8)
    digit[0, 3, 5], digit[0, 20, 5] = 3, 4  # a column of length 5
    scaled = scale(digit, "l2-axis-1")[0, :, :, 0]
    assert scaled[3, 5] == pytest.approx(0.6)
    assert scaled[20, 5] == pytest.approx(0.8)
    assert scaled.sum() == pytest.approx(1.4)


def test_divide_255_is_plain_division(digits: NDArray[np.uint8]) -> None:
    assert scale(digits, "divide-255")[..., 0] == pytest.approx(digits / 255, abs=1e-7)


def test_standardize_by_hand() -> None:
    digit = np.full((1, 28, 28), 255, np.uint8)
    # (1 - 0.1307) / 0.3081 = 2.82148...
    assert scale(digit, "standardise") == pytest.approx(2.82149, abs=1e-5)


@pytest.mark.full_mnist
def test_standardized_mnist_has_mean_0_and_deviation_1() -> None:
    pixels = mnist.load("mnist").train.images
    assert pytest.approx(pixels.mean() / 255, abs=5e-5) == MNIST_MEAN
    assert pytest.approx(pixels.std() / 255, abs=5e-5) == MNIST_STD


def test_standardized_sample_has_about_mean_0_and_deviation_1() -> None:
    scaled = scale(mnist.load("mnist-sample").train.images, "standardise")
    assert abs(scaled.mean()) < 0.02
    assert abs(scaled.std() - 1) < 0.02


@pytest.mark.parametrize("scaling", ["divide-255", "l2-axis-1", "standardise"])
def test_blank_digit_divides_nothing_by_zero(scaling: Scaling) -> None:
    with np.errstate(all="raise"):
        scaled = scale(np.zeros((2, 28, 28), np.uint8), scaling)
    expected = -0.1307 / 0.3081 if scaling == "standardise" else 0.0
    assert scaled == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("scaling", ["divide-255", "l2-axis-1", "standardise"])
def test_output_is_what_a_network_takes(scaling: Scaling, digits: NDArray[np.uint8]) -> None:
    before = digits.copy()
    scaled = scale(digits, scaling)
    assert (scaled.shape, scaled.dtype) == ((50, 28, 28, 1), np.float32)
    assert np.array_equal(digits, before)
    assert scale(digits[:0], scaling).shape == (0, 28, 28, 1)
