"""The kernel playground's numbers, judged by SciPy, by Keras, and by hand."""

import numpy as np
import pytest
from scipy.signal import convolve2d, correlate2d

from core.data import mnist
from core.explain.convolution import (
    KERNEL_PRESETS,
    convolve,
    output_side,
    pool,
    window_corner,
    window_step,
)

DIGIT = mnist.load("mnist-sample").test.images[0].astype(float)
RANDOM = np.random.default_rng(3).normal(size=(5, 5))


@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("kernel", [RANDOM, RANDOM[:3, :3]], ids=["5×5", "3×3"])
def test_sliding_is_scipys_correlation_and_turned_its_convolution(
    kernel: np.ndarray, stride: int
) -> None:
    every = (slice(None, None, stride),) * 2
    np.testing.assert_allclose(
        convolve(DIGIT, kernel, stride=stride), correlate2d(DIGIT, kernel, mode="valid")[every]
    )
    np.testing.assert_allclose(
        convolve(DIGIT, kernel, stride=stride, turned=True),
        convolve2d(DIGIT, kernel, mode="valid")[every],
    )


def test_padding_keeps_the_side_and_is_made_of_zeros() -> None:
    np.testing.assert_allclose(
        convolve(DIGIT, RANDOM, padding="same"), correlate2d(DIGIT, RANDOM, mode="same")
    )


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("size", [3, 5])
@pytest.mark.parametrize("side", [28, 9])
def test_it_is_what_keras_computes(side: int, size: int, stride: int, padding: str) -> None:
    keras = pytest.importorskip("keras")
    picture, kernel = DIGIT[:side, -side:], RANDOM[:size, :size]
    seen = keras.ops.conv(
        picture[None, :, :, None], kernel[:, :, None, None], strides=stride, padding=padding
    )
    ours = convolve(picture, kernel, stride=stride, padding=padding)  # type: ignore[arg-type]
    assert ours.shape == (output_side(side, size, stride, padding),) * 2  # type: ignore[arg-type]
    np.testing.assert_allclose(ours, np.asarray(seen)[0, :, :, 0], rtol=1e-4, atol=1e-3)


def test_a_step_is_written_out_number_by_number() -> None:
    picture = [[1, 2, 3, 4], [5, 6, 7, 8], [9, 10, 11, 12], [13, 14, 15, 16]]
    kernel = [[0, 1, 0], [1, -4, 1], [0, 1, 2]]
    step = window_step(picture, kernel, (1, 0))
    assert step.pixels.tolist() == [[5, 6, 7], [9, 10, 11], [13, 14, 15]]
    assert step.products.tolist() == [[0, 6, 0], [9, -40, 11], [0, 14, 30]]
    assert step.total == 30
    assert convolve(picture, kernel)[1, 0] == 30
    turned = window_step(picture, kernel, (1, 0), turned=True)
    # The 2 is laid on the upper left pixel now: 10 + 6 + 9 - 40 + 11 + 14.
    assert turned.total == 10


def test_every_step_is_a_number_of_the_output() -> None:
    out = convolve(DIGIT, RANDOM, stride=2, padding="same")
    for place in [(0, 0), (0, 13), (13, 0), (6, 7)]:
        assert window_step(DIGIT, RANDOM, place, stride=2, padding="same").total == pytest.approx(
            out[place]
        )


@pytest.mark.parametrize("place", [(-1, 0), (0, 26), (26, 0)])
def test_outside_there_is_no_step(place: tuple[int, int]) -> None:
    with pytest.raises(IndexError, match="no place"):
        window_step(DIGIT, RANDOM[:3, :3], place)


def test_where_the_kernel_lies() -> None:
    assert window_corner((0, 0), 28, 3, stride=1, padding="valid") == (0, 0)
    assert window_corner((2, 5), 28, 3, stride=2, padding="valid") == (4, 10)
    assert window_corner((0, 0), 28, 5, stride=1, padding="same") == (-2, -2)
    # Two pixels of padding are needed for stride 2 and 3×3 on 28: none above, one below.
    assert window_corner((0, 0), 28, 3, stride=2, padding="same") == (0, 0)


def test_the_output_shrinks_as_a_student_counts_it() -> None:
    assert output_side(28, 3, 1, "valid") == 26
    assert output_side(28, 5, 1, "valid") == 24
    assert output_side(28, 3, 2, "valid") == 13
    assert output_side(28, 3, 2, "same") == 14
    assert output_side(2, 3, 1, "valid") == 0


def test_pooling_by_hand() -> None:
    picture = [[1, 5, 2, 0, 9], [3, 7, 4, 2, 9], [0, 0, -1, -1, 9], [0, 4, -1, -5, 9]]
    assert pool(picture, 2, "max").tolist() == [[7, 4], [4, -1]]
    assert pool(picture, 2, "average").tolist() == [[4, 2], [1, -2]]
    with pytest.raises(ValueError, match="no 5×5 square"):
        pool(picture, 5, "max")


def test_a_kernel_that_is_too_large_is_refused() -> None:
    with pytest.raises(ValueError, match="larger"):
        convolve(np.ones((2, 2)), np.ones((3, 3)))


def test_presets_do_what_their_words_say() -> None:
    named = {preset.name: preset.kernel for preset in KERNEL_PRESETS}
    flat = np.full((5, 5), 7.0)
    assert np.all(convolve(flat, named["Identity"]) == 7)
    np.testing.assert_allclose(convolve(flat, named["Blur"]), 7)
    np.testing.assert_allclose(convolve(flat, named["Sharpen"]), 7)
    for name in ("Edges", "Sobel, upright edges", "Sobel, level edges"):
        assert np.all(convolve(flat, named[name]) == 0)
    begins = np.tile([0.0, 0.0, 0.0, 1.0, 1.0, 1.0], (3, 1))
    assert convolve(begins, named["Sobel, upright edges"]).tolist() == [[0, 4, 4, 0]]
    assert convolve(begins.T, named["Sobel, level edges"]).T.tolist() == [[0, 4, 4, 0]]
