"""The gate: its arithmetic against Keras's, what it lets through and what not, how it behaves."""

import subprocess
import sys

import cv2
import keras
import numpy as np
import pytest
from numpy.typing import NDArray

from core.data import mnist
from core.preprocessing import digitness as digitness_module
from core.preprocessing.digitness import BATCH, DIGITNESS_WEIGHTS, digitness, forward

Way = tuple[tuple[float, float], ...]


def by_hand(*ways: Way, pen: int = 16, turn: float = 0.0) -> NDArray[np.uint8]:
    """Strokes through points of a square of 1, drawn on the canvas and prepared as there."""
    from core.preprocessing.mnist_format import find_digit

    page = np.full((280, 280), 255, np.uint8)
    angle = np.radians(turn)
    turned = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    for way in ways:
        dots = 140 + 150 * (np.array(way) - 0.5) @ turned.T
        cv2.polylines(page, [np.rint(dots).astype(np.int32)], False, 0, pen, cv2.LINE_AA)
    return find_digit(page, ink="dark", paper=255).pixels


def arc(x: float, y: float, wide: float, tall: float, start: float, end: float) -> Way:
    """Part of an ellipse, from one angle to another in degrees (clockwise, 0 to the right)."""
    angles = np.radians(np.linspace(start, end, 24))
    points = zip(x + wide * np.cos(angles), y + tall * np.sin(angles), strict=True)
    return tuple((float(a), float(b)) for a, b in points)


DIGITS: dict[str, tuple[Way, ...]] = {
    "0": (arc(0.5, 0.5, 0.3, 0.5, 0, 360),),
    "1 a bare stroke": (((0.5, 0.0), (0.5, 1.0)),),
    "1 with a flag": (((0.25, 0.3), (0.55, 0.0), (0.55, 1.0)),),
    "1 with a foot": (((0.3, 0.25), (0.5, 0.0), (0.5, 1.0)), ((0.25, 1.0), (0.75, 1.0))),
    "2": ((*arc(0.45, 0.27, 0.28, 0.27, 190, 390), (0.15, 1.0), (0.8, 1.0)),),
    "3": (arc(0.4, 0.25, 0.28, 0.25, 200, 450) + arc(0.4, 0.75, 0.32, 0.25, 270, 510),),
    "4 open": (((0.2, 0.0), (0.1, 0.6), (0.8, 0.6)), ((0.6, 0.2), (0.6, 1.0))),
    "4 closed": (((0.6, 1.0), (0.6, 0.0), (0.1, 0.65), (0.85, 0.65)),),
    "5": (((0.7, 0.0), (0.25, 0.0), (0.2, 0.42)), arc(0.4, 0.68, 0.33, 0.3, 230, 500)),
    "6": (((0.6, 0.0), (0.3, 0.35), *arc(0.48, 0.7, 0.28, 0.29, 200, 560)),),
    "7": (((0.15, 0.0), (0.8, 0.0), (0.4, 1.0)),),
    "7 with a bar": (((0.15, 0.0), (0.8, 0.0), (0.4, 1.0)), ((0.3, 0.5), (0.8, 0.5))),
    "8": (arc(0.5, 0.26, 0.24, 0.25, 90, 450), arc(0.5, 0.75, 0.28, 0.25, -90, 270)),
    "9 with a straight leg": (arc(0.45, 0.27, 0.25, 0.27, 0, 360), ((0.7, 0.25), (0.7, 1.0))),
    "9 with a bent leg": (
        arc(0.45, 0.27, 0.25, 0.27, 0, 360),
        ((0.7, 0.25), (0.7, 0.7), *arc(0.45, 0.75, 0.25, 0.25, 0, 140)),
    ),
}


@pytest.mark.parametrize("turn", [-15, 0, 15])
@pytest.mark.parametrize("pen", [10, 24])
@pytest.mark.parametrize("name", list(DIGITS))
def test_a_digit_drawn_by_hand_is_a_digit(name: str, pen: int, turn: float) -> None:
    assert digitness(by_hand(*DIGITS[name], pen=pen, turn=turn)[None])[0] > 0.3


NOTHING: dict[str, tuple[Way, ...]] = {
    "A": (((0.1, 1.0), (0.5, 0.0), (0.9, 1.0)), ((0.28, 0.6), (0.72, 0.6))),
    "M": (((0.1, 1.0), (0.15, 0.0), (0.5, 0.6), (0.85, 0.0), (0.9, 1.0)),),
    "W": (((0.0, 0.0), (0.25, 1.0), (0.5, 0.3), (0.75, 1.0), (1.0, 0.0)),),
    "X": (((0.1, 0.0), (0.9, 1.0)), ((0.9, 0.0), (0.1, 1.0))),
    "K": (((0.2, 0.0), (0.2, 1.0)), ((0.8, 0.0), (0.2, 0.5), (0.8, 1.0))),
    "star": (((0.5, 0.0), (0.8, 1.0), (0.0, 0.4), (1.0, 0.4), (0.2, 1.0), (0.5, 0.0)),),
    "house": (((0.1, 1.0), (0.1, 0.4), (0.5, 0.0), (0.9, 0.4), (0.9, 1.0), (0.1, 1.0)),),
    "zigzag": (tuple((k / 8, 0.2 + 0.6 * (k % 2)) for k in range(9)),),
    "hash": tuple(((a, 0.1), (a, 0.9)) for a in (0.35, 0.65))
    + tuple(((0.1, a), (0.9, a)) for a in (0.35, 0.65)),
}


@pytest.mark.parametrize("name", list(NOTHING))
def test_what_is_no_digit_is_none(name: str) -> None:
    assert digitness(by_hand(*NOTHING[name])[None])[0] < 0.5


def test_a_thousand_digits_pass() -> None:
    """The sample's test digits: neither the gate nor `best` was trained on them."""
    scores = digitness(mnist.load("mnist-sample").test.images)
    assert (scores < 0.12).mean() <= 0.01
    assert (scores > 0.4).mean() >= 0.98


def test_its_arithmetic_is_that_of_keras() -> None:
    rng = np.random.default_rng(0)
    kernels = [(9, 5), (45, 7), (63, 8)]
    layers = [
        (rng.normal(0, 0.2, size).astype(np.float32), rng.normal(0, 0.1, size[1:]).astype("f"))
        for size in [*kernels, (128, 11)]
    ]
    network = keras.Sequential([keras.Input((28, 28, 1))])
    for channels, filters in zip((1, 5, 7), (5, 7, 8), strict=True):
        network.add(keras.layers.ZeroPadding2D(1))
        layer = keras.layers.Conv2D(filters, 3, strides=2, activation="relu")
        network.add(layer)
        kernel, bias = layers[len(network.layers) // 2 - 1]
        layer.set_weights([kernel.reshape(3, 3, channels, filters), bias])
    network.add(keras.layers.Flatten())
    network.add(keras.layers.Dense(11))
    network.layers[-1].set_weights(list(layers[-1]))
    pixels = rng.integers(0, 256, (6, 28, 28)).astype(np.uint8)
    expected = network(pixels[..., None].astype(np.float32) / 255).numpy()
    np.testing.assert_allclose(forward(pixels, tuple(layers)), expected, atol=1e-4)


def test_it_is_asked_on_the_picture_and_on_its_four_moves() -> None:
    cross = by_hand(((0.1, 0.0), (0.9, 1.0)), ((0.9, 0.0), (0.1, 1.0)))
    pixels = np.stack([*mnist.load("mnist-sample").test.images[:5], cross])
    pixels[:, [0, -1]] = 0  # no ink on the border: there `np.roll` is a move
    pixels[:, :, [0, -1]] = 0
    moves = ((0, 0), (1, 0), (-1, 0), (0, 1), (0, -1))
    five = [forward(np.roll(pixels, move, (1, 2)), digitness_module._layers()) for move in moves]
    odds = np.exp(np.mean(five, axis=0, dtype=np.float64))
    expected = odds[:, :10].sum(axis=1) / odds.sum(axis=1)
    np.testing.assert_allclose(digitness(pixels), expected, atol=1e-5)
    assert expected[:5].min() > 0.9
    assert expected[5] < 0.1


def test_one_by_one_and_together_are_the_same() -> None:
    images = mnist.load("mnist-sample").test.images[: BATCH + 7]
    together = digitness(images)
    alone = np.concatenate([digitness(image[None]) for image in images[:: BATCH // 4]])
    np.testing.assert_allclose(together[:: BATCH // 4], alone, atol=1e-5)
    assert (digitness(images) == together).all()
    assert digitness(images[:0]).shape == (0,)
    assert together.dtype == np.float32
    assert together.min() >= 0
    assert together.max() <= 1


@pytest.mark.parametrize(
    "odd",
    [
        np.zeros((28, 28), np.uint8),
        np.zeros((1, 28, 28), np.float32),
        np.zeros((1, 8, 8), np.uint8),
    ],
)
def test_anything_else_is_refused(odd: NDArray[np.generic]) -> None:
    with pytest.raises(ValueError, match="uint8"):
        digitness(odd)  # type: ignore[arg-type]


def test_it_is_small_and_needs_no_tensorflow() -> None:
    assert DIGITNESS_WEIGHTS.stat().st_size <= 250_000
    ask = (
        "import sys, numpy as np; from core.inference.reader import classify_answer as judge;"
        "judge(np.zeros((1, 28, 28), np.uint8), np.full((1, 10), 0.1, np.float32));"
        "print('tensorflow' in sys.modules)"
    )
    told = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "False"


def test_a_blank_square_is_no_digit() -> None:
    assert digitness_module.digitness(np.zeros((1, 28, 28), np.uint8))[0] < 0.5
